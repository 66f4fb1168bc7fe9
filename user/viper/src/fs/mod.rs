//! Files and directories, by path or by handle.
//!
//! Paths are read by [`crate::path`] and found through [`crate::assign`]. Names
//! match without regard to case where no exact match exists.

mod directory;
mod file;

use alloc::string::{String, ToString};
use core::fmt;

use abi::fs::{NodeKind, OpenFlags, RemoveFlags, RenameFlags, Stat};
use rt::OwnedHandle;

use crate::assign::{self, Place};
use crate::path::FullPath;
use crate::time::SystemTime;

pub(crate) use directory::open_below;
pub use directory::{DirEntry, ReadDir, create_dir, create_dir_all, open_directory, read_dir};
pub use file::{File, OpenOptions};

/// The path that stands for nothing: reads end at once, writes vanish.
pub const NIL: &str = "NIL:";

/// What failed, and on which path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The path, as it was given.
    pub path: String,
    /// Why.
    pub cause: abi::Error,
}

impl Error {
    /// Joins a cause and the path it is about.
    pub fn new(path: &str, cause: abi::Error) -> Error {
        Error {
            path: path.to_string(),
            cause,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.cause.text();
        // "SYS:x does not exist", but "SYS:x: the volume is full".
        let is_predicate = ["is ", "does ", "exists ", "has ", "leads "]
            .iter()
            .any(|verb| text.starts_with(verb));
        match is_predicate {
            true => write!(out, "{} {text}", self.path),
            false => write!(out, "{}: {text}", self.path),
        }
    }
}

impl core::error::Error for Error {}

/// What working with files gives back.
pub type Result<T> = core::result::Result<T, Error>;

/// What is known about a file or directory.
#[derive(Clone, Copy, Debug)]
pub struct Metadata {
    stat: Stat,
}

impl Metadata {
    /// Length in bytes; of a directory, the number of its entries.
    pub fn len(&self) -> u64 {
        self.stat.size
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.stat.size == 0
    }

    /// Whether it is a directory.
    pub fn is_dir(&self) -> bool {
        self.stat.kind == NodeKind::Directory as u32
    }

    /// Whether it is a file.
    pub fn is_file(&self) -> bool {
        self.stat.kind == NodeKind::File as u32
    }

    /// When its contents were last changed.
    pub fn modified(&self) -> SystemTime {
        SystemTime::from_unix_ns(self.stat.modify_ns)
    }

    /// Everything the kernel said.
    pub fn stat(&self) -> &Stat {
        &self.stat
    }
}

/// Whether a path is `NIL:`.
fn is_nil(path: &str) -> bool {
    path.eq_ignore_ascii_case(NIL)
}

/// Finds where a path leads; the path is in the error.
fn locate(path: &str) -> Result<Place> {
    assign::locate(path).map_err(|cause| Error::new(path, cause))
}

/// Tries the directories of a place in order, until one has what is looked for.
fn search<T>(
    path: &str,
    place: &Place,
    mut look: impl FnMut(abi::Handle, &[u8]) -> rt::Result<T>,
) -> Result<T> {
    let mut result = Err(abi::Error::NotFound);
    for directory in &place.directories {
        result = look(directory.get(), place.below.as_bytes());
        if !matches!(result, Err(abi::Error::NotFound)) {
            break;
        }
    }
    result.map_err(|cause| Error::new(path, cause))
}

/// Asks about a path.
///
/// # Errors
///
/// `NotFound`, `AccessDenied`, … with the path.
pub fn metadata(path: &str) -> Result<Metadata> {
    let place = locate(path)?;
    let stat = search(path, &place, |directory, below| {
        rt::directory::stat(directory, below, OpenFlags::ANY_CASE)
    })?;
    Ok(Metadata { stat })
}

/// Whether there is anything under a path.
///
/// # Errors
///
/// Where that cannot be told, with the path.
pub fn exists(path: &str) -> Result<bool> {
    match metadata(path) {
        Ok(_) => Ok(true),
        Err(Error {
            cause: abi::Error::NotFound | abi::Error::NotDirectory,
            ..
        }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Removes a file.
///
/// # Errors
///
/// `NotFound`, `IsDirectory`, … with the path.
pub fn remove_file(path: &str) -> Result<()> {
    remove_with(path, RemoveFlags::ANY_CASE)
}

/// Removes an empty directory.
///
/// # Errors
///
/// `NotFound`, `NotDirectory`, `NotEmpty`, … with the path.
pub fn remove_dir(path: &str) -> Result<()> {
    remove_with(path, RemoveFlags::ANY_CASE | RemoveFlags::DIRECTORY)
}

fn remove_with(path: &str, flags: RemoveFlags) -> Result<()> {
    let place = locate(path)?;
    search(path, &place, |directory, below| {
        rt::directory::remove(directory, below, flags)
    })
}

/// What happens to a file that already has the new name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and the renaming fails.
    Keep,
    /// It is replaced, in one step.
    Replace,
}

/// Renames or moves a file or directory on its volume.
///
/// # Errors
///
/// `NotFound` with the old path; `AlreadyExists`, `CrossVolume`, … with the new one.
pub fn rename(from: &str, to: &str, existing: Existing) -> Result<()> {
    let old = locate(from)?;
    let new = locate(to)?;
    let target = new
        .directories
        .first()
        .ok_or_else(|| Error::new(to, abi::Error::NotFound))?;
    let mut flags = RenameFlags::ANY_CASE;
    if existing == Existing::Replace {
        flags |= RenameFlags::REPLACE;
    }
    search(from, &old, |directory, below| {
        rt::directory::rename(directory, below, target.get(), new.below.as_bytes(), flags)
    })
    .map_err(|error| match error.cause {
        abi::Error::NotFound => match metadata(from) {
            // The old name is there, so it is the new one's directory that is not.
            Ok(_) => Error::new(to, error.cause),
            Err(_) => error,
        },
        _ => Error::new(to, error.cause),
    })
}

/// Copies the contents of a file; bytes copied.
///
/// # Errors
///
/// Those of reading with the old path, those of writing with the new one.
pub fn copy(from: &str, to: &str) -> Result<u64> {
    let mut source = File::open(from)?;
    let mut target = File::create(to)?;
    if source.is_same_as(&target) {
        return Err(Error::new(to, abi::Error::Busy));
    }
    target.copy_from(&mut source)
}

/// Makes everything written to the volume of a path durable.
///
/// # Errors
///
/// `AccessDenied`, `Io`, … with the path.
pub fn sync(path: &str) -> Result<()> {
    let (directory, _) = open_directory(path)?;
    rt::directory::sync(directory.get()).map_err(|cause| Error::new(path, cause))
}

/// The full path of a text, such as `WORK:notes/today`; nothing is looked up.
///
/// # Errors
///
/// `NotFound` for an unknown assign, `BadName`, `NameTooLong`, with the path.
pub fn full_path(path: &str) -> Result<FullPath> {
    Ok(locate(path)?.full)
}

/// Opens what a path names, a program to be run.
///
/// # Errors
///
/// `NotFound`, `IsDirectory`, `AccessDenied`, … with the path.
pub fn open_program(path: &str) -> Result<OwnedHandle> {
    let place = locate(path)?;
    let flags = OpenFlags::READ | OpenFlags::EXECUTE | OpenFlags::ANY_CASE;
    let (file, _) = search(path, &place, |directory, below| {
        rt::directory::open(directory, below, flags)
    })?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::format;

    #[test]
    fn errors_are_sentences() {
        for (cause, text) in [
            (abi::Error::NotFound, "WORK:x does not exist"),
            (abi::Error::IsDirectory, "WORK:x is a directory"),
            (abi::Error::NoSpace, "WORK:x: the volume is full"),
        ] {
            assert_eq!(format!("{}", Error::new("WORK:x", cause)), text);
        }
    }

    #[test]
    fn an_unknown_assign_does_not_exist() {
        let error = metadata("NOWHERE:x").unwrap_err();
        assert_eq!(format!("{error}"), "NOWHERE:x does not exist");
    }
}
