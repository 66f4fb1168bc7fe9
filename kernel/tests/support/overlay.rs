//! A disk that is another one with some blocks replaced.

use std::cell::RefCell;
use std::collections::HashMap;

use kernel::block::{BlockDevice, Completion, Error, Limits, Request, SECTOR_BYTES, Ticket};

pub const BLOCK: usize = 4096;

/// Blocks that differ, by number.
pub type Blocks = HashMap<u64, Vec<u8>>;

/// Reads fall through to `base`; writes stay in the overlay.
pub struct Overlay<'a> {
    base: &'a [u8],
    changed: RefCell<Blocks>,
    done: RefCell<(u64, HashMap<u64, Vec<u8>>)>,
}

impl<'a> Overlay<'a> {
    pub fn new(base: &'a [u8], changed: Blocks) -> Overlay<'a> {
        Overlay {
            base,
            changed: RefCell::new(changed),
            done: RefCell::default(),
        }
    }

    fn run(&self, request: Request) -> Vec<u8> {
        match request {
            Request::Read { sector, mut buffer } => {
                let changed = self.changed.borrow();
                let unit = if sector.is_multiple_of(8) {
                    BLOCK
                } else {
                    SECTOR_BYTES
                };
                for (index, part) in buffer.chunks_mut(unit).enumerate() {
                    let at = sector as usize * SECTOR_BYTES + index * unit;
                    let source = match changed.get(&((at / BLOCK) as u64)) {
                        Some(block) => &block[at % BLOCK..],
                        None => &self.base[at..],
                    };
                    part.copy_from_slice(&source[..part.len()]);
                }
                buffer
            }
            Request::Write { sector, buffer } => {
                let mut changed = self.changed.borrow_mut();
                for (index, part) in buffer.chunks(SECTOR_BYTES).enumerate() {
                    let at = (sector as usize + index) * SECTOR_BYTES;
                    let block = (at / BLOCK) as u64;
                    let start = at / BLOCK * BLOCK;
                    let old = || self.base[start..start + BLOCK].to_vec();
                    let target = changed.entry(block).or_insert_with(old);
                    target[at % BLOCK..at % BLOCK + part.len()].copy_from_slice(part);
                }
                buffer
            }
            Request::Flush | Request::Discard { .. } => Vec::new(),
        }
    }
}

impl BlockDevice for Overlay<'_> {
    fn submit(&self, request: Request) -> Result<Ticket, Error> {
        self.validate(&request)?;
        let buffer = self.run(request);
        let mut done = self.done.borrow_mut();
        done.0 += 1;
        let number = done.0;
        done.1.insert(number, buffer);
        Ok(Ticket::new(number))
    }

    fn wait(&self, ticket: Ticket) -> Result<Completion, Error> {
        let buffer = self.done.borrow_mut().1.remove(&ticket.number());
        Ok(Completion {
            buffer: buffer.ok_or(Error::UnknownTicket)?,
        })
    }

    fn capacity(&self) -> u64 {
        (self.base.len() / SECTOR_BYTES) as u64
    }

    fn limits(&self) -> Limits {
        Limits {
            transfer_bytes_max: 128 << 10,
            queue_depth: 8,
            discard: false,
            read_only: false,
        }
    }
}
