//! Files: reading and writing at offsets, size, durability.
#![allow(
    unsafe_code,
    reason = "passes addresses of its callers' slices to the kernel"
)]

use abi::Handle;
use abi::fs::Stat;

use crate::handle::{fetch, length};
use crate::{OwnedHandle, Result, stub};

/// What a seek counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Whence {
    /// The first byte.
    Start = 0,
    /// The current position.
    Position = 1,
    /// The byte after the last.
    End = 2,
}

/// Reads at an offset; 0 bytes is the end.
///
/// # Errors
///
/// `AccessDenied`, `Io`, `Corrupt`, … as in the table.
pub fn read_at(file: Handle, offset: u64, buffer: &mut [u8]) -> Result<usize> {
    let (start, len) = (buffer.as_mut_ptr() as u64, buffer.len() as u64);
    // SAFETY: the kernel writes at most `buffer.len()` bytes to it.
    let [count, ..] = unsafe { stub::file_read(file.0, offset, start, len) }?;
    length(count)
}

/// Writes at an offset; may be fewer bytes than given.
///
/// # Errors
///
/// `AccessDenied`, `NoSpace`, `TooLarge`, … as in the table.
pub fn write_at(file: Handle, offset: u64, bytes: &[u8]) -> Result<usize> {
    let (start, len) = (bytes.as_ptr() as u64, bytes.len() as u64);
    // SAFETY: the kernel only reads `bytes`.
    let [count, ..] = unsafe { stub::file_write(file.0, offset, start, len) }?;
    length(count)
}

/// Moves the position; returns the new one.
///
/// # Errors
///
/// `InvalidArgument` where it would be negative.
pub fn seek(file: Handle, offset: i64, whence: Whence) -> Result<u64> {
    // SAFETY: the call takes no address.
    let [position, ..] = unsafe { stub::file_seek(file.0, offset.cast_unsigned(), whence as u64) }?;
    Ok(position)
}

/// Asks about a file.
///
/// # Errors
///
/// `AccessDenied` without the right `INSPECT`.
pub fn stat(file: Handle) -> Result<Stat> {
    fetch(|address, _| {
        // SAFETY: `address` is that of a `Stat` of our own.
        unsafe { stub::file_stat(file.0, address) }
    })
}

/// Cuts a file, or lengthens it with zeros.
///
/// # Errors
///
/// `AccessDenied`, `NoSpace`, `TooLarge`, … as in the table.
pub fn truncate(file: Handle, size: u64) -> Result<()> {
    // SAFETY: the call takes no address.
    unsafe { stub::file_truncate(file.0, size) }.map(|_| ())
}

/// Makes a file, and the names that lead to it, durable.
///
/// # Errors
///
/// `AccessDenied`, `NoSpace`, `Io`.
pub fn sync(file: Handle) -> Result<()> {
    // SAFETY: the call takes no address.
    unsafe { stub::file_sync(file.0) }.map(|_| ())
}

/// The pages of a file, for mapping.
///
/// # Errors
///
/// `AccessDenied` without the right `MAP`.
pub fn memory(file: Handle) -> Result<OwnedHandle> {
    // SAFETY: the call takes no address.
    let [memory, ..] = unsafe { stub::file_memory(file.0) }?;
    Ok(OwnedHandle::new(Handle(memory)))
}
