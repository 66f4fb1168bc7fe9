//! Programs in the background: starting, listing, ending them.

use core::ops::ControlFlow;

use viper::args::{Args, Number, Required, Switch, Template};
use viper::{Failure, println};

use super::{Builtin, Ending, done};
use crate::language;
use crate::script::Executor;
use crate::session::Session;

const RUN_TEMPLATE: Template = Template::parse("QUIET/S,COMMAND/A/F");
const QUIET: Switch = RUN_TEMPLATE.switch("QUIET");
const COMMAND: Required = RUN_TEMPLATE.required("COMMAND");

/// The command `Run`.
pub const RUN: Builtin = Builtin {
    name: "Run",
    template: RUN_TEMPLATE,
    summary: "Starts a program in the background.",
    keeps_last: true,
    main: run,
};

fn run(session: &mut Session, args: &Args) -> Ending {
    let text = args.get(COMMAND);
    // Variables were replaced when the line of `Run` itself was read.
    let mut statement = language::parse(text, &|_| None).map_err(Failure::new)?;
    if super::find(statement.name()).is_some() {
        let name = statement.name();
        return Err(Failure::new(alloc::format!(
            "{name} is built in and cannot run by itself"
        )));
    }
    statement.is_background = true;
    if args.get(QUIET) {
        let nowhere = || Some((viper::fs::NIL.into(), language::Placement::Replace));
        statement.output = statement.output.or_else(nowhere);
    }
    match session.execute(&statement) {
        ControlFlow::Continue(rc) | ControlFlow::Break(rc) => Ok(ControlFlow::Continue(rc)),
    }
}

/// The command `Jobs`.
pub const JOBS: Builtin = Builtin {
    name: "Jobs",
    template: Template::parse(""),
    summary: "Lists the programs this shell runs in the background.",
    keeps_last: false,
    main: jobs,
};

fn jobs(session: &mut Session, _: &Args) -> Ending {
    session.jobs.report_ended();
    for job in session.jobs.iter() {
        println!("[{}] {}", job.number, job.text);
    }
    done()
}

const BREAK_TEMPLATE: Template = Template::parse("JOB/A/N");
const JOB: Number = BREAK_TEMPLATE.number("JOB");

/// The command `Break`.
pub const BREAK: Builtin = Builtin {
    name: "Break",
    template: BREAK_TEMPLATE,
    summary: "Ends a program in the background; Jobs shows the numbers.",
    keeps_last: false,
    main: end,
};

fn end(session: &mut Session, args: &Args) -> Ending {
    let number = args.get(JOB).unwrap_or(0);
    let ended = u64::try_from(number)
        .ok()
        .and_then(|number| session.jobs.end(number));
    match ended {
        None => Err(Failure::new(alloc::format!(
            "there is no job {number}; Jobs lists them"
        ))),
        Some(result) => {
            result?;
            done()
        }
    }
}
