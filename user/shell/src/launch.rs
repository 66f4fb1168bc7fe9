//! Finding and starting the program a name stands for.

use alloc::format;
use alloc::string::{String, ToString};

use rt::OwnedHandle;
use viper::fs::{self, File, OpenOptions};
use viper::path;
use viper::process::{Child, Command, Stdio};

use crate::confinement::Confinement;
use crate::grant;
use crate::language::{Placement, Statement};

/// What a name stands for.
#[derive(Debug)]
pub enum Found {
    /// A program.
    Program {
        /// Its path.
        path: String,
        /// Its open file.
        file: OwnedHandle,
        /// It is one of the system's own, from `C:`.
        is_command: bool,
    },
    /// A directory.
    Directory(String),
}

/// Looks for a program: in the current directory, along the search path, in `C:`.
/// A name with a colon or slash is a path and is not searched.
///
/// # Errors
///
/// `NotFound` where there is nothing of that name; `AccessDenied`, `Io`, …
pub fn find(name: &str, search_path: &[String]) -> fs::Result<Found> {
    if name.contains([':', '/']) || matches!(name, "." | "..") {
        return match open(name) {
            Ok(file) => Ok(Found::Program {
                path: name.to_string(),
                file,
                is_command: is_in_commands(name),
            }),
            Err(Miss::Directory) => Ok(Found::Directory(name.to_string())),
            Err(Miss::Nothing(error)) => Err(error),
        };
    }
    let mut directory = None;
    let here = core::iter::once("");
    let listed = search_path.iter().map(String::as_str);
    for place in here.chain(listed).chain(core::iter::once("C:")) {
        let path = path::join(place, name);
        match open(&path) {
            Ok(file) => {
                return Ok(Found::Program {
                    is_command: is_in_commands(&path),
                    path,
                    file,
                });
            }
            // Only in the current directory does a name alone mean to go there.
            Err(Miss::Directory) if place.is_empty() => directory = Some(path),
            Err(Miss::Directory) => {}
            Err(Miss::Nothing(error)) if error.cause == abi::Error::NotFound => {}
            Err(Miss::Nothing(error)) => return Err(error),
        }
    }
    match directory {
        Some(path) => Ok(Found::Directory(path)),
        None => Err(fs::Error::new(name, abi::Error::NotFound)),
    }
}

/// Why there is no program under a path.
enum Miss {
    /// It is a directory.
    Directory,
    /// It cannot be opened.
    Nothing(fs::Error),
}

fn open(path: &str) -> Result<OwnedHandle, Miss> {
    let full = fs::full_path(path).map_err(Miss::Nothing)?;
    if full.names.is_empty() {
        return Err(Miss::Directory);
    }
    fs::open_program(path).map_err(|error| match error.cause {
        abi::Error::IsDirectory => Miss::Directory,
        _ => Miss::Nothing(error),
    })
}

/// Whether a path leads to a file directly in `C:`, under this or its long name.
fn is_in_commands(path: &str) -> bool {
    let Ok(full) = fs::full_path(path) else {
        return false;
    };
    let is = |name: &str, wanted: &str| name.eq_ignore_ascii_case(wanted);
    match full.names.as_slice() {
        [_] => is(&full.assign, "C"),
        [directory, _] => is(&full.assign, "SYS") && is(directory, "C"),
        _ => false,
    }
}

/// What a program is started with beside its statement.
#[derive(Debug, Default)]
pub struct Surroundings<'a> {
    /// Where it reads from, unless redirected.
    pub stdin: Stdio,
    /// Where it writes to, unless redirected.
    pub stdout: Stdio,
    /// All that it gets, where that was chosen.
    pub confinement: Option<&'a Confinement>,
}

/// Starts a program with the arguments and redirections of a statement.
///
/// # Errors
///
/// Those of opening the redirections and of starting, with the path.
pub fn start(
    statement: &Statement,
    path: &str,
    file: &OwnedHandle,
    is_command: bool,
    around: Surroundings<'_>,
) -> fs::Result<Child> {
    let (_, name) = path::split_last(path);
    let mut command = Command::new(path).name(name).words(statement.arguments());
    command = match &statement.input {
        None => command.stdin(around.stdin),
        Some(path) => command.stdin(stream(File::open(path)?)),
    };
    command = match &statement.output {
        None => command.stdout(around.stdout),
        Some((path, placement)) => command.stdout(stream(open_output(path, *placement)?)),
    };
    if let Some((path, placement)) = &statement.errors {
        command = command.stderr(stream(open_output(path, *placement)?));
    }
    if let Some(confinement) = around.confinement {
        return confinement.start(command, file);
    }
    if is_command {
        for extra in grant::for_program(name) {
            command = command.grant(extra);
        }
    }
    command.spawn_file(file)
}

/// Opens the file of an output redirection.
///
/// # Errors
///
/// `IsDirectory`, `NoSpace`, … with the path.
pub fn open_output(path: &str, placement: Placement) -> fs::Result<File> {
    match placement {
        Placement::Replace => File::create(path),
        Placement::Append => OpenOptions::new().append().create().open(path),
    }
}

/// A file as the stream of a new process.
fn stream(file: File) -> Stdio {
    file.into_handle().map_or(Stdio::Nil, Stdio::Stream)
}

/// A sentence about a command that could not be started.
pub fn explain(name: &str, error: &fs::Error) -> String {
    match error.cause {
        abi::Error::NotFound if error.path == name && !name.contains([':', '/']) => {
            format!("{name}: no such command; Help lists them")
        }
        _ if error.path == name => format!("{error}"),
        _ => format!("{name}: {error}"),
    }
}
