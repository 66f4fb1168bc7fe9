//! Scripts, their end, what went wrong, and what was typed.

use core::ops::ControlFlow;

use viper::args::{Args, Number, Required, Switch, Template};
use viper::{Failure, Rc, fs, println};

use super::{Builtin, Ending, done};
use crate::program::run_script;
use crate::session::{Leaving, Session};

const EXECUTE_TEMPLATE: Template = Template::parse("FILE/A,OPTIONAL/S");
const FILE: Required = EXECUTE_TEMPLATE.required("FILE");
const OPTIONAL: Switch = EXECUTE_TEMPLATE.switch("OPTIONAL");

/// The command `Execute`.
pub const EXECUTE: Builtin = Builtin {
    name: "Execute",
    template: EXECUTE_TEMPLATE,
    summary: "Runs the commands in a file; with OPTIONAL only where it exists.",
    keeps_last: true,
    main: execute,
};

fn execute(session: &mut Session, args: &Args) -> Ending {
    let path = args.get(FILE);
    if args.get(OPTIONAL) && !fs::exists(path)? {
        return done();
    }
    Ok(run_script(session, path)?)
}

const QUIT_TEMPLATE: Template = Template::parse("RC/N");
const RC: Number = QUIT_TEMPLATE.number("RC");

/// The command `Quit`.
pub const QUIT: Builtin = Builtin {
    name: "Quit",
    template: QUIT_TEMPLATE,
    summary: "Leaves a script, with a return code; outside scripts, the shell.",
    keeps_last: true,
    main: quit,
};

fn quit(session: &mut Session, args: &Args) -> Ending {
    let rc = return_code(args.get(RC).unwrap_or(0))?;
    session.leaving = if session.depth > 0 {
        Leaving::Script
    } else {
        Leaving::Shell
    };
    Ok(ControlFlow::Break(rc))
}

/// The command `EndShell`.
pub const ENDSHELL: Builtin = Builtin {
    name: "EndShell",
    template: Template::parse(""),
    summary: "Ends this shell.",
    keeps_last: true,
    main: end_shell,
};

fn end_shell(session: &mut Session, _: &Args) -> Ending {
    session.leaving = Leaving::Shell;
    Ok(ControlFlow::Break(session.last.rc))
}

const FAILAT_TEMPLATE: Template = Template::parse("RCLIM/N");
const LIMIT: Number = FAILAT_TEMPLATE.number("RCLIM");

/// The command `FailAt`.
pub const FAILAT: Builtin = Builtin {
    name: "FailAt",
    template: FAILAT_TEMPLATE,
    summary: "Sets the return code from which on a script or line stops.",
    keeps_last: false,
    main: fail_at,
};

fn fail_at(session: &mut Session, args: &Args) -> Ending {
    match (args.get(LIMIT), session.fail_level) {
        (Some(limit), _) => session.fail_level = Some(return_code(limit)?),
        (None, Some(level)) => println!("Commands stop at return code {level}."),
        (None, None) => println!("No return code stops the commands."),
    }
    done()
}

/// A number as a return code.
fn return_code(number: i64) -> Result<Rc, Failure> {
    let code = u8::try_from(number);
    let refusal = || Failure::new(alloc::format!("{number} is no return code (0 to 255)"));
    code.map(Rc::new).map_err(|_| refusal())
}

const HISTORY_TEMPLATE: Template = Template::parse("CLEAR/S");
const CLEAR: Switch = HISTORY_TEMPLATE.switch("CLEAR");

/// The command `History`.
pub const HISTORY: Builtin = Builtin {
    name: "History",
    template: HISTORY_TEMPLATE,
    summary: "Lists the lines typed so far, or forgets them.",
    keeps_last: false,
    main: history,
};

fn history(session: &mut Session, args: &Args) -> Ending {
    if args.get(CLEAR) {
        session.history.clear();
    }
    for (number, line) in (1u64..).zip(session.history.iter()) {
        println!("{number:>4}  {line}");
    }
    done()
}

/// The command `Why`.
pub const WHY: Builtin = Builtin {
    name: "Why",
    template: Template::parse(""),
    summary: "Says why the last command failed.",
    keeps_last: true,
    main: why,
};

fn why(session: &mut Session, _: &Args) -> Ending {
    let last = &session.last;
    if last.name.is_empty() {
        println!("No command has run yet.");
    } else if last.rc == Rc::OK {
        println!("The last command, {}, did not fail.", last.name);
    } else {
        println!("The last command, {}, returned {}.", last.name, last.rc);
        if !last.text.is_empty() {
            println!("{}", last.text);
        }
        if let Some(reason) = last.reason {
            println!("{} (error {})", reason.text(), reason as u16);
        }
    }
    done()
}
