//! Blocks on a device, with writes in flight.
//!
//! Writes are submitted and forgotten until [`Disk::drain`]; the engine looks at their
//! outcome once, before the flush that makes a commit durable. A read or a write of a
//! block that is still on its way waits for it first, because a device may reorder
//! what is in flight.
//!
//! Invariant: after a write failed, every later drain fails, so that no commit can
//! ever claim what was lost.

use alloc::{collections::VecDeque, vec::Vec};

use super::error::{Error, Result};
use super::layout::BLOCK_BYTES;
use crate::block::{self, BlockDevice, Request, SECTOR_BYTES, TRANSFER_BYTES_MAX, Ticket};

/// Sectors of one block.
const BLOCK_SECTORS: u64 = (BLOCK_BYTES / SECTOR_BYTES) as u64;
/// Most writes in flight.
const IN_FLIGHT_MAX: usize = 8;
/// Most bytes that wait for the device.
pub(crate) const IN_FLIGHT_BYTES_MAX: usize = 512 * 1024;

/// A device seen in blocks.
#[derive(Debug)]
pub(crate) struct Disk<D> {
    device: D,
    in_flight: VecDeque<InFlight>,
    lost_write: Option<Error>,
    transfer_blocks: usize,
    depth: usize,
}

#[derive(Debug)]
struct InFlight {
    start: u64,
    end: u64,
    bytes: usize,
    ticket: Ticket,
}

/// A read that was started.
#[derive(Debug)]
pub(crate) struct PendingRead {
    block: u64,
    ticket: Ticket,
}

impl<D: BlockDevice> Disk<D> {
    pub fn new(device: D) -> Disk<D> {
        let limits = device.limits();
        let transfer = limits.transfer_bytes_max.min(TRANSFER_BYTES_MAX);
        Disk {
            in_flight: VecDeque::new(),
            lost_write: None,
            transfer_blocks: (transfer / BLOCK_BYTES).max(1),
            depth: limits.queue_depth.clamp(1, IN_FLIGHT_MAX),
            device,
        }
    }

    /// Whole blocks of the device.
    pub fn blocks(&self) -> u64 {
        self.device.capacity() / BLOCK_SECTORS
    }

    /// Most blocks of one transfer.
    pub fn transfer_blocks(&self) -> usize {
        self.transfer_blocks
    }

    pub fn is_read_only(&self) -> bool {
        self.device.limits().read_only
    }

    pub fn into_device(self) -> D {
        self.device
    }

    pub fn device(&self) -> &D {
        &self.device
    }

    /// Starts to read `blocks` blocks, at most [`transfer_blocks`](Self::transfer_blocks).
    pub fn start_read(&mut self, block: u64, blocks: usize) -> Result<PendingRead> {
        self.settle(block, block.saturating_add(blocks as u64));
        let buffer = zeros(blocks.saturating_mul(BLOCK_BYTES))?;
        let sector = sector_of(block)?;
        let ticket = self
            .device
            .submit(Request::Read { sector, buffer })
            .map_err(at(block))?;
        Ok(PendingRead { block, ticket })
    }

    /// The bytes of a read that was started.
    pub fn finish_read(&mut self, read: PendingRead) -> Result<Vec<u8>> {
        Ok(self
            .device
            .wait(read.ticket)
            .map_err(at(read.block))?
            .buffer)
    }

    pub fn read(&mut self, block: u64, blocks: usize) -> Result<Vec<u8>> {
        let read = self.start_read(block, blocks)?;
        self.finish_read(read)
    }

    /// Starts to write whole blocks; the outcome shows in [`drain`](Self::drain).
    pub fn write(&mut self, block: u64, buffer: Vec<u8>) -> Result<()> {
        let end = block.saturating_add((buffer.len() / BLOCK_BYTES) as u64);
        self.settle(block, end);
        let bytes = buffer.len();
        let most = IN_FLIGHT_BYTES_MAX.saturating_sub(bytes);
        while self.in_flight.len() >= self.depth || self.bytes_in_flight() > most {
            if self.in_flight.is_empty() {
                break;
            }
            self.reap_oldest();
        }
        let sector = sector_of(block)?;
        match self.device.submit(Request::Write { sector, buffer }) {
            Ok(ticket) => {
                self.in_flight.push_back(InFlight {
                    start: block,
                    end,
                    bytes,
                    ticket,
                });
                Ok(())
            }
            Err(cause) => {
                let error = Error::Io { block, cause };
                self.lost_write = Some(error);
                Err(error)
            }
        }
    }

    fn bytes_in_flight(&self) -> usize {
        self.in_flight.iter().map(|write| write.bytes).sum()
    }

    /// Waits for every write; fails if any was ever lost.
    pub fn drain(&mut self) -> Result<()> {
        while !self.in_flight.is_empty() {
            self.reap_oldest();
        }
        self.lost_write.map_or(Ok(()), Err)
    }

    /// Makes everything written so far durable.
    pub fn flush(&mut self) -> Result<()> {
        self.drain()?;
        let ticket = self.device.submit(Request::Flush).map_err(at(0));
        let done = ticket.and_then(|ticket| self.device.wait(ticket).map_err(at(0)));
        if let Err(error) = done {
            self.lost_write = Some(error);
        }
        done.map(|_| ())
    }

    /// Waits for writes that touch a range. Whether one was lost shows in `drain`; a
    /// read of what was lost fails by its checksum.
    fn settle(&mut self, start: u64, end: u64) {
        let overlaps = |write: &InFlight| write.start < end && start < write.end;
        while self.in_flight.iter().any(overlaps) {
            self.reap_oldest();
        }
    }

    fn reap_oldest(&mut self) {
        if let Some(write) = self.in_flight.pop_front()
            && let Err(cause) = self.device.wait(write.ticket)
        {
            self.lost_write = Some(Error::Io {
                block: write.start,
                cause,
            });
        }
    }
}

/// A buffer for a read.
fn zeros(bytes: usize) -> Result<Vec<u8>> {
    let mut buffer = Vec::new();
    buffer
        .try_reserve_exact(bytes)
        .map_err(|_| Error::NoMemory)?;
    buffer.resize(bytes, 0);
    Ok(buffer)
}

fn at(block: u64) -> impl Fn(block::Error) -> Error {
    move |cause| Error::Io { block, cause }
}

fn sector_of(block: u64) -> Result<u64> {
    let sector = block.checked_mul(BLOCK_SECTORS);
    sector.ok_or(Error::Io {
        block,
        cause: block::Error::OutOfRange,
    })
}
