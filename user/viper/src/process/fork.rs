//! Copies of a running process.

use core::sync::atomic::{AtomicU64, Ordering};

use abi::Handle;
use abi::startup::Tag;
use rt::process::Side;

use super::Child;
use crate::io::Result;

/// Handles to the process and its first thread in a copy, 0 where this is none: what the
/// start names as such are the original's there.
static OWN: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];

/// Which of the two a [`fork`] returned to.
#[derive(Debug)]
pub enum Fork {
    /// The caller; its copy is a child.
    Parent(Child),
    /// The copy.
    Copy,
}

/// Makes a copy of this process: the same memory, and the handles that may be duplicated;
/// so its descriptors, assigns and current directory are the same, too. Only the calling
/// thread exists in the copy, and a lock that another thread held stays locked there: with
/// several threads a copy does little but exit or run another program
/// ([`super::Command::exec`]).
///
/// What was held back of the output is written first, so that it is not written twice.
///
/// # Errors
///
/// `NoMemory`, `LimitReached`.
pub fn fork() -> Result<Fork> {
    crate::io::flush_all()?;
    match rt::process::clone()? {
        Side::Original(process) => Ok(Fork::Parent(Child { process })),
        Side::Copy { process, thread } => {
            for (place, handle) in OWN.iter().zip([process, thread]) {
                place.store(handle.0, Ordering::Relaxed);
            }
            Ok(Fork::Copy)
        }
    }
}

fn own(place: &AtomicU64, tag: Tag) -> Handle {
    match place.load(Ordering::Relaxed) {
        0 => rt::startup::handle(tag).unwrap_or(Handle::NONE),
        value => Handle(value),
    }
}

/// The handle of this process to itself.
pub fn own_process() -> Handle {
    let [process, _] = &OWN;
    own(process, Tag::OwnProcess)
}

/// The handle of this process to its first thread.
pub fn own_thread() -> Handle {
    let [_, thread] = &OWN;
    own(thread, Tag::OwnThread)
}
