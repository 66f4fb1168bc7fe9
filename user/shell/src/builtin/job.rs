//! Programs in the background: starting, listing, ending them.

use core::ops::ControlFlow;

use viper::args::{Args, Number, Required, Switch, Template};
use viper::words::Word;
use viper::{Failure, println};

use super::{Builtin, Ending, done};
use crate::confinement::Confinement;
use crate::language::{self, Statement};
use crate::script::Executor;
use crate::session::Session;

const RUN_TEMPLATE: Template = Template::parse("QUIET/S,WAIT/S,COMMAND/A/F");
const QUIET: Switch = RUN_TEMPLATE.switch("QUIET");
const WAIT: Switch = RUN_TEMPLATE.switch("WAIT");
const COMMAND: Required = RUN_TEMPLATE.required("COMMAND");

/// The command `Run`.
pub const RUN: Builtin = Builtin {
    name: "Run",
    template: RUN_TEMPLATE,
    summary: "Starts a program in the background; WITH chosen directories and limits, and no others.",
    keeps_last: true,
    main: run,
};

fn run(session: &mut Session, args: &Args) -> Ending {
    let text = args.get(COMMAND);
    // Variables were replaced when the line of `Run` itself was read.
    let mut statement = language::parse(text, &|_| None).map_err(Failure::new)?;
    let confinement = take_confinement(&mut statement)?;
    if super::find(statement.name()).is_some() {
        let name = statement.name();
        return Err(Failure::new(alloc::format!(
            "{name} is built in and cannot run by itself"
        )));
    }
    statement.is_background = !args.get(WAIT);
    if args.get(QUIET) {
        let nowhere = || Some((viper::fs::NIL.into(), language::Placement::Replace));
        statement.output = statement.output.or_else(nowhere);
    }
    if let Some(confinement) = confinement {
        let rc = session.run_confined(&statement, &confinement);
        return Ok(ControlFlow::Continue(rc));
    }
    match session.execute(&statement) {
        ControlFlow::Continue(rc) | ControlFlow::Break(rc) => Ok(ControlFlow::Continue(rc)),
    }
}

/// Takes `WITH` and what stands behind it out of a statement, and leaves the command.
fn take_confinement(statement: &mut Statement) -> Result<Option<Confinement>, Failure> {
    let is_with = |word: &Word| !word.quoted && word.text.eq_ignore_ascii_case("WITH");
    let Some((_, behind)) = statement
        .words
        .split_first()
        .filter(|(first, _)| is_with(first))
    else {
        return Ok(None);
    };
    let (confinement, count) = Confinement::read(behind)?;
    statement.words.drain(..=count.min(behind.len()));
    if statement.words.is_empty() {
        return Err(Failure::new(
            "WITH is followed by what a program gets, and the program",
        ));
    }
    Ok(Some(confinement))
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
