//! Walking a relative path from a directory.
//!
//! The walk keeps the directories it came through on a stack of its own; `..` pops it and
//! cannot climb above the start, whatever is renamed meanwhile.

use alloc::vec::Vec;

use abi::fs::PATH_MAX;

use crate::fs::viperfs::{Case, Kind};
use crate::sync::Ref;

use super::error::Error;
use super::node::Node;

/// Most directories deep a path may go.
const DEPTH_MAX: usize = PATH_MAX / 2;

/// Where a path leads: its last name, in the directory before it.
#[derive(Debug)]
pub(super) struct Walk<'p> {
    /// The directory that has, or would have, the last name.
    pub(super) parent: u64,
    /// The last name; `None`: the path is the directory itself.
    pub(super) name: Option<&'p [u8]>,
}

/// Splits a path and walks to its last directory.
pub(super) fn walk<'p>(start: &Ref<Node>, path: &'p [u8], case: Case) -> Result<Walk<'p>, Error> {
    if path.len() > PATH_MAX {
        return Err(Error::NameTooLong);
    }
    if path.contains(&b':') {
        // The kernel knows no assign.
        return Err(Error::BadName);
    }
    let mut stack: Vec<u64> = Vec::new();
    let mut here = start.ino();
    let mut pending: Option<&[u8]> = None;
    for name in path.split(|byte| *byte == b'/') {
        match name {
            b"" | b"." => continue,
            b".." => {
                // Back over a name that was not entered yet, or to the directory above.
                if pending.take().is_none() {
                    here = stack.pop().unwrap_or(start.ino());
                }
                continue;
            }
            _ => {}
        }
        if let Some(directory) = pending.replace(name) {
            let next = enter(start, here, directory, case)?;
            if stack.len() >= DEPTH_MAX {
                return Err(Error::NameTooLong);
            }
            stack.try_reserve(1).map_err(|_| Error::NoMemory)?;
            stack.push(here);
            here = next;
        }
    }
    Ok(Walk {
        parent: here,
        name: pending,
    })
}

fn enter(start: &Ref<Node>, directory: u64, name: &[u8], case: Case) -> Result<u64, Error> {
    let found = start
        .volume()
        .engine(|engine| engine.lookup(directory, name, case))?;
    match found.kind {
        Kind::Directory => Ok(found.ino),
        Kind::File => Err(Error::NotDirectory),
        Kind::Symlink => Err(Error::NotSupported),
    }
}
