//! Commands of the shell itself.
//!
//! A command is built in only where it must be: because it changes the session (the
//! current directory, assigns, variables, history, jobs) or the flow of a script.

mod assign;
mod directory;
mod flow;
mod job;
mod variable;

use core::fmt;
use core::ops::ControlFlow;

use viper::args::{Args, Template};
use viper::words::Word;
use viper::{Failure, Rc, println};

use crate::session::Session;

/// How a built-in command ends: with a return code, or with the script or shell.
pub type Ending = Result<ControlFlow<Rc, Rc>, Failure>;

/// A built-in command.
#[derive(Clone, Copy)]
pub struct Builtin {
    /// Its name.
    pub name: &'static str,
    /// Its arguments.
    pub template: Template,
    /// One line: what it does.
    pub summary: &'static str,
    /// Whether it leaves the memory of the last command alone (`Why` and the like).
    pub keeps_last: bool,
    main: fn(&mut Session, &Args) -> Ending,
}

impl fmt::Debug for Builtin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.name, self.template)
    }
}

/// Every built-in command, by name.
pub const BUILTINS: &[Builtin] = &[
    assign::ASSIGN,
    job::BREAK,
    directory::CD,
    flow::ENDSHELL,
    flow::EXECUTE,
    flow::FAILAT,
    flow::HISTORY,
    job::JOBS,
    directory::PATH,
    flow::QUIT,
    job::RUN,
    variable::SET,
    variable::UNSET,
    flow::WHY,
];

/// The built-in command with this name, in any case.
pub fn find(name: &str) -> Option<&'static Builtin> {
    BUILTINS
        .iter()
        .find(|builtin| builtin.name.eq_ignore_ascii_case(name))
}

/// Runs a built-in command, or shows its template.
///
/// # Errors
///
/// Those of the arguments and of the command.
pub fn invoke(builtin: &Builtin, session: &mut Session, words: &[Word]) -> Ending {
    if let [only] = words
        && !only.quoted
        && ["?", "--help", "-h"].contains(&only.text.as_str())
    {
        println!("{} {}", builtin.name, builtin.template);
        return done();
    }
    let args = builtin.template.read(words)?;
    (builtin.main)(session, &args)
}

/// The end of a command that did what was asked.
fn done() -> Ending {
    Ok(ControlFlow::Continue(Rc::OK))
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    #[test]
    fn the_table_is_sorted_and_found_in_any_case() {
        let names: std::vec::Vec<_> = BUILTINS.iter().map(|b| b.name).collect();
        let mut sorted = names.clone();
        sorted.sort_by_key(|name| name.to_lowercase());
        assert_eq!(names, sorted);
        assert_eq!(find("cd").map(|b| b.name), Some("Cd"));
        assert!(find("nothing").is_none());
    }
}
