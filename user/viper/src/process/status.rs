//! How a process ended, and why a program says it failed.
//!
//! The exit code of a process carries the return code in its low 8 bits and, in the
//! 16 bits above, the code of the system error that was the reason, or 0. So `Why`
//! needs no file and no channel, and a program that knows nothing of this exits
//! with a plain return code.

use core::fmt;

use abi::process::{FaultKind, ProcessInfo, ProcessState};

use crate::program::Rc;

/// The exit code for a return code and the reason for it.
pub fn encode_exit(rc: Rc, reason: Option<abi::Error>) -> i32 {
    let reason = reason.map_or(0, |error| error as u16);
    i32::from(rc.code()) | (i32::from(reason) << 8)
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExitStatus {
    rc: Rc,
    reason: Option<abi::Error>,
    fault: Option<Fault>,
    killed: bool,
}

/// The fault that ended a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What kind of fault.
    pub kind: FaultKind,
    /// The address it was about.
    pub address: u64,
    /// Where the program was.
    pub pc: u64,
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{} at {:#x} (pc {:#x})",
            self.kind.text(),
            self.address,
            self.pc
        )
    }
}

impl ExitStatus {
    /// Reads it from what the kernel says; `None` while the process runs.
    pub fn from_info(info: &ProcessInfo) -> Option<ExitStatus> {
        let state = info.state;
        if state == ProcessState::Running as u32 {
            return None;
        }
        let is_fault = state == ProcessState::Faulted as u32;
        let fault = is_fault.then(|| Fault {
            kind: FaultKind::from_code(info.fault_kind).unwrap_or(FaultKind::None),
            address: info.fault_address,
            pc: info.fault_pc,
        });
        let code = info.exit_code.cast_unsigned();
        let reason = abi::Error::from_code(u64::from((code >> 8) & 0xffff));
        Some(ExitStatus {
            rc: if is_fault {
                Rc::FAIL
            } else {
                Rc::from_exit(code)
            },
            reason: reason.filter(|_| !is_fault),
            fault,
            killed: state == ProcessState::Killed as u32,
        })
    }

    /// The return code.
    pub fn rc(&self) -> Rc {
        self.rc
    }

    /// The system error behind a failure, where the program told.
    pub fn reason(&self) -> Option<abi::Error> {
        self.reason
    }

    /// The fault that ended it, if one did.
    pub fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// Whether somebody ended it.
    pub fn was_killed(&self) -> bool {
        self.killed
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    fn ended(state: ProcessState, exit_code: i32) -> ProcessInfo {
        ProcessInfo {
            state: state as u32,
            exit_code,
            ..ProcessInfo::default()
        }
    }

    #[test]
    fn return_code_and_reason_share_the_exit_code() {
        let code = encode_exit(Rc::ERROR, Some(abi::Error::NotFound));
        let status = ExitStatus::from_info(&ended(ProcessState::Exited, code)).unwrap();
        assert_eq!(
            (status.rc(), status.reason()),
            (Rc::ERROR, Some(abi::Error::NotFound))
        );
        let plain = ExitStatus::from_info(&ended(ProcessState::Exited, 5)).unwrap();
        assert_eq!((plain.rc(), plain.reason()), (Rc::WARN, None));
        assert!(ExitStatus::from_info(&ended(ProcessState::Running, 0)).is_none());
    }

    #[test]
    fn a_fault_gives_fail_and_says_what_happened() {
        let mut info = ended(ProcessState::Faulted, 20);
        info.fault_kind = FaultKind::Write as u32;
        info.fault_pc = 0x40_1000;
        let status = ExitStatus::from_info(&info).unwrap();
        assert_eq!(status.rc(), Rc::FAIL);
        let text = std::format!("{}", status.fault().unwrap());
        assert_eq!(text, "write to a bad address at 0x0 (pc 0x401000)");
    }
}
