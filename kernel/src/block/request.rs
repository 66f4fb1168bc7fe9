//! One transfer, from its submission to its completion.
#![forbid(unsafe_code)]

use alloc::vec::Vec;

/// What a device is asked to do.
///
/// Buffers are heap vectors whose length is a multiple of
/// [`SECTOR_BYTES`](super::SECTOR_BYTES) and at most the device's
/// [`transfer_bytes_max`](super::Limits::transfer_bytes_max).
#[derive(Debug, PartialEq, Eq)]
pub enum Request {
    /// Fills `buffer` from the sectors that start at `sector`.
    Read {
        /// First sector, in units of 512 bytes.
        sector: u64,
        /// Filled by the device over its whole length.
        buffer: Vec<u8>,
    },
    /// Writes `buffer` to the sectors that start at `sector`.
    Write {
        /// First sector, in units of 512 bytes.
        sector: u64,
        /// Bytes to write.
        buffer: Vec<u8>,
    },
    /// Makes every write that was waited for before this submission durable.
    Flush,
    /// Says that the contents of the sectors are no longer needed.
    Discard {
        /// First sector, in units of 512 bytes.
        sector: u64,
        /// Number of sectors.
        sectors: u64,
    },
}

impl Request {
    /// First sector and number of sectors it touches; `None` for a flush.
    pub fn range(&self) -> Option<(u64, u64)> {
        match self {
            Request::Read { sector, buffer } | Request::Write { sector, buffer } => {
                Some((*sector, (buffer.len() / super::SECTOR_BYTES) as u64))
            }
            Request::Discard { sector, sectors } => Some((*sector, *sectors)),
            Request::Flush => None,
        }
    }
}

/// The claim on the completion of one submitted request.
///
/// It is neither cloned nor copied: every submission is waited for at most once. A
/// dropped ticket leaves the request running; its buffer stays with the device.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a request is only known to be done when its ticket was waited for"]
pub struct Ticket(u64);

impl Ticket {
    /// Makes the ticket with the driver's own number for the request.
    pub fn new(number: u64) -> Ticket {
        Ticket(number)
    }

    /// The number the driver gave.
    pub fn number(&self) -> u64 {
        self.0
    }
}

/// A request that succeeded.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Completion {
    /// The buffer of the request; empty for a flush or a discard.
    pub buffer: Vec<u8>,
}
