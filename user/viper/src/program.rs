//! What a command is: name, template, help, and how it ends.

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;

use abi::process::{RC_ERROR, RC_FAIL, RC_OK, RC_WARN};

use crate::args::{Args, ArgsError, Template};
use crate::process::encode_exit;
use crate::{env, fs, io, pattern, words};

/// A return code: how well a program did what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Rc(u8);

impl Rc {
    /// Done.
    pub const OK: Rc = Rc(RC_OK as u8);
    /// Done, with something to point out.
    pub const WARN: Rc = Rc(RC_WARN as u8);
    /// Not done.
    pub const ERROR: Rc = Rc(RC_ERROR as u8);
    /// Failed altogether.
    pub const FAIL: Rc = Rc(RC_FAIL as u8);

    /// A return code by number.
    pub const fn new(code: u8) -> Rc {
        Rc(code)
    }

    /// The return code in an exit code.
    pub const fn from_exit(code: u32) -> Rc {
        Rc((code & 0xff) as u8)
    }

    /// Its number.
    pub const fn code(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Rc {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.0)
    }
}

/// Why a command could not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The return code it ends with.
    pub rc: Rc,
    /// The system error behind it.
    pub reason: Option<abi::Error>,
    /// A sentence for a person, without the command's name; empty where it was said already.
    pub text: String,
}

impl Failure {
    /// A failure in the command's own words.
    pub fn new(text: impl fmt::Display) -> Failure {
        Failure {
            rc: Rc::ERROR,
            reason: None,
            text: text.to_string(),
        }
    }

    /// A failure because something the command needs was not given to it.
    pub fn not_given(what: &str) -> Failure {
        Failure {
            rc: Rc::ERROR,
            reason: Some(abi::Error::AccessDenied),
            text: format!("was not given {what}: start it from the system shell"),
        }
    }

    /// The same failure with another return code.
    #[must_use]
    pub fn with_rc(mut self, rc: Rc) -> Failure {
        self.rc = rc;
        self
    }
}

impl From<fs::Error> for Failure {
    fn from(error: fs::Error) -> Failure {
        Failure {
            rc: Rc::ERROR,
            reason: Some(error.cause),
            text: error.to_string(),
        }
    }
}

impl From<abi::Error> for Failure {
    fn from(error: abi::Error) -> Failure {
        Failure {
            rc: Rc::ERROR,
            reason: Some(error),
            text: error.text().to_string(),
        }
    }
}

impl From<ArgsError> for Failure {
    fn from(error: ArgsError) -> Failure {
        Failure::new(error)
    }
}

impl From<pattern::PatternError> for Failure {
    fn from(error: pattern::PatternError) -> Failure {
        Failure::new(error)
    }
}

impl From<words::Unclosed> for Failure {
    fn from(error: words::Unclosed) -> Failure {
        Failure::new(error)
    }
}

/// How a command ends.
pub type Outcome = Result<Rc, Failure>;

/// A command, as help, completion and the shell know it.
#[derive(Clone, Copy)]
pub struct Program {
    /// Its name as it is installed, such as `MakeDir`.
    pub name: &'static str,
    /// Its arguments.
    pub template: Template,
    /// One line: what it does.
    pub summary: &'static str,
    /// More about it; may be empty.
    pub help: &'static str,
    /// What it does.
    pub main: fn(&Args) -> Outcome,
}

impl fmt::Debug for Program {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.name, self.template)
    }
}

/// Collects the failures of a command that goes on with the next thing after each.
#[derive(Debug)]
pub struct Tally {
    name: &'static str,
    worst: Rc,
    reason: Option<abi::Error>,
}

impl Tally {
    /// No failure yet, of the command with this name.
    pub fn new(name: &'static str) -> Tally {
        Tally {
            name,
            worst: Rc::OK,
            reason: None,
        }
    }

    /// Tells of a failure and remembers it.
    pub fn fail(&mut self, failure: impl Into<Failure>) {
        let failure = failure.into();
        report(self.name, &failure);
        self.worst = self.worst.max(failure.rc);
        self.reason = failure.reason.or(self.reason);
    }

    /// Remembers the failure, if it is one; the value, if it is none.
    pub fn check<T>(&mut self, result: Result<T, impl Into<Failure>>) -> Option<T> {
        result.map_err(|failure| self.fail(failure)).ok()
    }

    /// The end of the command.
    ///
    /// # Errors
    ///
    /// The worst return code met and the last reason, with nothing more to say.
    pub fn outcome(self) -> Outcome {
        if self.worst == Rc::OK {
            return Ok(Rc::OK);
        }
        Err(Failure {
            rc: self.worst,
            reason: self.reason,
            text: String::new(),
        })
    }
}

/// Tells of a failure on standard error.
fn report(name: &str, failure: &Failure) {
    if !failure.text.is_empty() {
        crate::eprintln!("{name}: {}", failure.text);
    }
}

/// Runs a command over its arguments; its exit code.
pub fn run(program: &Program) -> i32 {
    let outcome = own_words().and_then(|words| invoke(program, &words));
    let outcome = outcome.and_then(|rc| {
        // What was printed and could not be written is a failure too.
        io::flush_all()?;
        io::take_lost().map_or(Ok(rc), |error| Err(error.into()))
    });
    match outcome {
        Ok(rc) => encode_exit(rc, None),
        Err(mut failure) => {
            if io::output_is_unread() {
                // Who read it has seen enough: nothing to complain about.
                (failure.rc, failure.text) = (Rc::WARN, String::new());
            }
            report(program.name, &failure);
            encode_exit(failure.rc, failure.reason)
        }
    }
}

/// Runs a command with these words as its arguments, or shows its template.
///
/// # Errors
///
/// Those of the arguments and of the command.
pub fn invoke(program: &Program, words: &[words::Word]) -> Outcome {
    if let [only] = words
        && !only.quoted
        && ["?", "--help", "-h"].contains(&only.text.as_str())
    {
        crate::println!("{} {}", program.name, program.template);
        return Ok(Rc::OK);
    }
    let args = program.template.read(words)?;
    (program.main)(&args)
}

/// The arguments this process was started with.
fn own_words() -> Result<alloc::vec::Vec<words::Word>, Failure> {
    match env::command_line() {
        Some(line) => Ok(words::split(&line)?),
        None => Ok(env::args()
            .iter()
            .skip(1)
            .map(|text| words::Word::plain(text))
            .collect()),
    }
}

/// Makes a [`Program`] the program of a binary.
#[macro_export]
macro_rules! program {
    ($program:expr) => {
        fn program_main() -> i32 {
            const PROGRAM: $crate::Program = $program;
            $crate::program::run(&PROGRAM)
        }
        $crate::rt::entry!(program_main);
    };
}
