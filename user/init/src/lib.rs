//! The first process: from the root directory to a shell.
//!
//! The kernel gives `Init` the root of the system volume and one handle to each
//! thing there is. `Init` turns the root into assigns, starts the shell with what
//! a shell needs, and waits for it. It keeps the root itself: nothing else gets a
//! handle above `SYS:` and `WORK:`.
//!
//! With the variable `EXEC` the shell runs those commands, and then the machine
//! stops with the return code of the last one.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod namespace;

use core::time::Duration;

use abi::Rights;
use abi::process::RC_FAIL;
use abi::startup::Tag;
use abi::system::PowerAction;
use viper::args::{Args, Template};
use viper::process::{Command, ExitStatus, Grant};
use viper::{Failure, Outcome, Program, Rc, env, eprintln, thread};

/// The program `Init`.
pub const PROGRAM: Program = Program {
    name: "Init",
    template: Template::parse(""),
    summary: "Starts the system.",
    help: "",
    main,
};

/// The shell.
const SHELL: &str = "C:Shell";
/// What the first shell runs before anything else.
const STARTUP_SEQUENCE: &str = "S:Startup-Sequence";
/// Pause before a shell that failed is started again.
const RESTART_PAUSE: Duration = Duration::from_millis(500);
/// Shells that may fail in a row before the machine is stopped.
const FAILURES_MAX: u32 = 5;

fn main(_: &Args) -> Outcome {
    namespace::set_up()?;
    match env::var("EXEC") {
        Some(commands) => execute(&commands),
        None => serve(),
    }
}

/// Runs commands and stops the machine with the return code of the last one.
fn execute(commands: &str) -> Outcome {
    let command = shell(Start::First).arg("COMMAND").arg(commands);
    let code = match command.spawn().and_then(|child| wait(&child)) {
        Ok(status) => i32::from(status.rc().code()),
        Err(error) => {
            eprintln!("Init: {error}");
            RC_FAIL
        }
    };
    power_off(code)
}

/// Keeps a shell running.
fn serve() -> Outcome {
    let mut start = Start::First;
    let mut failures: u32 = 0;
    loop {
        match shell(start).spawn().and_then(|child| wait(&child)) {
            Ok(status) if status.fault().is_none() => failures = 0,
            Ok(status) => {
                failures = failures.saturating_add(1);
                if let Some(fault) = status.fault() {
                    eprintln!("Init: Shell: {fault}");
                }
            }
            Err(error) => {
                failures = failures.saturating_add(1);
                eprintln!("Init: {error}");
            }
        }
        if failures >= FAILURES_MAX {
            eprintln!("Init: the shell does not start; the machine is stopped");
            return power_off(RC_FAIL);
        }
        if failures > 0 {
            thread::sleep(RESTART_PAUSE);
        }
        start = Start::Again;
    }
}

/// Whether a shell is the first one since the start of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    First,
    Again,
}

/// A shell with everything a shell needs.
fn shell(start: Start) -> Command {
    let mut command = Command::new(SHELL).variables(alloc::vec::Vec::new());
    let passed_on = Rights::DUPLICATE | Rights::TRANSFER;
    let grants = [
        (Tag::Terminal, Rights::all()),
        (Tag::Clock, passed_on | Rights::READ | Rights::MANAGE),
        (Tag::Log, passed_on | Rights::READ | Rights::WRITE),
        (Tag::Power, passed_on | Rights::MANAGE),
        (
            Tag::System,
            passed_on | Rights::INSPECT | Rights::READ | Rights::MANAGE,
        ),
        (Tag::Entropy, passed_on | Rights::READ),
    ];
    for (tag, rights) in grants {
        if let Some(handle) = rt::startup::handle(tag) {
            command = command.grant(Grant {
                tag,
                handle,
                rights,
            });
        }
    }
    match start {
        Start::First => command.arg("FROM").arg(STARTUP_SEQUENCE),
        Start::Again => command,
    }
}

fn wait(child: &viper::process::Child) -> viper::fs::Result<ExitStatus> {
    child
        .wait()
        .map_err(|cause| viper::fs::Error::new(SHELL, cause))
}

/// Stops the machine; comes back only where that is not possible.
fn power_off(code: i32) -> Outcome {
    let power =
        rt::startup::handle(Tag::Power).ok_or_else(|| Failure::not_given("the power switch"))?;
    rt::system::power(power, PowerAction::Off, code)?;
    Ok(Rc::FAIL)
}
