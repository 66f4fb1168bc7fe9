//! Upcalls.

use abi::upcall::{UpcallKinds, UpcallRecord};
use abi::{Error, Rights};

use crate::process::Process;
use crate::sched::{self, Upcall};

use super::Args;
use super::context::{Context, Outcome};

pub(super) fn upcall_set(cx: &Context, [entry, stack_top, kinds, ..]: Args) -> Outcome {
    let set = || {
        let kinds = u32::try_from(kinds)
            .ok()
            .and_then(UpcallKinds::from_bits)
            .ok_or(Error::InvalidArgument)?;
        let sound = entry < abi::USER_END
            && entry.is_multiple_of(4)
            && stack_top <= abi::USER_END
            && stack_top.is_multiple_of(16);
        if !sound {
            return Err(Error::InvalidArgument);
        }
        let kinds = if entry == 0 {
            UpcallKinds::empty()
        } else {
            kinds
        };
        cx.thread.set_upcall(Upcall {
            entry,
            stack_top,
            kinds,
        });
        Ok(Outcome::OK)
    };
    Outcome::from(set())
}

pub(super) fn upcall_return(cx: &Context, [record, ..]: Args) -> Outcome {
    let back = || {
        let record: UpcallRecord = cx.read_record(record)?;
        let sound = record.pc < abi::USER_END && record.pc.is_multiple_of(4);
        if !sound || record.sp > abi::USER_END {
            return Err(Error::InvalidArgument);
        }
        if !cx.thread.end_upcall() {
            return Err(Error::BadState);
        }
        let (pc, sp, status) = (record.pc, record.sp, record.status);
        cx.thread.frame().restore(&record.registers, sp, pc, status);
        Ok(())
    };
    match back() {
        Ok(()) => sched::yield_frameless(),
        Err(error) => error.into(),
    }
}

pub(super) fn process_interrupt(cx: &Context, [process, code, ..]: Args) -> Outcome {
    let interrupt = || {
        let process = cx.get::<Process>(process, Rights::SIGNAL)?;
        if process.interrupt(code) {
            Ok(Outcome::OK)
        } else {
            Err(Error::BadState)
        }
    };
    Outcome::from(interrupt())
}
