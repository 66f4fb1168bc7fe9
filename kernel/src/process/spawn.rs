//! Starting a program in a new process.

use alloc::vec::Vec;

use abi::Rights;
use abi::startup::{StartupHandle, Tag};

use crate::arch::{PageFlags, Start};
use crate::cap::{Capability, NoSlot};
use crate::fs::vfs::File;
use crate::limits::USER_STACK_BYTES;
use crate::mm::{AddressSpace, Backing, MapError, MapRequest};
use crate::sync::Ref;

use super::elf::{LoadError, load};
use super::revocation::cuts;
use super::startup::StackImage;
use super::{Job, JobError, Process, Restrictions, registry};

/// A capability for a new process.
#[derive(Debug)]
pub struct GivenHandle {
    /// What is given.
    pub capability: Capability,
    /// What for: a [`Tag`] code.
    pub tag: u32,
    /// Which one of several with the same tag.
    pub index: u32,
}

/// What to start.
#[derive(Debug)]
pub struct SpawnRequest<'a> {
    /// The program.
    pub file: &'a File,
    /// Name of the process.
    pub name: &'a [u8],
    /// Number of the process that starts it.
    pub parent: u64,
    /// The job it is started in.
    pub job: Ref<Job>,
    /// What it has given up from the start.
    pub restrictions: Restrictions,
    /// Arguments, environment and names.
    pub blob: &'a [u8],
    /// Its handles, beside those to itself.
    pub handles: Vec<GivenHandle>,
}

/// Why nothing was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpawnError {
    /// The program could not be loaded.
    Load(LoadError),
    /// No memory.
    NoMemory,
    /// A limit is reached.
    LimitReached,
    /// The job was killed.
    JobKilled,
    /// A given capability was taken back meanwhile.
    Revoked,
}

impl From<MapError> for SpawnError {
    fn from(error: MapError) -> Self {
        match error {
            MapError::LimitReached => SpawnError::LimitReached,
            _ => SpawnError::NoMemory,
        }
    }
}

impl From<JobError> for SpawnError {
    fn from(error: JobError) -> Self {
        match error {
            JobError::Killed => SpawnError::JobKilled,
            JobError::NoMemory => SpawnError::NoMemory,
            JobError::LimitReached => SpawnError::LimitReached,
        }
    }
}

/// What a process may do with itself.
pub(super) const OWN_RIGHTS: Rights = Rights::DUPLICATE
    .union(Rights::TRANSFER)
    .union(Rights::WAIT)
    .union(Rights::SIGNAL)
    .union(Rights::INSPECT)
    .union(Rights::MANAGE);

/// Starts a program; returns its process, whose first thread runs.
///
/// # Errors
/// [`SpawnError`]; nothing is left behind, and the given capabilities are closed.
pub fn spawn(request: SpawnRequest<'_>) -> Result<Ref<Process>, SpawnError> {
    let process = Process::new(
        request.name,
        request.parent,
        &request.job,
        request.restrictions,
    )?;
    let started = start(&process, request.file, request.blob, request.handles);
    if started.is_err() {
        process.abandon();
    }
    started.map(|()| process)
}

fn start(
    process: &Ref<Process>,
    file: &File,
    blob: &[u8],
    given: Vec<GivenHandle>,
) -> Result<(), SpawnError> {
    let cuts_before = cuts();
    let space = process.space();
    let loaded = load(space, file).map_err(SpawnError::Load)?;
    let stack_low = space.layout().stack_low();
    let stack = MapRequest {
        placement: stack_low,
        fixed: true,
        bytes: USER_STACK_BYTES,
        flags: PageFlags::WRITE,
        most: PageFlags::WRITE,
        backing: Backing::Anonymous,
    };
    AddressSpace::map(space, stack)?;
    let count = given.len().saturating_add(2);
    let mut handles = Vec::new();
    handles
        .try_reserve_exact(count)
        .map_err(|_| SpawnError::NoMemory)?;
    let image =
        StackImage::new(space.layout().stack_top, count, blob.len()).ok_or(SpawnError::NoMemory)?;
    let start = Start {
        pc: loaded.entry,
        sp: image.address,
        argument: image.address,
        tls: 0,
    };
    let thread = Process::make_thread(process, start)?;
    // The handle to itself comes first, that to its thread last.
    let own = Capability::new(process.clone(), OWN_RIGHTS);
    handles.push(enter(process, own, Tag::OwnProcess as u32, 0)?);
    for handle in given {
        handles.push(enter(process, handle.capability, handle.tag, handle.index)?);
    }
    let own = Capability::new(thread.clone(), OWN_RIGHTS);
    handles.push(enter(process, own, Tag::OwnThread as u32, 0)?);
    let bytes = image
        .bytes(stack_low, &loaded, &handles, blob)
        .ok_or(SpawnError::NoMemory)?;
    space
        .write(image.address, &bytes)
        .map_err(|_| SpawnError::NoMemory)?;
    registry::add(process.clone()).map_err(|_| SpawnError::NoMemory)?;
    process.catch_up_with_cuts(cuts_before);
    process.job().enter(process.clone())?;
    thread.thread().start();
    Ok(())
}

pub(super) fn enter(
    process: &Process,
    capability: Capability,
    tag: u32,
    index: u32,
) -> Result<StartupHandle, SpawnError> {
    match process.handles().add(capability) {
        Ok(handle) => Ok(StartupHandle { handle, tag, index }),
        Err(error) => Err(match error.reason {
            NoSlot::LimitReached => SpawnError::LimitReached,
            NoSlot::NoMemory => SpawnError::NoMemory,
            NoSlot::Revoked => SpawnError::Revoked,
        }),
    }
}
