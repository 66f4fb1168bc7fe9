//! Handles: owning, duplicating, asking, waiting.
#![allow(
    unsafe_code,
    reason = "passes addresses of its own buffers to the kernel"
)]

use abi::handle::HandleInfo;
use abi::{Error, Handle, Rights, Signals};
use zerocopy::{FromBytes, IntoBytes};

use crate::{Result, stub};

/// A handle that is closed when it goes out of scope.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct OwnedHandle(Handle);

impl OwnedHandle {
    /// Takes over a handle; nobody else may close it from now on.
    pub const fn new(handle: Handle) -> OwnedHandle {
        OwnedHandle(handle)
    }

    /// The handle, for use while this lives.
    pub const fn get(&self) -> Handle {
        self.0
    }

    /// Gives the handle away without closing it.
    pub fn into_raw(self) -> Handle {
        let handle = self.0;
        core::mem::forget(self);
        handle
    }

    /// Another handle to the same object, with all of its rights.
    ///
    /// # Errors
    ///
    /// `AccessDenied` without the right `DUPLICATE`; `NoMemory`, `LimitReached`.
    pub fn try_clone(&self) -> Result<OwnedHandle> {
        let rights = info(self.0)?.rights();
        duplicate(self.0, rights)
    }
}

impl Drop for OwnedHandle {
    fn drop(&mut self) {
        // A failure means that the value was no handle: there is nothing to close.
        let _ = close(self.0);
    }
}

/// Closes a handle.
///
/// # Errors
///
/// `BadHandle` where it is none.
pub fn close(handle: Handle) -> Result<()> {
    // SAFETY: the call takes no address.
    unsafe { stub::handle_close(handle.0) }.map(|_| ())
}

/// Makes another handle to the same object, with some of its rights.
///
/// # Errors
///
/// `AccessDenied` without `DUPLICATE` or one of the rights asked for.
pub fn duplicate(handle: Handle, rights: Rights) -> Result<OwnedHandle> {
    // SAFETY: the call takes no address.
    let [value, ..] = unsafe { stub::handle_duplicate(handle.0, u64::from(rights.bits())) }?;
    Ok(OwnedHandle(Handle(value)))
}

/// Takes back all copies made from a handle, and what was reached through them.
///
/// # Errors
///
/// `AccessDenied` without the right `MANAGE`.
pub fn revoke(handle: Handle) -> Result<()> {
    // SAFETY: the call takes no address.
    unsafe { stub::handle_revoke(handle.0) }.map(|_| ())
}

/// Kind, rights and number of the object behind a handle.
///
/// # Errors
///
/// `BadHandle` where it is none.
pub fn info(handle: Handle) -> Result<HandleInfo> {
    fetch(|address, _| {
        // SAFETY: `address` is that of a `HandleInfo` of our own.
        unsafe { stub::handle_info(handle.0, address) }
    })
}

/// Lists the handles of a process; returns how many it has, which may be more than fit.
///
/// # Errors
///
/// `AccessDenied` without the right `INSPECT`.
pub fn list(process: Handle, rows: &mut [HandleInfo]) -> Result<usize> {
    let bytes = rows.as_mut_bytes();
    // SAFETY: the kernel writes at most `bytes.len()` bytes, and rows of any bytes are valid.
    let [total, ..] =
        unsafe { stub::handle_list(process.0, bytes.as_mut_ptr() as u64, bytes.len() as u64) }?;
    length(total)
}

/// Waits until any of `signals` is raised; returns all that are.
///
/// # Errors
///
/// `TimedOut` when `deadline` (ns since boot) passes first; `NotSupported` where the
/// object has no signals.
pub fn wait(handle: Handle, signals: Signals, deadline: u64) -> Result<Signals> {
    // SAFETY: the call takes no address.
    let [raised, ..] = unsafe { stub::object_wait(handle.0, u64::from(signals.bits()), deadline) }?;
    Ok(signals_from(raised))
}

/// The signal set in a register.
pub(crate) fn signals_from(register: u64) -> Signals {
    Signals::from_bits_retain((register & 0xffff_ffff) as u32)
}

/// A count or length in a register.
pub(crate) fn length(register: u64) -> Result<usize> {
    usize::try_from(register).map_err(|_| Error::TooLarge)
}

/// Lets a call fill in one record.
pub(crate) fn fetch<T: FromBytes + IntoBytes + Default>(
    call: impl FnOnce(u64, u64) -> Result<stub::Values>,
) -> Result<T> {
    let mut record = T::default();
    let bytes = record.as_mut_bytes();
    call(bytes.as_mut_ptr() as u64, bytes.len() as u64)?;
    Ok(record)
}
