//! Handing faults and breaks to the program itself.

use abi::process::FaultKind;
use abi::upcall::{UpcallKinds, UpcallRecord};
use zerocopy::IntoBytes;

use crate::sched::Thread;

use super::Process;

impl Process {
    /// Makes a thread of this process go on where it wants to at a fault or a break. False:
    /// it does not want to, is in an upcall already, or has no stack for it.
    pub(super) fn deliver(
        &self,
        thread: &Thread,
        kind: UpcallKinds,
        fault: FaultKind,
        value: u64,
    ) -> bool {
        let Some(upcall) = thread.begin_upcall(kind) else {
            return false;
        };
        let frame = thread.frame();
        let record = UpcallRecord {
            kind: kind.bits(),
            fault: fault as u32,
            value,
            registers: core::array::from_fn(|register| frame.register(register)),
            sp: frame.sp(),
            pc: frame.pc(),
            status: frame.status(),
        };
        let size = size_of::<UpcallRecord>() as u64;
        let place = upcall.stack_top.checked_sub(size);
        let written =
            place.is_some_and(|place| self.space().write(place, record.as_bytes()).is_ok());
        match place.filter(|_| written) {
            Some(place) => {
                frame.divert(upcall.entry, place, place);
                true
            }
            None => {
                thread.end_upcall();
                false
            }
        }
    }

    /// Makes the first thread that takes breaks take one; false where none does.
    pub fn interrupt(&self, code: u64) -> bool {
        self.find_thread(|thread| thread.takes_breaks())
            .is_some_and(|thread| thread.interrupt(code))
    }
}
