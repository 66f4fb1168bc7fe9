//! The log, the power switch, statistics and random bytes.
#![allow(
    unsafe_code,
    reason = "passes addresses of its callers' slices to the kernel"
)]

use abi::Handle;
use abi::system::{PowerAction, Topic};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::handle::length;
use crate::{Result, stub};

/// Writes a line to the kernel log.
///
/// # Errors
///
/// `AccessDenied` without the right `WRITE`; `InvalidArgument` where it is too long.
pub fn log_write(log: Handle, text: &str) -> Result<()> {
    // SAFETY: the kernel only reads `text`.
    unsafe { stub::log_write(log.0, text.as_ptr() as u64, text.len() as u64) }.map(|_| ())
}

/// Reads the kernel log from `position` on; bytes read and the position to go on from.
///
/// # Errors
///
/// `AccessDenied` without the right `READ`.
pub fn log_read(log: Handle, position: u64, buffer: &mut [u8]) -> Result<(usize, u64)> {
    let (start, len) = (buffer.as_mut_ptr() as u64, buffer.len() as u64);
    // SAFETY: the kernel writes at most `buffer.len()` bytes to it.
    let [used, next, _] = unsafe { stub::log_read(log.0, position, start, len) }?;
    Ok((length(used)?, next))
}

/// Commits every volume, then stops or restarts the machine.
///
/// # Errors
///
/// `AccessDenied` without the right `MANAGE`; `NotSupported`.
pub fn power(power: Handle, action: PowerAction, code: i32) -> Result<()> {
    let code = i64::from(code).cast_unsigned();
    // SAFETY: the call takes no address.
    unsafe { stub::power_control(power.0, action as u64, code) }.map(|_| ())
}

/// Writes records about the whole system; returns bytes written.
///
/// # Errors
///
/// `BufferTooSmall`, `AccessDenied` without the right `INSPECT`.
pub fn info<T>(system: Handle, topic: Topic, records: &mut [T]) -> Result<usize>
where
    T: FromBytes + IntoBytes + Immutable,
{
    let bytes = records.as_mut_bytes();
    let (start, len) = (bytes.as_mut_ptr() as u64, bytes.len() as u64);
    // SAFETY: the kernel writes at most `len` bytes, and records of any bytes are valid.
    let [used, ..] = unsafe { stub::system_info(system.0, topic as u64, start, len) }?;
    length(used)
}

/// Fills a buffer of at most 4096 bytes with random bytes.
///
/// # Errors
///
/// `NotSeeded`, `InvalidArgument` where it is longer.
pub fn entropy(entropy: Handle, buffer: &mut [u8]) -> Result<()> {
    let (start, len) = (buffer.as_mut_ptr() as u64, buffer.len() as u64);
    // SAFETY: the kernel writes exactly `buffer.len()` bytes.
    unsafe { stub::entropy_read(entropy.0, start, len) }.map(|_| ())
}
