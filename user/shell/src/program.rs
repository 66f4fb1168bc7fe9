//! The program `Shell`: from its arguments to its end.

use core::ops::ControlFlow;

use viper::args::{Args, Switch, Template, Text};
use viper::{Failure, Outcome, Program, Rc, env, eprintln, fs, io, println};

use crate::console::{self, Console};
use crate::editor::Step;
use crate::script;
use crate::session::{Leaving, Session, SessionNames};

const TEMPLATE: Template = Template::parse("FROM,QUIET/S,COMMAND=-c/K/F");
const FROM: Text = TEMPLATE.text("FROM");
const QUIET: Switch = TEMPLATE.switch("QUIET");
const COMMAND: Text = TEMPLATE.text("COMMAND");

/// The command `Shell`.
pub const PROGRAM: Program = Program {
    name: "Shell",
    template: TEMPLATE,
    summary: "Reads commands and runs them.",
    help: "FROM names a script to run first. COMMAND takes the rest of the line as commands \
           to run, and then ends with the return code of the last one. Without COMMAND, \
           lines are read until EndShell or the end of the input.",
    main,
};

/// What a new interactive shell runs first.
const SHELL_STARTUP: &str = "S:Shell-Startup";
/// Deepest nesting of scripts.
pub const DEPTH_MAX: u32 = 16;

fn main(args: &Args) -> Outcome {
    let command = args.get(COMMAND);
    let mut session = Session::new(Console::open());
    if let Some(path) = args.get(FROM) {
        run_start_script(&mut session, path);
    }
    if fs::exists(SHELL_STARTUP).unwrap_or(false) {
        run_start_script(&mut session, SHELL_STARTUP);
    }
    let rc = match command {
        Some(text) => run_text(&mut session, text),
        None => {
            if session.console().is_some() && !args.get(QUIET) {
                println!(
                    "ViperOS {}. Help lists the commands.",
                    env!("CARGO_PKG_VERSION")
                );
            }
            read_and_run(&mut session)?
        }
    };
    if rc == Rc::OK {
        return Ok(rc);
    }
    // Said already; passed on for who waits for this shell.
    let reason = session.last.reason;
    Err(Failure {
        rc,
        reason,
        text: alloc::string::String::new(),
    })
}

/// Runs a script before the first command; a failure is told and not final.
fn run_start_script(session: &mut Session, path: &str) {
    match run_script(session, path) {
        Ok(ControlFlow::Continue(_) | ControlFlow::Break(_)) => {}
        Err(error) => eprintln!("Shell: {error}"),
    }
    session.leaving = Leaving::Shell;
    session.last = crate::session::Last::default();
}

/// Runs commands that came in one piece; the last return code.
fn run_text(session: &mut Session, text: &str) -> Rc {
    match script::run(session, text) {
        ControlFlow::Continue(rc) | ControlFlow::Break(rc) => rc,
    }
}

/// Runs the script in a file, which stops at the fail level.
///
/// # Errors
///
/// Those of reading it; `LimitReached` where scripts call each other too deeply.
pub fn run_script(session: &mut Session, path: &str) -> Result<ControlFlow<Rc, Rc>, fs::Error> {
    if session.depth >= DEPTH_MAX {
        return Err(fs::Error::new(path, abi::Error::LimitReached));
    }
    let mut file = fs::File::open(path)?;
    let bytes = io::Read::read_to_end(&mut file).map_err(|cause| file.error(cause))?;
    drop(file);
    let text = alloc::string::String::from_utf8_lossy(&bytes);
    let outer = session.fail_level.replace(Rc::new(script::FAIL_LEVEL));
    session.depth = session.depth.saturating_add(1);
    let end = script::run(session, &text);
    session.depth = session.depth.saturating_sub(1);
    session.fail_level = outer;
    if let ControlFlow::Continue(rc) = end
        && rc.code() >= script::FAIL_LEVEL
    {
        eprintln!("{path}: stopped, {} returned {rc}", session.last.name);
    }
    Ok(match end {
        ControlFlow::Break(rc) if session.leaving == Leaving::Script => {
            session.leaving = Leaving::Shell;
            ControlFlow::Continue(rc)
        }
        other => other,
    })
}

/// Reads lines and runs them until there are no more; the last return code.
fn read_and_run(session: &mut Session) -> Result<Rc, Failure> {
    // With a redirected stream there is nobody to edit lines for.
    let is_edited = io::stdin().is_terminal() && io::stdout().is_terminal();
    loop {
        session.jobs.report_ended();
        let line = match session.console().filter(|_| is_edited) {
            None => match console::read_plain_line()? {
                Some(line) => line,
                None => return Ok(session.last.rc),
            },
            Some(console) => {
                let prompt = alloc::format!("{}> ", env::current_dir());
                let mut names = SessionNames {
                    search_path: session.search_path.clone(),
                };
                match console.read_line(&prompt, &session.history, &mut names)? {
                    Step::Line(line) => line,
                    Step::Cancelled | Step::More => continue,
                    Step::EndOfInput => return Ok(session.last.rc),
                }
            }
        };
        session.history.push(&line);
        if let ControlFlow::Break(rc) = script::run(session, &line) {
            return Ok(rc);
        }
    }
}
