//! Block devices: requests, completion, flush.
//!
//! [`BlockDevice`] is what a filesystem needs from a disk and nothing more. A driver
//! implements it over hardware, [`MemoryDisk`] over a vector, and the host tools over
//! a file. There is no cache here: what is worth keeping is known one layer up.
//!
//! Invariants:
//! - a request owns its buffer until its completion hands it back, so a device may
//!   read or write that memory at any time in between;
//! - a completed write may still be lost or reordered by a power cut until a later
//!   [`Request::Flush`] completes; a flush covers exactly the writes whose completion
//!   was waited for before the flush was submitted.
#![forbid(unsafe_code)]

mod device;
mod memory;
mod request;

pub use device::{BlockDevice, Error, Limits};
pub use memory::MemoryDisk;
pub use request::{Completion, Request, Ticket};

/// Size in bytes of the unit in which a device is addressed.
pub const SECTOR_BYTES: usize = 512;

/// Longest transfer of one request in bytes, whatever the device could do.
pub const TRANSFER_BYTES_MAX: usize = 128 * 1024;
