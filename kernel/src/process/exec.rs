//! Running another program in the calling process.

use alloc::vec::Vec;

use abi::Handle;
use abi::process::RC_FAIL;
use abi::startup::StartupHandle;

use crate::arch::{PageFlags, Start};
use crate::fs::vfs::File;
use crate::limits::USER_STACK_BYTES;
use crate::mm::{AddressSpace, Backing, MapRequest};
use crate::sched;

use super::elf::{check, load};
use super::spawn::SpawnError;
use super::startup::StackImage;
use super::{Exit, Process};

/// What to run, and what is kept.
#[derive(Debug)]
pub struct ExecRequest<'a> {
    /// The program.
    pub file: &'a File,
    /// Arguments, environment and names.
    pub blob: &'a [u8],
    /// The handles that are kept, with what they are for.
    pub handles: Vec<StartupHandle>,
}

/// Replaces the program of the running thread, which is the only one of its process; the
/// thread starts the new one when it leaves the kernel without results.
///
/// # Errors
/// [`SpawnError`], and the old program goes on. What fails later ends the process.
pub fn exec(process: &Process, request: &ExecRequest<'_>) -> Result<(), SpawnError> {
    check(process.space(), request.file).map_err(SpawnError::Load)?;
    let mut kept: Vec<Handle> = Vec::new();
    kept.try_reserve_exact(request.handles.len())
        .map_err(|_| SpawnError::NoMemory)?;
    kept.extend(request.handles.iter().map(|row| row.handle));
    // From here on there is no way back.
    process.handles().retain(&kept);
    process.space().clear();
    match start(process, request) {
        Ok(beginning) => {
            let thread = sched::current();
            thread.forget_upcalls();
            thread.replace_registers(&beginning);
        }
        Err(_) => process.end(Exit::Killed(RC_FAIL)),
    }
    Ok(())
}

fn start(process: &Process, request: &ExecRequest<'_>) -> Result<Start, SpawnError> {
    let space = process.space();
    let loaded = load(space, request.file).map_err(SpawnError::Load)?;
    let layout = *space.layout();
    let stack = MapRequest {
        placement: layout.stack_low(),
        fixed: true,
        bytes: USER_STACK_BYTES,
        flags: PageFlags::WRITE,
        most: PageFlags::WRITE,
        backing: Backing::Anonymous,
    };
    AddressSpace::map(space, stack)?;
    let (handles, blob) = (&request.handles, request.blob);
    let image =
        StackImage::new(layout.stack_top, handles.len(), blob.len()).ok_or(SpawnError::NoMemory)?;
    let bytes = image
        .bytes(layout.stack_low(), &loaded, handles, blob)
        .ok_or(SpawnError::NoMemory)?;
    space
        .write(image.address, &bytes)
        .map_err(|_| SpawnError::NoMemory)?;
    Ok(Start {
        pc: loaded.entry,
        sp: image.address,
        argument: image.address,
        tls: 0,
    })
}
