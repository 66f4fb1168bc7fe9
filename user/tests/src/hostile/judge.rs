//! What a call may answer, whatever it was given.

use alloc::format;
use alloc::string::String;

use abi::syscall::ArgKind;
use abi::{Error, Syscall, SyscallInfo};
use rt::hostile::Trace;

use super::batch::Fate;
use super::place;

/// Calls that may end their caller, its thread, or take its memory away.
const ENDINGS: [Syscall; 9] = [
    Syscall::ProcessExit,
    Syscall::ThreadExit,
    Syscall::ProcessExec,
    Syscall::UpcallReturn,
    Syscall::MemoryUnmap,
    Syscall::MemoryProtect,
    Syscall::ThreadCreate,
    Syscall::ProcessRestrict,
    Syscall::MemoryAdvise,
];

/// Errors of every call with a handle, or with a record that holds some.
const OF_HANDLES: [Error; 3] = [Error::BadHandle, Error::WrongType, Error::AccessDenied];

/// Errors of every wait: somebody else ended it.
const OF_WAITS: [Error; 3] = [Error::Cancelled, Error::Revoked, Error::PeerClosed];

/// Whether a call may end the process that makes it.
pub fn may_end(call: &SyscallInfo) -> bool {
    ENDINGS.iter().any(|other| *other as u64 == call.number)
}

/// Whether a call may wait for ever.
pub fn may_wait(call: &SyscallInfo) -> bool {
    place::registers(call).any(|place| place.kind == place::PlaceKind::Arg(ArgKind::Deadline))
}

/// What a call did that it may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It succeeded.
    Success,
    /// It failed with an error that the table names.
    Refusal(Error),
    /// It ended its caller.
    End,
    /// It waited until somebody ended the wait.
    Wait,
}

/// The answer, or what is wrong with it.
pub fn judge(call: &SyscallInfo, fate: &Fate) -> Result<Answer, String> {
    match fate {
        Fate::Ended(_) if may_end(call) => Ok(Answer::End),
        Fate::Ended(how) => Err(format!("ended its caller: {how}")),
        Fate::Waited if may_wait(call) => Ok(Answer::Wait),
        Fate::Waited => Err("did not come back".into()),
        Fate::Came(trace) => of_trace(call, trace),
    }
}

fn of_trace(call: &SyscallInfo, trace: &Trace) -> Result<Answer, String> {
    if trace.changed != 0 {
        return Err(format!(
            "changed registers that it keeps: {:#x}",
            trace.changed
        ));
    }
    if trace.left_over != 0 && !place::is_in_registers(call) {
        return Err(format!("left {:#x} in registers", trace.left_over));
    }
    if trace.error == 0 {
        return match unexpected_value(call, trace) {
            Some(value) => Err(format!("returned {value:#x} where nothing is returned")),
            None => Ok(Answer::Success),
        };
    }
    let error = Error::from_code(trace.error)
        .ok_or_else(|| format!("failed with {}, which is no error", trace.error))?;
    match is_known(call, error) {
        true => Ok(Answer::Refusal(error)),
        false => Err(format!(
            "failed with {error:?}, which the table does not name"
        )),
    }
}

/// A value in a register behind those that the table names.
fn unexpected_value(call: &SyscallInfo, trace: &Trace) -> Option<u64> {
    if place::is_in_registers(call) {
        return None;
    }
    let mut rest = trace.values.into_iter().skip(call.values.len());
    rest.find(|value| *value != 0)
}

fn is_known(call: &SyscallInfo, error: Error) -> bool {
    let has_handles = place::registers(call).any(|place| {
        matches!(
            place.kind,
            place::PlaceKind::Arg(ArgKind::Handle | ArgKind::In)
        )
    });
    call.errors.contains(&error)
        || (has_handles && OF_HANDLES.contains(&error))
        || (may_wait(call) && OF_WAITS.contains(&error))
        // Whoever gives calls up does not have them any more.
        || (call.number == Syscall::ProcessRestrict as u64 && error == Error::BadSyscall)
}

#[cfg(test)]
mod tests {
    use super::*;
    use abi::SYSCALLS;

    fn call(wanted: Syscall) -> &'static SyscallInfo {
        SYSCALLS
            .iter()
            .find(|call| call.number == wanted as u64)
            .unwrap()
    }

    fn came(trace: Trace) -> Fate {
        Fate::Came(trace)
    }

    #[test]
    fn an_answer_outside_of_the_table_is_noticed() {
        let write = call(Syscall::StreamWrite);
        let failed = |error| {
            let error = error as u64;
            came(Trace {
                error,
                ..Trace::default()
            })
        };
        assert_eq!(
            judge(write, &failed(Error::Fault)),
            Ok(Answer::Refusal(Error::Fault))
        );
        assert!(judge(write, &failed(Error::BadHandle)).is_ok());
        assert!(judge(write, &failed(Error::NotFound)).is_err());
        assert!(judge(write, &failed(Error::BadSyscall)).is_err());
        let null = call(Syscall::Null);
        assert!(judge(null, &failed(Error::BadHandle)).is_err());
        let odd = Trace {
            error: 12345,
            ..Trace::default()
        };
        assert!(judge(write, &came(odd)).is_err());
    }

    #[test]
    fn what_stays_in_registers_is_noticed() {
        let write = call(Syscall::StreamWrite);
        let good = Trace {
            values: [5, 0, 0],
            ..Trace::default()
        };
        assert_eq!(judge(write, &came(good)), Ok(Answer::Success));
        let more = Trace {
            values: [5, 1, 0],
            ..Trace::default()
        };
        assert!(judge(write, &came(more)).is_err());
        let left = Trace {
            left_over: 1 << 40,
            ..Trace::default()
        };
        assert!(judge(write, &came(left)).is_err());
        let changed = Trace {
            changed: 1,
            ..Trace::default()
        };
        assert!(judge(write, &came(changed)).is_err());
    }

    #[test]
    fn an_end_or_a_wait_that_is_not_meant_is_noticed() {
        let ended = Fate::Ended("a fault".into());
        assert!(judge(call(Syscall::Null), &ended).is_err());
        assert_eq!(judge(call(Syscall::ProcessExit), &ended), Ok(Answer::End));
        assert!(judge(call(Syscall::Null), &Fate::Waited).is_err());
        assert_eq!(
            judge(call(Syscall::FutexWait), &Fate::Waited),
            Ok(Answer::Wait)
        );
        assert_eq!(
            judge(call(Syscall::ChannelCall), &Fate::Waited),
            Ok(Answer::Wait)
        );
    }
}
