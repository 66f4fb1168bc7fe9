//! Ports: waiting for many objects at once.
#![allow(
    unsafe_code,
    reason = "passes addresses of its callers' slices to the kernel"
)]

use abi::signal::{PortEvent, PortMode};
use abi::{Handle, Signals};
use zerocopy::IntoBytes;

use crate::handle::length;
use crate::{OwnedHandle, Result, stub};

/// Makes an empty port.
///
/// # Errors
///
/// `NoMemory`, `LimitReached`.
pub fn create() -> Result<OwnedHandle> {
    // SAFETY: the call takes no address.
    let [port, ..] = unsafe { stub::port_create() }?;
    Ok(OwnedHandle::new(Handle(port)))
}

/// Watches `object` for `signals`, by level; `key` comes back with each event. A member with
/// this key is replaced.
///
/// # Errors
///
/// `NotSupported` where the object has no signals; see the table.
pub fn add(port: Handle, object: Handle, signals: Signals, key: u64) -> Result<()> {
    add_with(port, object, signals, key, PortMode::empty())
}

/// As [`add`], and says how the object is watched.
///
/// # Errors
///
/// As [`add`].
pub fn add_with(
    port: Handle,
    object: Handle,
    signals: Signals,
    key: u64,
    mode: PortMode,
) -> Result<()> {
    let (signals, mode) = (u64::from(signals.bits()), u64::from(mode.bits()));
    // SAFETY: the call takes no address.
    unsafe { stub::port_add(port.0, object.0, signals, key, mode) }.map(|_| ())
}

/// Takes the member with this key out of the port.
///
/// # Errors
///
/// `NotFound` where there is none.
pub fn remove(port: Handle, key: u64) -> Result<()> {
    // SAFETY: the call takes no address.
    unsafe { stub::port_remove(port.0, key) }.map(|_| ())
}

/// Waits for any member; returns how many events were written.
///
/// # Errors
///
/// `TimedOut` when `deadline` (ns since boot) passes first.
pub fn wait(port: Handle, events: &mut [PortEvent], deadline: u64) -> Result<usize> {
    let count = events.len() as u64;
    let address = events.as_mut_bytes().as_mut_ptr() as u64;
    // SAFETY: the kernel writes at most `count` events, and any bytes are a `PortEvent`.
    let [written, ..] = unsafe { stub::port_wait(port.0, address, count, deadline) }?;
    length(written)
}
