//! What a process gives up for good, and what it makes fatal.

use abi::process::FaultKind;
use viper::process::{Command, ExitStatus};

use super::{Case, Verdict};
use crate::child::{BAD_HANDLE, MADE, NO_CALL};
use crate::{check, check_eq, need};

/// The tests.
pub const CASES: &[Case] = &[
    Case {
        name: "restrictions::a_call_given_up_is_gone_for_good",
        run: given_up,
    },
    Case {
        name: "restrictions::bad_calls_and_handles_can_be_fatal",
        run: fatal,
    },
];

fn status(how: &str) -> Result<ExitStatus, alloc::string::String> {
    let child = Command::new("SYS:Tests/Child").arg("RESTRICT").arg(how);
    Ok(need!(need!(child.spawn()).wait()))
}

fn given_up() -> Verdict {
    check_eq!(status("nothing")?.rc().code(), MADE);
    check_eq!(status("events")?.rc().code(), NO_CALL);
    check_eq!(status("regain")?.rc().code(), NO_CALL);
    check_eq!(status("inherited")?.rc().code(), NO_CALL);
    // This process has given up nothing.
    need!(rt::event::create());
    Ok(())
}

fn fatal() -> Verdict {
    let fault = |how| Ok::<_, alloc::string::String>(status(how)?.fault().map(|fault| fault.kind));
    check_eq!(fault("events-ends")?, Some(FaultKind::BadCall));
    check_eq!(fault("handle-ends")?, Some(FaultKind::BadHandle));
    check_eq!(fault("handle-late")?, Some(FaultKind::BadHandle));
    check_eq!(status("handle")?.rc().code(), BAD_HANDLE);
    check!(status("events")?.fault().is_none());
    Ok(())
}
