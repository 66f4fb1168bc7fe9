//! Directories: opening, making, listing.

use alloc::string::String;
use alloc::vec;
use alloc::vec::{IntoIter, Vec};

use abi::fs::{NodeKind, OpenFlags};
use rt::OwnedHandle;

use super::{Error, Result, locate, search};
use crate::path::FullPath;

/// Bytes of listing asked for at once.
const LISTING_BYTES: usize = 8192;

/// One name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirEntry {
    name: String,
    kind: Option<NodeKind>,
    node: u64,
}

impl DirEntry {
    /// The name; bytes that are no UTF-8 show as U+FFFD.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is a directory.
    pub fn is_dir(&self) -> bool {
        self.kind == Some(NodeKind::Directory)
    }

    /// Number of the node in its volume.
    pub fn node(&self) -> u64 {
        self.node
    }
}

/// Walks over the names in a directory, in no particular order.
#[derive(Debug)]
pub struct ReadDir {
    path: String,
    /// Directories still to be listed, the next one last.
    directories: Vec<OwnedHandle>,
    cookie: u64,
    ready: IntoIter<DirEntry>,
}

impl Iterator for ReadDir {
    type Item = Result<DirEntry>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.ready.next() {
                return Some(Ok(entry));
            }
            let directory = self.directories.last()?;
            match list_block(directory, self.cookie) {
                Ok((entries, cookie)) if !entries.is_empty() => {
                    self.ready = entries.into_iter();
                    self.cookie = cookie;
                }
                Ok(_) => {
                    self.directories.pop();
                    self.cookie = 0;
                }
                Err(cause) => {
                    self.directories.clear();
                    return Some(Err(Error::new(&self.path, cause)));
                }
            }
        }
    }
}

/// Reads one block of names; none is the end.
fn list_block(directory: &OwnedHandle, cookie: u64) -> rt::Result<(Vec<DirEntry>, u64)> {
    let mut block = vec![0; LISTING_BYTES];
    let (used, cookie) = rt::directory::list(directory.get(), cookie, &mut block)?;
    let listing = block.get(..used).unwrap_or(&[]);
    let entries = rt::directory::Entries::new(listing)
        .map(|(entry, name)| DirEntry {
            name: String::from_utf8_lossy(name).into_owned(),
            kind: NodeKind::from_code(entry.kind),
            node: entry.node,
        })
        .collect();
    Ok((entries, cookie))
}

/// Lists the names in a directory; of an assign with several, those of all of them.
///
/// # Errors
///
/// `NotFound`, `NotDirectory`, … with the path.
pub fn read_dir(path: &str) -> Result<ReadDir> {
    let place = locate(path)?;
    let mut directories = Vec::new();
    let mut failed = None;
    for directory in &place.directories {
        match open_below(directory.get(), &place.below) {
            Ok(handle) => directories.push(handle),
            Err(cause) => failed = Some(cause),
        }
    }
    if directories.is_empty() {
        return Err(Error::new(path, failed.unwrap_or(abi::Error::NotFound)));
    }
    directories.reverse();
    let ready = Vec::new().into_iter();
    Ok(ReadDir {
        path: path.into(),
        directories,
        cookie: 0,
        ready,
    })
}

/// Opens a directory below another one with as many rights as that one gives.
pub(crate) fn open_below(directory: abi::Handle, below: &str) -> rt::Result<OwnedHandle> {
    if below.is_empty() {
        let rights = rt::handle::info(directory)?.rights();
        return rt::handle::duplicate(directory, rights);
    }
    let read = OpenFlags::DIRECTORY | OpenFlags::ANY_CASE | OpenFlags::READ;
    let all = [
        read | OpenFlags::WRITE | OpenFlags::EXECUTE,
        read | OpenFlags::EXECUTE,
        read,
    ];
    let mut result = Err(abi::Error::AccessDenied);
    for flags in all {
        result = rt::directory::open(directory, below.as_bytes(), flags);
        if !matches!(result, Err(abi::Error::AccessDenied | abi::Error::ReadOnly)) {
            break;
        }
    }
    result.map(|(handle, _)| handle)
}

/// Opens a directory; its handle and its full path.
///
/// # Errors
///
/// `NotFound`, `NotDirectory`, … with the path.
pub fn open_directory(path: &str) -> Result<(OwnedHandle, FullPath)> {
    let place = locate(path)?;
    let handle = search(path, &place, |directory, _| {
        open_below(directory, &place.below)
    })?;
    Ok((handle, place.full))
}

/// Makes a directory.
///
/// # Errors
///
/// `AlreadyExists`, `NotFound` for the directory it should be in, … with the path.
pub fn create_dir(path: &str) -> Result<()> {
    let place = locate(path)?;
    let flags = OpenFlags::DIRECTORY
        | OpenFlags::CREATE
        | OpenFlags::EXCLUSIVE
        | OpenFlags::ANY_CASE
        | OpenFlags::READ;
    if place.below.is_empty() {
        return Err(Error::new(path, abi::Error::AlreadyExists));
    }
    search(path, &place, |directory, below| {
        rt::directory::open(directory, below, flags)
    })
    .map(|_| ())
}

/// Makes a directory and those above it that are missing.
///
/// # Errors
///
/// As [`create_dir`], but a directory that exists already is none.
pub fn create_dir_all(path: &str) -> Result<()> {
    let mut step = locate(path)?.full;
    let names = core::mem::take(&mut step.names);
    for name in names {
        step.names.push(name);
        let text = alloc::format!("{step}");
        match create_dir(&text) {
            Err(error) if error.cause == abi::Error::AlreadyExists => {}
            other => other?,
        }
    }
    match super::metadata(path)?.is_dir() {
        true => Ok(()),
        false => Err(Error::new(path, abi::Error::NotDirectory)),
    }
}
