//! Channels: messages of bytes and handles between two ends.
#![allow(
    unsafe_code,
    reason = "passes addresses of its callers' slices to the kernel"
)]

use abi::Handle;
use zerocopy::IntoBytes;

use crate::handle::length;
use crate::{OwnedHandle, Result, stub};

/// Makes a channel; returns its two ends.
///
/// # Errors
///
/// `NoMemory`, `LimitReached`.
pub fn create() -> Result<(OwnedHandle, OwnedHandle)> {
    // SAFETY: the call takes no address.
    let [a, b, _] = unsafe { stub::channel_create() }?;
    Ok((OwnedHandle::new(Handle(a)), OwnedHandle::new(Handle(b))))
}

/// Sends one message; the handles leave the caller if and only if it succeeds.
///
/// # Errors
///
/// `PeerClosed`, `WouldBlock` when the queue is full, … as in the table.
pub fn write(channel: Handle, bytes: &[u8], handles: &[Handle]) -> Result<()> {
    // SAFETY: the kernel only reads both slices.
    unsafe {
        stub::channel_write(
            channel.0,
            bytes.as_ptr() as u64,
            bytes.len() as u64,
            handles.as_bytes().as_ptr() as u64,
            handles.len() as u64,
        )
    }
    .map(|_| ())
}

/// Takes the oldest message; returns how many bytes and handles it had.
///
/// # Errors
///
/// `WouldBlock` when there is none, `BufferTooSmall` (it stays), `PeerClosed`.
pub fn read(channel: Handle, bytes: &mut [u8], handles: &mut [Handle]) -> Result<(usize, usize)> {
    read_until(channel, bytes, handles, abi::NOW)
}

/// As [`read`], waiting for a message until `deadline_ns`.
///
/// # Errors
///
/// As [`read`], and `TimedOut`.
pub fn read_until(
    channel: Handle,
    bytes: &mut [u8],
    handles: &mut [Handle],
    deadline_ns: u64,
) -> Result<(usize, usize)> {
    // SAFETY: the kernel writes at most the lengths given, and any value is a `Handle`.
    let [used, count, _] = unsafe {
        stub::channel_read(
            channel.0,
            bytes.as_mut_ptr() as u64,
            bytes.len() as u64,
            handles.as_mut_bytes().as_mut_ptr() as u64,
            handles.len() as u64,
            deadline_ns,
        )
    }?;
    Ok((length(used)?, length(count)?))
}
