//! What lasts from one command to the next.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::ControlFlow;

use rt::OwnedHandle;
use viper::io::{self, Replacement};
use viper::process::{Child, ExitStatus, Stdio};
use viper::{Failure, Rc, env, eprintln, fs, println};

use crate::builtin::{self, Builtin};
use crate::completion::Names;
use crate::confinement::Confinement;
use crate::console::Console;
use crate::editor::History;
use crate::job::Jobs;
use crate::language::{Statement, SyntaxError};
use crate::launch::{self, Found, Surroundings};
use crate::script::Executor;

/// How the last command ended.
#[derive(Clone, Debug, Default)]
pub struct Last {
    /// Its name.
    pub name: String,
    /// Its return code.
    pub rc: Rc,
    /// The system error behind a failure.
    pub reason: Option<abi::Error>,
    /// A sentence about a failure, where the shell has one.
    pub text: String,
}

/// What is being left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving {
    /// The script that runs.
    Script,
    /// The shell.
    Shell,
}

/// A shell at work.
#[derive(Debug)]
pub struct Session {
    /// How the last command ended.
    pub last: Last,
    /// Directories searched for programs, beside the current one and `C:`.
    pub search_path: Vec<String>,
    /// Lines that were typed.
    pub history: History,
    /// Programs in the background.
    pub jobs: Jobs,
    /// The return code from which on a script stops; `None` outside scripts.
    pub fail_level: Option<Rc>,
    /// What a `Break` of the running text leaves.
    pub leaving: Leaving,
    /// How many scripts run inside each other.
    pub depth: u32,
    console: Option<Console>,
}

impl Session {
    /// A shell at a console, or at none.
    pub fn new(console: Option<Console>) -> Session {
        Session {
            last: Last::default(),
            search_path: Vec::new(),
            history: History::default(),
            jobs: Jobs::default(),
            fail_level: None,
            leaving: Leaving::Shell,
            depth: 0,
            console,
        }
    }

    /// The console, where somebody sits at one.
    pub fn console(&self) -> Option<&Console> {
        self.console.as_ref()
    }

    /// Remembers and tells of a failure of a command of the shell itself.
    fn fail(&mut self, name: &str, failure: Failure) -> Rc {
        if !failure.text.is_empty() {
            eprintln!("{}", failure.text);
        }
        self.last = Last {
            name: name.to_string(),
            rc: failure.rc,
            reason: failure.reason,
            text: failure.text,
        };
        failure.rc
    }

    /// Remembers how a program ended; tells of a fault.
    fn ended(&mut self, name: &str, status: ExitStatus) -> Rc {
        let mut text = String::new();
        if let Some(fault) = status.fault() {
            text = format!("{name}: {fault}");
            eprintln!("{text}");
        } else if status.was_killed() {
            text = format!("{name}: ended by a break");
            eprintln!("{text}");
        }
        let (rc, reason) = (status.rc(), status.reason());
        self.last = Last {
            name: name.to_string(),
            rc,
            reason,
            text,
        };
        rc
    }

    /// Runs a built-in command with its output where the statement says.
    fn run_builtin(&mut self, builtin: &Builtin, statement: &Statement) -> ControlFlow<Rc, Rc> {
        let name = builtin.name;
        let redirected = match &statement.output {
            None => Ok(Replacement::None),
            Some((path, placement)) => launch::open_output(path, *placement).map(|file| {
                file.into_handle()
                    .map_or(Replacement::Nil, Replacement::Stream)
            }),
        };
        let result = match redirected {
            Ok(Replacement::None) => builtin::invoke(builtin, self, statement.arguments()),
            Ok(replacement) => {
                let before = io::set_output(replacement);
                let result = builtin::invoke(builtin, self, statement.arguments());
                let after = io::set_output(Replacement::None);
                match before.and(after) {
                    Ok(()) => result,
                    Err(error) => Err(error.into()),
                }
            }
            Err(error) => Err(error.into()),
        };
        match result {
            Ok(ControlFlow::Break(rc)) => ControlFlow::Break(rc),
            Ok(ControlFlow::Continue(rc)) => {
                if !builtin.keeps_last {
                    self.last = Last {
                        name: name.to_string(),
                        rc,
                        ..Last::default()
                    };
                }
                ControlFlow::Continue(rc)
            }
            Err(mut failure) => {
                if !failure.text.is_empty() {
                    failure.text = format!("{name}: {}", failure.text);
                }
                ControlFlow::Continue(self.fail(name, failure))
            }
        }
    }

    /// Starts a program and waits for it, or leaves it in the background.
    fn run_program(
        &mut self,
        statement: &Statement,
        path: &str,
        file: &OwnedHandle,
        is_command: bool,
        confinement: Option<&Confinement>,
    ) -> Result<Rc, fs::Error> {
        let _ = io::flush_all();
        let around = Surroundings {
            stdin: first_input(statement),
            confinement,
            ..Surroundings::default()
        };
        let child = launch::start(statement, path, file, is_command, around)?;
        if statement.is_background {
            return Ok(self.leave(statement.name(), statement.text(), child));
        }
        let status = self.wait(&child);
        let (_, name) = viper::path::split_last(path);
        let status = status.map_err(|cause| fs::Error::new(path, cause))?;
        Ok(self.ended(name, status))
    }

    /// Leaves a program in the background.
    fn leave(&mut self, name: &str, text: String, child: Child) -> Rc {
        let number = self.jobs.add(text.clone(), child);
        if self.console.is_some() {
            println!("[{number}] {text}");
        }
        self.last = Last {
            name: name.to_string(),
            ..Last::default()
        };
        Rc::OK
    }

    /// Waits for a program in the foreground.
    fn wait(&self, child: &Child) -> io::Result<ExitStatus> {
        match &self.console {
            Some(console) => console.wait(child),
            None => child.wait(),
        }
    }

    /// Starts several programs, each with the output of the one before as its input, and
    /// waits for all of them; the return code is that of the last.
    fn run_pipeline(&mut self, statements: &[Statement]) -> Result<Rc, Failure> {
        let Some((last, _)) = statements.split_last() else {
            return Ok(Rc::OK);
        };
        let _ = io::flush_all();
        let mut children = Vec::new();
        let mut stdin = first_input(last);
        for (index, statement) in statements.iter().enumerate() {
            let is_last = index.saturating_add(1) == statements.len();
            let (next, stdout) = match is_last {
                true => (Stdio::Nil, Stdio::Inherit),
                false => {
                    let (reader, writer) = rt::pipe::create(0)?;
                    (Stdio::Stream(reader), Stdio::Stream(writer))
                }
            };
            let stdin = core::mem::replace(&mut stdin, next);
            // Where one does not start, those before find that nobody reads, and end.
            children.push(self.start_in_pipeline(statement, stdin, stdout)?);
        }
        let Some(child) = children.pop() else {
            return Ok(Rc::OK);
        };
        if last.is_background {
            let texts: Vec<_> = statements.iter().map(Statement::text).collect();
            return Ok(self.leave(last.name(), texts.join(" | "), child));
        }
        let status = self.wait(&child)?;
        for other in children {
            if status.was_killed() {
                other.kill(Rc::FAIL)?;
            }
            self.wait(&other)?;
        }
        Ok(self.ended(last.name(), status))
    }

    fn start_in_pipeline(
        &self,
        statement: &Statement,
        stdin: Stdio,
        stdout: Stdio,
    ) -> Result<Child, Failure> {
        let name = statement.name();
        if builtin::find(name).is_some() {
            let text = format!("{name} is built in and cannot be part of a pipeline");
            return Err(Failure::new(text));
        }
        let around = Surroundings {
            stdin,
            stdout,
            confinement: None,
        };
        let started = match launch::find(name, &self.search_path) {
            Ok(Found::Program {
                path,
                file,
                is_command,
            }) => launch::start(statement, &path, &file, is_command, around),
            Ok(Found::Directory(path)) => Err(fs::Error::new(&path, abi::Error::IsDirectory)),
            Err(error) => Err(error),
        };
        started.map_err(|error| refusal(name, &error))
    }

    /// Starts what a statement names, or goes to the directory it names.
    fn run_found(&mut self, statement: &Statement, confinement: Option<&Confinement>) -> Rc {
        let name = statement.name();
        let result = match launch::find(name, &self.search_path) {
            Ok(Found::Program {
                path,
                file,
                is_command,
            }) => self.run_program(statement, &path, &file, is_command, confinement),
            Ok(Found::Directory(path)) if statement.words.len() == 1 && confinement.is_none() => {
                env::set_current_dir(&path).map(|()| {
                    self.last = Last {
                        name: "Cd".to_string(),
                        ..Last::default()
                    };
                    Rc::OK
                })
            }
            Ok(Found::Directory(path)) => Err(fs::Error::new(&path, abi::Error::IsDirectory)),
            Err(error) => Err(error),
        };
        result.unwrap_or_else(|error| self.fail(name, refusal(name, &error)))
    }

    /// Runs a program that gets what is chosen here and nothing else.
    pub fn run_confined(&mut self, statement: &Statement, confinement: &Confinement) -> Rc {
        self.run_found(statement, Some(confinement))
    }
}

/// Where the first program of a line reads from.
fn first_input(statement: &Statement) -> Stdio {
    match statement.is_background {
        true => Stdio::Nil,
        false => Stdio::Inherit,
    }
}

/// The failure of a program that could not be started.
fn refusal(name: &str, error: &fs::Error) -> Failure {
    Failure {
        rc: Rc::ERROR,
        reason: Some(error.cause),
        text: launch::explain(name, error),
    }
}

impl Executor for Session {
    fn variable(&self, name: &str) -> Option<String> {
        match name.to_ascii_uppercase().as_str() {
            "RC" => Some(self.last.rc.to_string()),
            "RESULT2" => Some(
                self.last
                    .reason
                    .map_or(0, |reason| reason as u16)
                    .to_string(),
            ),
            _ => env::var(name),
        }
    }

    fn execute(&mut self, statement: &Statement) -> ControlFlow<Rc, Rc> {
        match builtin::find(statement.name()) {
            Some(builtin) => self.run_builtin(builtin, statement),
            None => ControlFlow::Continue(self.run_found(statement, None)),
        }
    }

    fn execute_pipeline(&mut self, statements: &[Statement]) -> ControlFlow<Rc, Rc> {
        let rc = self.run_pipeline(statements).unwrap_or_else(|failure| {
            let name = statements.last().map_or("Shell", Statement::name);
            self.fail(name, failure)
        });
        ControlFlow::Continue(rc)
    }

    fn refuse(&mut self, error: SyntaxError) -> Rc {
        self.fail("Shell", Failure::new(error))
    }

    fn fail_level(&self) -> Option<Rc> {
        self.fail_level
    }
}

/// The names completion looks at, without borrowing the session.
#[derive(Debug)]
pub struct SessionNames {
    /// Directories searched for programs.
    pub search_path: Vec<String>,
}

impl Names for SessionNames {
    fn commands(&self) -> Vec<String> {
        let mut all: Vec<String> = builtin::BUILTINS
            .iter()
            .map(|builtin| builtin.name.to_string())
            .collect();
        let places = self
            .search_path
            .iter()
            .map(String::as_str)
            .chain(core::iter::once("C:"));
        for place in places {
            let files = self
                .entries(place)
                .into_iter()
                .filter(|(_, is_directory)| !is_directory);
            all.extend(files.map(|(name, _)| name));
        }
        all
    }

    fn assigns(&self) -> Vec<String> {
        viper::assign::with(|namespace| {
            namespace
                .assigns()
                .iter()
                .map(|assign| assign.name.clone())
                .collect()
        })
    }

    fn entries(&self, directory: &str) -> Vec<(String, bool)> {
        let Ok(listing) = fs::read_dir(directory) else {
            return Vec::new();
        };
        listing
            .filter_map(Result::ok)
            .map(|entry| (entry.name().to_string(), entry.is_dir()))
            .collect()
    }
}
