//! A disk in memory.
#![forbid(unsafe_code)]

use alloc::{collections::BTreeMap, vec, vec::Vec};
use core::cell::RefCell;

use crate::word;

use super::{
    BlockDevice, Completion, Error, Limits, Request, SECTOR_BYTES, TRANSFER_BYTES_MAX, Ticket,
};

/// A disk that keeps its sectors in a vector and completes every request at once.
#[derive(Debug)]
pub struct MemoryDisk {
    state: RefCell<State>,
    sectors: u64,
}

#[derive(Debug, Default)]
struct State {
    bytes: Vec<u8>,
    done: BTreeMap<u64, Vec<u8>>,
    next_ticket: u64,
}

impl MemoryDisk {
    /// A disk of `sectors` zeroed sectors.
    pub fn new(sectors: usize) -> MemoryDisk {
        MemoryDisk::from_bytes(vec![0; sectors.saturating_mul(SECTOR_BYTES)])
    }

    /// A disk with these contents; a last part shorter than a sector is dropped.
    pub fn from_bytes(mut bytes: Vec<u8>) -> MemoryDisk {
        let sectors = bytes.len() / SECTOR_BYTES;
        bytes.truncate(sectors.saturating_mul(SECTOR_BYTES));
        MemoryDisk {
            state: RefCell::new(State {
                bytes,
                ..State::default()
            }),
            sectors: sectors as u64,
        }
    }

    /// The contents.
    pub fn into_bytes(self) -> Vec<u8> {
        self.state.into_inner().bytes
    }

    /// Calls `change` on the contents, as somebody who damages a disk would.
    pub fn with_bytes<R>(&self, change: impl FnOnce(&mut [u8]) -> R) -> R {
        change(&mut self.state.borrow_mut().bytes)
    }
}

impl State {
    fn run(&mut self, request: Request) -> Result<Vec<u8>, Error> {
        let at = |sector: u64| word::index(sector).saturating_mul(SECTOR_BYTES);
        match request {
            Request::Read { sector, mut buffer } => {
                let source = self
                    .bytes
                    .get(at(sector)..)
                    .and_then(|b| b.get(..buffer.len()));
                buffer.copy_from_slice(source.ok_or(Error::OutOfRange)?);
                Ok(buffer)
            }
            Request::Write { sector, buffer } => {
                let target = self
                    .bytes
                    .get_mut(at(sector)..)
                    .and_then(|b| b.get_mut(..buffer.len()));
                target.ok_or(Error::OutOfRange)?.copy_from_slice(&buffer);
                Ok(buffer)
            }
            Request::Flush | Request::Discard { .. } => Ok(Vec::new()),
        }
    }
}

impl BlockDevice for MemoryDisk {
    fn submit(&self, request: Request) -> Result<Ticket, Error> {
        self.validate(&request)?;
        let mut state = self.state.borrow_mut();
        let buffer = state.run(request)?;
        let number = state.next_ticket;
        state.next_ticket = number.wrapping_add(1);
        state.done.insert(number, buffer);
        Ok(Ticket::new(number))
    }

    fn wait(&self, ticket: Ticket) -> Result<Completion, Error> {
        let buffer = self.state.borrow_mut().done.remove(&ticket.number());
        Ok(Completion {
            buffer: buffer.ok_or(Error::UnknownTicket)?,
        })
    }

    fn capacity(&self) -> u64 {
        self.sectors
    }

    fn limits(&self) -> Limits {
        Limits {
            transfer_bytes_max: TRANSFER_BYTES_MAX,
            queue_depth: 32,
            discard: false,
            read_only: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_was_written() {
        let disk = MemoryDisk::new(8);
        let ticket = disk
            .submit(Request::Write {
                sector: 3,
                buffer: vec![7; 512],
            })
            .unwrap();
        disk.wait(ticket).unwrap();
        let ticket = disk
            .submit(Request::Read {
                sector: 3,
                buffer: vec![0; 512],
            })
            .unwrap();
        assert_eq!(disk.wait(ticket).unwrap().buffer, vec![7; 512]);
    }

    #[test]
    fn refuses_what_is_outside_or_not_whole_sectors() {
        let disk = MemoryDisk::new(8);
        let submit = |sector, len| {
            disk.submit(Request::Read {
                sector,
                buffer: vec![0; len],
            })
        };
        assert_eq!(submit(8, 512), Err(Error::OutOfRange));
        assert_eq!(submit(u64::MAX, 512), Err(Error::OutOfRange));
        assert_eq!(submit(0, 0), Err(Error::BadLength));
        assert_eq!(submit(0, 100), Err(Error::BadLength));
        assert_eq!(submit(0, TRANSFER_BYTES_MAX + 512), Err(Error::BadLength));
        assert!(submit(7, 512).is_ok(), "the last sector is inside");
    }

    #[test]
    fn a_ticket_is_good_for_one_wait() {
        let disk = MemoryDisk::new(8);
        let ticket = disk.submit(Request::Flush).unwrap();
        let again = Ticket::new(ticket.number());
        assert_eq!(disk.wait(ticket), Ok(Completion::default()));
        assert_eq!(disk.wait(again), Err(Error::UnknownTicket));
    }
}
