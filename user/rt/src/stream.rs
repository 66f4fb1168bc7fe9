//! Byte streams: files at their position, terminals, whatever has bytes.
#![allow(
    unsafe_code,
    reason = "passes addresses of its callers' slices to the kernel"
)]

use abi::Handle;

use crate::handle::length;
use crate::{Result, stub};

/// Reads some bytes; 0 is the end.
///
/// # Errors
///
/// `WouldBlock` when nothing is there yet (wait for `READABLE`); see the table.
pub fn read(stream: Handle, buffer: &mut [u8]) -> Result<usize> {
    // SAFETY: the kernel writes at most `buffer.len()` bytes to it.
    let [count, ..] =
        unsafe { stub::stream_read(stream.0, buffer.as_mut_ptr() as u64, buffer.len() as u64) }?;
    length(count)
}

/// Writes some bytes; may be fewer than given.
///
/// # Errors
///
/// `WouldBlock` when there is no room yet (wait for `WRITABLE`); see the table.
pub fn write(stream: Handle, bytes: &[u8]) -> Result<usize> {
    // SAFETY: the kernel only reads `bytes`.
    let [count, ..] =
        unsafe { stub::stream_write(stream.0, bytes.as_ptr() as u64, bytes.len() as u64) }?;
    length(count)
}
