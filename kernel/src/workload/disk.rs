//! A disk in memory that threads share.

use alloc::vec::Vec;

use crate::block::SECTOR_BYTES;
use crate::block::{BlockDevice, Completion, Error, Limits, MemoryDisk, Request, Ticket};
use crate::sync::SpinLock;

/// A disk in memory.
pub(crate) struct RamDisk(SpinLock<MemoryDisk>);

impl RamDisk {
    /// A zeroed disk; `None` where there is no memory.
    pub(crate) fn new(bytes: usize) -> Option<RamDisk> {
        let mut contents = Vec::new();
        contents.try_reserve_exact(bytes).ok()?;
        contents.resize(bytes, 0);
        debug_assert!(bytes.is_multiple_of(SECTOR_BYTES));
        Some(RamDisk(SpinLock::new(MemoryDisk::from_bytes(contents))))
    }
}

impl core::fmt::Debug for RamDisk {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        out.write_str("RamDisk")
    }
}

impl BlockDevice for RamDisk {
    fn submit(&self, request: Request) -> Result<Ticket, Error> {
        self.0.lock().submit(request)
    }

    fn wait(&self, ticket: Ticket) -> Result<Completion, Error> {
        self.0.lock().wait(ticket)
    }

    fn capacity(&self) -> u64 {
        self.0.lock().capacity()
    }

    fn limits(&self) -> Limits {
        self.0.lock().limits()
    }
}
