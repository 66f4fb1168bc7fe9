//! Faults end the program that commits them, and nothing else.

use abi::process::FaultKind;
use viper::Rc;
use viper::process::{Command, Fault};

use super::{Case, Verdict};
use crate::{check, check_eq, need};

/// The tests.
pub const CASES: &[Case] = &[
    Case {
        name: "faults::write_to_null",
        run: null,
    },
    Case {
        name: "faults::execute_data",
        run: exec,
    },
    Case {
        name: "faults::illegal_instruction",
        run: illegal,
    },
    Case {
        name: "faults::stack_overflow",
        run: stack,
    },
];

/// Runs a program that must fault.
fn fault_of(program: &str) -> Result<Fault, alloc::string::String> {
    let child = need!(Command::new(&alloc::format!("SYS:Tests/{program}")).spawn());
    let status = need!(child.wait());
    check_eq!(status.rc(), Rc::FAIL);
    check_eq!(need!(child.info()).exit_code, 20);
    let fault = status.fault().ok_or("it ended without a fault")?;
    check!(fault.pc >= abi::USER_START && fault.pc < abi::USER_END);
    Ok(fault)
}

fn null() -> Verdict {
    let fault = fault_of("FaultNull")?;
    check_eq!((fault.kind, fault.address), (FaultKind::Write, 0));
    Ok(())
}

fn exec() -> Verdict {
    let child = need!(Command::new("SYS:Tests/FaultExec").spawn());
    let status = need!(child.wait());
    let fault = status.fault().ok_or("it ended without a fault")?;
    check_eq!(fault.kind, FaultKind::Execute);
    check_eq!(fault.address, fault.pc);
    Ok(())
}

fn illegal() -> Verdict {
    check_eq!(fault_of("FaultIllegal")?.kind, FaultKind::Illegal);
    Ok(())
}

fn stack() -> Verdict {
    check_eq!(fault_of("FaultStack")?.kind, FaultKind::StackOverflow);
    Ok(())
}
