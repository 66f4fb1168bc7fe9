//! Running statements one after the other.

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::ControlFlow;

use viper::Rc;

use crate::language::{self, Condition, Statement, SyntaxError};

/// The return code from which on a script stops, unless `FailAt` says otherwise.
pub const FAIL_LEVEL: u8 = 10;

/// What executes the statements of a script.
pub trait Executor {
    /// The value of a variable.
    fn variable(&self, name: &str) -> Option<String>;

    /// Executes one statement; `Break` ends the script (and what called it).
    fn execute(&mut self, statement: &Statement) -> ControlFlow<Rc, Rc>;

    /// Executes several statements at once, each with the output of the one before as its
    /// input; the return code is the last one's.
    fn execute_pipeline(&mut self, statements: &[Statement]) -> ControlFlow<Rc, Rc>;

    /// Tells of a statement that cannot be read; the return code it gives.
    fn refuse(&mut self, error: SyntaxError) -> Rc;

    /// The return code from which on a script stops; `None` for never.
    fn fail_level(&self) -> Option<Rc>;
}

/// Runs every statement of a text; the last return code.
pub fn run(executor: &mut impl Executor, text: &str) -> ControlFlow<Rc, Rc> {
    let mut rc = Rc::OK;
    for text in language::statements(text) {
        rc = run_statement(executor, text)?;
        if executor.fail_level().is_some_and(|level| rc >= level) {
            break;
        }
    }
    ControlFlow::Continue(rc)
}

/// Runs the chain in a text; the return code of the last pipeline that ran.
pub fn run_statement(executor: &mut impl Executor, text: &str) -> ControlFlow<Rc, Rc> {
    let mut rc = Rc::OK;
    for (condition, text) in language::chain(text) {
        let runs = match condition {
            Condition::Always => true,
            Condition::Success => rc == Rc::OK,
            Condition::Failure => rc != Rc::OK,
        };
        if runs {
            rc = run_pipeline(executor, text)?;
        }
    }
    ControlFlow::Continue(rc)
}

/// Runs the pipeline in a text.
fn run_pipeline(executor: &mut impl Executor, text: &str) -> ControlFlow<Rc, Rc> {
    let parse = |text| language::parse(text, &|name| executor.variable(name));
    let parsed: Result<Vec<_>, _> = language::pipeline(text).into_iter().map(parse).collect();
    match parsed {
        Ok(statements) => match statements.as_slice() {
            [only] => executor.execute(only),
            several => executor.execute_pipeline(several),
        },
        Err(error) => ControlFlow::Continue(executor.refuse(error)),
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use alloc::string::ToString;

    /// Understands `rc N` and `stop`, and remembers what it was asked.
    struct Recorder {
        seen: Vec<String>,
        rc: Rc,
        level: Option<Rc>,
    }

    impl Executor for Recorder {
        fn variable(&self, name: &str) -> Option<String> {
            (name == "RC").then(|| self.rc.to_string())
        }

        fn execute(&mut self, statement: &Statement) -> ControlFlow<Rc, Rc> {
            self.seen.push(statement.text());
            if statement.name() == "stop" {
                return ControlFlow::Break(self.rc);
            }
            let number = statement
                .arguments()
                .first()
                .and_then(|word| word.text.parse().ok());
            self.rc = Rc::new(number.unwrap_or(0));
            ControlFlow::Continue(self.rc)
        }

        fn execute_pipeline(&mut self, statements: &[Statement]) -> ControlFlow<Rc, Rc> {
            let texts: Vec<_> = statements.iter().map(Statement::text).collect();
            self.seen.push(texts.join(" into "));
            ControlFlow::Continue(self.rc)
        }

        fn refuse(&mut self, _: SyntaxError) -> Rc {
            self.rc = Rc::ERROR;
            self.rc
        }

        fn fail_level(&self) -> Option<Rc> {
            self.level
        }
    }

    fn run_with(level: Option<Rc>, text: &str) -> (Vec<String>, ControlFlow<Rc, Rc>) {
        let mut recorder = Recorder {
            seen: Vec::new(),
            rc: Rc::OK,
            level,
        };
        let end = run(&mut recorder, text);
        (recorder.seen, end)
    }

    #[test]
    fn a_script_stops_at_the_fail_level_and_not_below() {
        let (seen, end) = run_with(Some(Rc::ERROR), "rc 5; rc 10; rc 0");
        assert_eq!((seen.len(), end), (2, ControlFlow::Continue(Rc::ERROR)));
    }

    #[test]
    fn without_a_level_the_last_return_code_counts() {
        let (seen, end) = run_with(None, "rc 20; echo \"x\nrc 5");
        assert_eq!((seen.len(), end), (2, ControlFlow::Continue(Rc::WARN)));
    }

    #[test]
    fn the_return_code_is_a_variable_of_the_next_statement() {
        let (seen, _) = run_with(None, "rc 5; echo $RC");
        assert_eq!(seen.last().map(String::as_str), Some("echo 5"));
    }

    #[test]
    fn chains_go_on_as_their_return_codes_say() {
        for (text, wanted) in [
            ("rc 0 && rc 1", "rc 0, rc 1"),
            ("rc 5 && rc 1", "rc 5"),
            ("rc 5 || rc 1", "rc 5, rc 1"),
            ("rc 0 || rc 1", "rc 0"),
            ("rc 5 && rc 1 || rc 2", "rc 5, rc 2"),
            ("rc 0 && rc 5 || rc 2 && rc 3", "rc 0, rc 5, rc 2"),
            ("rc 5 && echo $RC || echo $RC", "rc 5, echo 5"),
            ("a | b && c | d", "a into b, c into d"),
            ("rc 0 && ", "rc 0"),
        ] {
            let (seen, _) = run_with(None, text);
            assert_eq!(seen.join(", "), wanted, "{text}");
        }
        let (_, end) = run_with(None, "rc 0 |");
        assert_eq!(end, ControlFlow::Continue(Rc::ERROR));
    }

    #[test]
    fn a_break_ends_everything() {
        let (seen, end) = run_with(None, "rc 5; stop; rc 0");
        assert_eq!((seen.len(), end), (2, ControlFlow::Break(Rc::WARN)));
    }
}
