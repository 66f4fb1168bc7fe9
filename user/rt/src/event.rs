//! Events: sets of signal bits that programs raise and wait for.
#![allow(unsafe_code, reason = "makes system calls without addresses")]

use abi::{Handle, Signals};

use crate::handle::signals_from;
use crate::{OwnedHandle, Result, stub};

/// Makes an event with no signal raised.
///
/// # Errors
///
/// `NoMemory`, `LimitReached`.
pub fn create() -> Result<OwnedHandle> {
    // SAFETY: the call takes no address.
    let [event, ..] = unsafe { stub::event_create() }?;
    Ok(OwnedHandle::new(Handle(event)))
}

/// Clears some of the user signals, then raises some.
///
/// # Errors
///
/// `InvalidArgument` for signals that are not the program's to raise.
pub fn signal(event: Handle, clear: Signals, raise: Signals) -> Result<()> {
    let (clear, raise) = (u64::from(clear.bits()), u64::from(raise.bits()));
    // SAFETY: the call takes no address.
    unsafe { stub::event_signal(event.0, clear, raise) }.map(|_| ())
}

/// Waits until any of `signals` is raised, and clears those it returns.
///
/// # Errors
///
/// `TimedOut` when `deadline` (ns since boot) passes first.
pub fn wait(event: Handle, signals: Signals, deadline: u64) -> Result<Signals> {
    // SAFETY: the call takes no address.
    let [raised, ..] = unsafe { stub::event_wait(event.0, u64::from(signals.bits()), deadline) }?;
    Ok(signals_from(raised))
}
