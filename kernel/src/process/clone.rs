//! Copying the calling process.

use abi::startup::Tag;

use crate::arch::Start;
use crate::cap::{Capability, CopyError};
use crate::mm::MapError;
use crate::sched;
use crate::sync::Ref;

use super::revocation::cuts;
use super::spawn::{OWN_RIGHTS, SpawnError, enter};
use super::{Process, registry};

impl From<CopyError> for MapError {
    fn from(error: CopyError) -> Self {
        match error {
            CopyError::LimitReached => MapError::LimitReached,
            CopyError::NoMemory => MapError::NoMemory,
        }
    }
}

/// Makes a copy of the running thread's process with a copy of that thread only, which
/// returns from the same system call; returns the copy to the original.
///
/// # Errors
/// [`SpawnError`]; nothing is left behind.
pub fn clone_process(original: &Process) -> Result<Ref<Process>, SpawnError> {
    let cuts_before = cuts();
    let copy = original.copy()?;
    let started = start(&copy, cuts_before);
    if started.is_err() {
        copy.abandon();
    }
    started.map(|()| copy)
}

fn start(copy: &Ref<Process>, cuts_before: u64) -> Result<(), SpawnError> {
    let thread = Process::make_thread(copy, Start::default())?;
    sched::current().copy_registers_to(thread.thread());
    // What the copied handles to process and thread name are the original's.
    let process = Capability::new(copy.clone(), OWN_RIGHTS);
    let process = enter(copy, process, Tag::OwnProcess as u32, 0)?;
    let own = Capability::new(thread.clone(), OWN_RIGHTS);
    let own = enter(copy, own, Tag::OwnThread as u32, 0)?;
    let frame = thread.thread().frame();
    frame.set_register(2, process.handle.0);
    frame.set_register(3, own.handle.0);
    registry::add(copy.clone()).map_err(|_| SpawnError::NoMemory)?;
    copy.catch_up_with_cuts(cuts_before);
    copy.job().enter(copy.clone())?;
    thread.thread().start();
    Ok(())
}
