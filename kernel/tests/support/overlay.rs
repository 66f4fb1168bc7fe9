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
    sectors: u64,
    changed: RefCell<Blocks>,
    done: RefCell<(u64, HashMap<u64, Vec<u8>>)>,
}

impl<'a> Overlay<'a> {
    pub fn new(base: &'a [u8], changed: Blocks) -> Overlay<'a> {
        let sectors = (base.len() / SECTOR_BYTES) as u64;
        Overlay {
            base,
            sectors,
            changed: RefCell::new(changed),
            done: RefCell::default(),
        }
    }

    /// An empty disk of any size that takes memory only for what is written.
    pub fn sparse(bytes: u64) -> Overlay<'static> {
        let sectors = bytes / SECTOR_BYTES as u64;
        Overlay {
            base: &[],
            sectors,
            changed: RefCell::default(),
            done: RefCell::default(),
        }
    }

    /// What was written, in blocks.
    pub fn into_blocks(self) -> Blocks {
        self.changed.into_inner()
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
                        None => self.base.get(at..).unwrap_or(&[0; BLOCK]),
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
                    let old = || match self.base.get(start..start + BLOCK) {
                        Some(old) => old.to_vec(),
                        None => vec![0; BLOCK],
                    };
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
        self.sectors
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
