//! Byte streams: files at their position, terminals, pipes, whatever has bytes.
#![allow(
    unsafe_code,
    reason = "passes addresses of its callers' slices to the kernel"
)]

use abi::{Handle, NOW};

use crate::handle::length;
use crate::{Result, stub};

/// Reads some bytes that are there; 0 is the end.
///
/// # Errors
///
/// `WouldBlock` when nothing is there yet (wait for `READABLE`); see the table.
pub fn read(stream: Handle, buffer: &mut [u8]) -> Result<usize> {
    read_until(stream, buffer, NOW)
}

/// Reads some bytes, and waits for the first of them until `deadline` (ns since boot);
/// 0 is the end.
///
/// # Errors
///
/// `TimedOut` when the deadline passes first; see the table.
pub fn read_until(stream: Handle, buffer: &mut [u8], deadline: u64) -> Result<usize> {
    let (address, len) = (buffer.as_mut_ptr() as u64, buffer.len() as u64);
    // SAFETY: the kernel writes at most `buffer.len()` bytes to it.
    let [count, ..] = unsafe { stub::stream_read(stream.0, address, len, deadline) }?;
    length(count)
}

/// Writes some bytes; may be fewer than given.
///
/// # Errors
///
/// `WouldBlock` when there is no room yet (wait for `WRITABLE`); see the table.
pub fn write(stream: Handle, bytes: &[u8]) -> Result<usize> {
    write_until(stream, bytes, NOW)
}

/// Writes some bytes, and waits for room until `deadline` (ns since boot).
///
/// # Errors
///
/// `TimedOut` when the deadline passes first; `PeerClosed` where nobody reads any more; see
/// the table.
pub fn write_until(stream: Handle, bytes: &[u8], deadline: u64) -> Result<usize> {
    let (address, len) = (bytes.as_ptr() as u64, bytes.len() as u64);
    // SAFETY: the kernel only reads `bytes`.
    let [count, ..] = unsafe { stub::stream_write(stream.0, address, len, deadline) }?;
    length(count)
}
