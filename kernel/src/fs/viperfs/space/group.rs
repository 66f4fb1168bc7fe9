//! One allocation group in memory.

use super::bitmap::{BITS, Bitmap};
use crate::fs::viperfs::layout::checksum::block_sum;
use crate::fs::viperfs::layout::group::{GroupItem, PRISTINE};

/// State of a group; its bitmaps are read when first needed.
#[derive(Debug)]
pub(crate) struct Group {
    /// Clear bits of the bitmap that the next commit writes.
    pub free: u32,
    /// Slot of the bitmap that is durable.
    pub slot: u8,
    /// Whether no bitmap was ever written.
    pub pristine: bool,
    /// Checksum of the durable bitmap.
    pub checksum: u64,
    /// Bitmaps, once read.
    pub maps: Option<Maps>,
    /// Whether the bitmap differs from the durable one.
    pub dirty: bool,
    /// Whether the item's leaf in the root tree is writable in this commit.
    pub touched: bool,
    /// Whether the bitmap on disk is damaged and has to be rebuilt.
    pub damaged: bool,
}

/// What is known about each block of a group.
#[derive(Clone, Debug)]
pub(crate) struct Maps {
    /// Holds something in the state that the next commit writes.
    pub used: Bitmap,
    /// Must not be given out: used, or needed by a state that a crash may go back to.
    pub busy: Bitmap,
    /// Given out since the last commit; no durable state knows it.
    pub fresh: Bitmap,
}

impl Maps {
    pub fn new(used: Bitmap) -> Maps {
        Maps {
            busy: used.clone(),
            used,
            fresh: Bitmap::new(),
        }
    }
}

impl Group {
    /// A group as its item describes it; `None` when the item makes no sense.
    pub fn from_item(item: &GroupItem) -> Option<Group> {
        let free = item.free.get();
        (free as usize <= BITS && item.slot <= 1).then(|| Group {
            free,
            slot: item.slot,
            pristine: item.flags & PRISTINE != 0,
            checksum: item.checksum.get(),
            maps: None,
            dirty: false,
            touched: false,
            damaged: false,
        })
    }

    /// A group that was never written, with this many usable blocks.
    pub fn pristine(free: u32) -> Group {
        Group {
            free,
            slot: 0,
            pristine: true,
            checksum: 0,
            maps: None,
            dirty: false,
            touched: false,
            damaged: false,
        }
    }

    /// Whether the block is the durable bitmap.
    pub fn accepts(&self, block: &[u8]) -> bool {
        block_sum(block) == self.checksum
    }
}
