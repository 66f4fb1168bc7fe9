//! The trace of the scheduler.
#![allow(
    unsafe_code,
    reason = "passes addresses of its callers' slices to the kernel"
)]

use abi::Handle;
use abi::trace::TraceRecord;
use zerocopy::IntoBytes;

use crate::handle::length;
use crate::{Result, stub};

/// Chooses which events are recorded, a bit of [`abi::trace::TraceEvent`] for each; returns
/// those chosen before.
///
/// # Errors
///
/// `AccessDenied` without the right `MANAGE`; `InvalidArgument` for an unknown event;
/// `NoMemory`.
pub fn control(system: Handle, events: u32) -> Result<u32> {
    // SAFETY: the call takes no address.
    let [before, ..] = unsafe { stub::trace_control(system.0, u64::from(events)) }?;
    Ok((before & 0xffff_ffff) as u32)
}

/// What a read of the trace has brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Records that were filled in.
    pub count: usize,
    /// Position to go on from.
    pub next: u64,
    /// Records from the wanted position on that were overwritten before.
    pub lost: u64,
}

/// Reads records of a CPU from a position on, 0 for the oldest.
///
/// # Errors
///
/// `AccessDenied` without the right `READ`; `InvalidArgument` for a CPU that does not run;
/// `BufferTooSmall` for no records.
pub fn read(system: Handle, cpu: u32, position: u64, records: &mut [TraceRecord]) -> Result<Part> {
    let bytes = records.as_mut_bytes();
    let (start, len) = (bytes.as_mut_ptr() as u64, bytes.len() as u64);
    // SAFETY: the kernel writes at most `len` bytes, and records of any bytes are valid.
    let [used, next, lost] =
        unsafe { stub::trace_read(system.0, u64::from(cpu), position, start, len) }?;
    Ok(Part {
        count: length(used)? / size_of::<TraceRecord>(),
        next,
        lost,
    })
}
