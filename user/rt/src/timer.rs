//! Timers: points in time to wait for.
#![allow(unsafe_code, reason = "makes system calls without addresses")]

use abi::Handle;

use crate::{OwnedHandle, Result, stub};

/// Makes a timer that is not set.
///
/// # Errors
///
/// `NoMemory`, `LimitReached`.
pub fn create() -> Result<OwnedHandle> {
    // SAFETY: the call takes no address.
    let [timer, ..] = unsafe { stub::timer_create() }?;
    Ok(OwnedHandle::new(Handle(timer)))
}

/// Sets a timer to `deadline` and, unless `period_ns` is 0, to every such time after it;
/// [`abi::NEVER`] unsets it. Returns the earliest point in time that is forgotten by that,
/// [`abi::NEVER`] for none.
///
/// # Errors
///
/// `InvalidArgument` for a period after a time that never comes; `NoMemory`.
pub fn set(timer: Handle, deadline: u64, period_ns: u64) -> Result<u64> {
    // SAFETY: the call takes no address.
    let [previous, ..] = unsafe { stub::timer_set(timer.0, deadline, period_ns) }?;
    Ok(previous)
}

/// Takes the points in time that have come since the last read; returns how many, and
/// clears the signal `READABLE`.
///
/// # Errors
///
/// `WouldBlock` where none has come; `NoMemory`.
pub fn read(timer: Handle) -> Result<u64> {
    // SAFETY: the call takes no address.
    let [count, ..] = unsafe { stub::timer_read(timer.0) }?;
    Ok(count)
}
