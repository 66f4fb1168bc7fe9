//! Faults that are planted, each of which must be found.
//!
//! The table is doctored, so that an honest kernel answers wrongly by it; calls that end
//! their caller or never come back are made where neither is allowed.

use alloc::string::String;

use abi::syscall::{Arg, ArgKind};
use abi::{SYSCALLS, Syscall, SyscallInfo};
use rt::hostile::Journal;
use viper::{Failure, Outcome, Rc, println};

use super::batch::{self, Fate};
use super::judge;
use super::kit::{Ground, Kit};
use super::sweep::{self, Count};
use crate::need;

/// `event_signal`, as if it knew no error at all.
const WITHOUT_ERRORS: SyscallInfo = SyscallInfo {
    number: Syscall::EventSignal as u64,
    name: "event_signal",
    doc: "",
    args: &[
        Arg {
            name: "event",
            kind: ArgKind::Handle,
        },
        Arg {
            name: "clear",
            kind: ArgKind::Flags,
        },
        Arg {
            name: "raise",
            kind: ArgKind::Flags,
        },
    ],
    values: &[],
    rights: "",
    errors: &[],
};

/// `time_now`, as if it returned nothing.
const WITHOUT_VALUES: SyscallInfo = SyscallInfo {
    number: Syscall::TimeNow as u64,
    name: "time_now",
    doc: "",
    args: &[],
    values: &[],
    rights: "",
    errors: &[],
};

/// Looks for everything that is planted.
pub fn main() -> Outcome {
    find().map_err(|wrong| Failure::new(&wrong))?;
    println!("# planted: 4 of 4 found");
    Ok(Rc::OK)
}

fn find() -> Result<(), String> {
    let ground = Ground::new()?;
    let journal = need!(Journal::new());
    let mut count = Count::default();
    sweep::sweep_call(&WITHOUT_ERRORS, &ground, &journal, &mut count)?;
    if count.findings.is_empty() {
        return Err("an error that is not in the table was not found".into());
    }
    let null = row(Syscall::Null)?;
    let trace = fate(&WITHOUT_VALUES, &[], &ground, &journal)?;
    if judge::judge(&WITHOUT_VALUES, &trace).is_ok() {
        return Err("a value that is not in the table was not found".into());
    }
    let ended = fate(row(Syscall::ProcessExit)?, &[], &ground, &journal)?;
    if judge::judge(null, &ended).is_ok() {
        return Err("the end of the caller was not found".into());
    }
    let asleep = fate(row(Syscall::ThreadSleep)?, &[abi::NEVER], &ground, &journal)?;
    match (&asleep, judge::judge(null, &asleep)) {
        (Fate::Waited, Err(_)) => Ok(()),
        other => Err(alloc::format!("a call that never came back: {other:?}")),
    }
}

fn row(wanted: Syscall) -> Result<&'static SyscallInfo, String> {
    let found = SYSCALLS.iter().find(|call| call.number == wanted as u64);
    found.ok_or_else(|| "the table lacks a call".into())
}

/// What becomes of a call with these first registers.
fn fate(
    call: &'static SyscallInfo,
    registers: &[u64],
    ground: &Ground,
    journal: &Journal,
) -> Result<Fate, String> {
    let kit = Kit::new(call, ground, 0)?;
    let mut attack = kit.attack(0);
    for (to, from) in attack.registers.iter_mut().zip(registers) {
        *to = *from;
    }
    let fates = batch::run(kit.arena(), &[attack], journal, true)?;
    fates.into_iter().next().ok_or_else(|| "no fate".into())
}
