//! Calls of processes that have given some up, and all calls while a trace is on.
//!
//! So are those of processes that a bad handle ends. Their threads run with a table of their own, all of whose rows lead here; others pay
//! nothing.

use abi::process::{FaultKind, RestrictFlags};
use abi::trace::TraceEvent;
use abi::{Error, Syscall};

use crate::arch::{self, PENDING_BLOCKED, ShortResult};
use crate::process::{Exit, Process, RESTRICT_WORDS, process_of};
use crate::sched;
use crate::trace;

use super::Args;
use super::context::{Context, Outcome};

/// What nobody can give up: without them a program could not even end.
const KEPT: [Syscall; 3] = [
    Syscall::ProcessExit,
    Syscall::ThreadExit,
    Syscall::UpcallReturn,
];

/// Most bytes of a mask.
const MASK_BYTES: usize = RESTRICT_WORDS * 8;

/// Makes a call if the process may, and looks at what came of it.
pub(super) fn run(number: u64, call: impl FnOnce() -> u64) -> u64 {
    let thread = sched::current();
    let process = process_of(&thread);
    let restrictions = process.restrictions();
    if trace::is_on() {
        trace::record(TraceEvent::Syscall, thread.id(), number);
    } else if !restrictions.is_any() {
        thread.stop_strictness(|| restrictions.is_any());
    }
    let (flags, allowed) = (restrictions.flags(), restrictions.allows(number));
    if !allowed {
        if flags.contains(RestrictFlags::BAD_CALL_ENDS) {
            end(&process, FaultKind::BadCall);
        }
        return Error::BadSyscall as u64;
    }
    let error = call();
    if error == Error::BadHandle as u64 && flags.contains(RestrictFlags::BAD_HANDLE_ENDS) {
        end(&process, FaultKind::BadHandle);
    }
    error
}

/// As [`run`], for a call whose arguments and results are in the frame.
pub(super) fn run_in_frame(number: u64, call: fn()) {
    let before = sched::current().id();
    let mut made = false;
    let refused = run(number, || {
        made = true;
        call();
        let thread = sched::current();
        // Where the thread waits, or another runs by now, there is no result to look at.
        let waits = arch::pending() & PENDING_BLOCKED != 0 || thread.id() != before;
        if waits { 0 } else { thread.frame().register(0) }
    });
    if !made {
        sched::current().frame().set_result(refused, [0; 3]);
    }
}

fn end(process: &Process, kind: FaultKind) {
    let pc = sched::current().frame().pc();
    arch::irq_enable();
    log::info!("{}: {}, pc {pc:#x}", process.name(), kind.text());
    process.end(Exit::Fault {
        kind,
        address: 0,
        pc,
    });
    arch::irq_disable();
}

/// The outcome of a short call, as that of a long one.
pub(super) fn finish_short(result: ShortResult) -> u64 {
    // Who ends the wait writes the results, and may have done so already.
    if arch::pending() & PENDING_BLOCKED == 0 {
        let thread = sched::current();
        for (register, value) in [(1, result.value), (2, 0), (3, 0)] {
            thread.frame().set_register(register, value);
        }
    }
    result.error
}

pub(super) fn process_restrict(cx: &Context, [flags, mask, length, ..]: Args) -> Outcome {
    let restrict = || {
        let flags = u32::try_from(flags)
            .ok()
            .and_then(RestrictFlags::from_bits)
            .ok_or(Error::InvalidArgument)?;
        if length == 0 || !length.is_multiple_of(8) || length > MASK_BYTES as u64 {
            return Err(Error::InvalidArgument);
        }
        let bytes = cx.reader(mask, length)?.to_vec(MASK_BYTES)?;
        let mut words = [0u64; RESTRICT_WORDS];
        for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(8)) {
            let bytes = bytes.try_into().map_err(|_| Error::InvalidArgument)?;
            *word = u64::from_le_bytes(bytes);
        }
        for call in KEPT {
            let number = call as usize;
            if let Some(word) = words.get_mut(number / 64) {
                *word |= 1 << (number % 64);
            }
        }
        cx.process.restrict(flags, words);
        Ok(Outcome::OK)
    };
    Outcome::from(restrict())
}
