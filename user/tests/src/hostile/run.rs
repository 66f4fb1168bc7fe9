//! Single calls and a few instructions in a copy of the process.

use alloc::string::String;
use alloc::vec::Vec;

use abi::process::{FaultKind, ProcessInfo, ProcessState};
use abi::{Error, Signals, Syscall};
use rt::OwnedHandle;
use rt::hostile::{Arena, Attack, Code, Entry, Journal, Trace};

use super::batch::{self, Fate};
use crate::need;

/// Longest life of a copy, in ns.
const LIFE: u64 = 20_000_000_000;

/// How a copy ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself, with this code.
    Exited(i32),
    /// By a fault: its kind, the address it was about, and the instruction's place in the
    /// code, in bytes.
    Faulted(FaultKind, u64, u64),
    /// It was ended because it never would.
    Stuck,
}

/// Waits for the end of a process whose code begins at `base`.
pub fn end_of(process: &OwnedHandle, base: u64) -> Result<End, String> {
    let deadline = need!(rt::time::now()).saturating_add(LIFE);
    match rt::handle::wait(process.get(), Signals::TERMINATED, deadline) {
        Ok(_) => {}
        Err(Error::TimedOut) => {
            need!(rt::process::kill(process.get(), 0));
            return Ok(End::Stuck);
        }
        Err(error) => return Err(alloc::format!("waiting for a copy: {error}")),
    }
    let info: ProcessInfo = need!(rt::process::info(process.get()));
    if info.state == ProcessState::Faulted as u32 {
        let kind = FaultKind::from_code(info.fault_kind).ok_or("no such fault")?;
        let place = info.fault_pc.wrapping_sub(base);
        return Ok(End::Faulted(kind, info.fault_address, place));
    }
    Ok(End::Exited(info.exit_code))
}

/// Runs instructions with these first registers; behind the last one the copy exits with
/// `x0`. A `stack` of 0 is a good one.
pub fn code(instructions: &[u32], registers: &[u64], stack: u64) -> Result<End, String> {
    let code = need!(Code::new(instructions));
    let mut entry = Entry {
        stack,
        ..Entry::default()
    };
    for (to, from) in entry.registers.iter_mut().zip(registers) {
        *to = *from;
    }
    let copy = need!(code.run(&entry));
    end_of(&copy, code.address())
}

/// A call with these arguments.
pub fn attack(call: Syscall, arguments: &[u64]) -> Attack {
    let mut attack = Attack::default();
    for (to, from) in attack.registers.iter_mut().zip(arguments) {
        *to = *from;
    }
    attack.registers[8] = call as u64;
    attack
}

/// Makes calls one after the other; those behind one that ends the copy begin with a new
/// copy.
pub fn calls(attacks: &[Attack]) -> Result<Vec<Fate>, String> {
    let arena = need!(Arena::new());
    let journal = need!(Journal::new());
    batch::run(&arena, attacks, &journal, false)
}

/// Whether a call does not come back by itself.
pub fn waits(call: Syscall, arguments: &[u64]) -> Result<bool, String> {
    let arena = need!(Arena::new());
    let journal = need!(Journal::new());
    let fates = batch::run(&arena, &[attack(call, arguments)], &journal, true)?;
    Ok(matches!(fates.first(), Some(Fate::Waited)))
}

/// What comes back from one call; an error of the test where nothing does.
pub fn trace(call: Syscall, arguments: &[u64]) -> Result<Trace, String> {
    match calls(&[attack(call, arguments)])?.first() {
        Some(Fate::Came(trace)) => Ok(*trace),
        other => Err(alloc::format!("{call:?}({arguments:#x?}): {other:?}")),
    }
}

/// The error of one call; `None` where it succeeds.
pub fn error(call: Syscall, arguments: &[u64]) -> Result<Option<Error>, String> {
    Ok(Error::from_code(trace(call, arguments)?.error))
}
