//! The interface of a disk.
#![forbid(unsafe_code)]

use core::fmt;

use super::{Completion, Request, SECTOR_BYTES, TRANSFER_BYTES_MAX, Ticket};

/// Why a device did not do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The range ends beyond the device.
    OutOfRange,
    /// The buffer is empty, no multiple of a sector, or longer than a transfer may be.
    BadLength,
    /// The device reported a failed transfer.
    Failed,
    /// The device does not do this kind of request.
    Unsupported,
    /// The device does not accept writes.
    ReadOnly,
    /// The device is no longer there, or does not answer.
    Gone,
    /// The ticket belongs to no request of this device.
    UnknownTicket,
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Error::OutOfRange => "the request ends beyond the end of the device",
            Error::BadLength => "the request has a length the device cannot transfer",
            Error::Failed => "the device reported a failed transfer",
            Error::Unsupported => "the device does not support the request",
            Error::ReadOnly => "the device is read-only",
            Error::Gone => "the device does not answer any more",
            Error::UnknownTicket => "the request is not known to the device",
        })
    }
}

impl core::error::Error for Error {}

/// What a device can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest buffer in bytes; a multiple of 4,096, at most [`TRANSFER_BYTES_MAX`].
    pub transfer_bytes_max: usize,
    /// Requests that may usefully be in flight at once; at least 1.
    pub queue_depth: usize,
    /// Whether [`Request::Discard`] has an effect.
    pub discard: bool,
    /// Whether writes are refused.
    pub read_only: bool,
}

/// A disk of 512-byte sectors.
///
/// Methods take `&self`: a device guards its own queue, so that several callers may
/// have requests in flight.
pub trait BlockDevice {
    /// Starts a request.
    ///
    /// When the device's queue is full this waits for room; room must come from
    /// requests that finish, never from a caller that waits for them.
    fn submit(&self, request: Request) -> Result<Ticket, Error>;

    /// Waits until the request is done and returns its buffer.
    fn wait(&self, ticket: Ticket) -> Result<Completion, Error>;

    /// Size in sectors.
    fn capacity(&self) -> u64;

    /// What the device can take.
    fn limits(&self) -> Limits;

    /// Checks the length and range of a request against this device.
    ///
    /// Drivers call it first in [`submit`](Self::submit), so that hardware never sees
    /// a request outside of the device.
    fn validate(&self, request: &Request) -> Result<(), Error> {
        let limits = self.limits();
        if let Request::Read { buffer, .. } | Request::Write { buffer, .. } = request {
            let longest = limits.transfer_bytes_max.min(TRANSFER_BYTES_MAX);
            let whole = buffer.len().is_multiple_of(SECTOR_BYTES);
            if buffer.is_empty() || !whole || buffer.len() > longest {
                return Err(Error::BadLength);
            }
        }
        if limits.read_only && !matches!(request, Request::Read { .. } | Request::Flush) {
            return Err(Error::ReadOnly);
        }
        let Some((sector, sectors)) = request.range() else {
            return Ok(());
        };
        match sector.checked_add(sectors) {
            Some(end) if end <= self.capacity() => Ok(()),
            _ => Err(Error::OutOfRange),
        }
    }
}

impl<D: BlockDevice + ?Sized> BlockDevice for &D {
    fn submit(&self, request: Request) -> Result<Ticket, Error> {
        (**self).submit(request)
    }

    fn wait(&self, ticket: Ticket) -> Result<Completion, Error> {
        (**self).wait(ticket)
    }

    fn capacity(&self) -> u64 {
        (**self).capacity()
    }

    fn limits(&self) -> Limits {
        (**self).limits()
    }
}
