//! A mounted volume.

use alloc::collections::BTreeMap;
use alloc::string::String;

use super::btree::Tree;
use super::error::{Error, Result};
use super::layout::superblock::Superblock;
use super::layout::{BLOCK_BYTES, ROOT_INO};
use super::store::{Statistics, Store};
use crate::block::BlockDevice;

/// A mounted ViperFS volume.
///
/// All methods that can touch the disk take `&mut self`: the kernel keeps a volume
/// under one sleeping lock. Times are ns since 1970-01-01 UTC and come from the caller.
///
/// An operation either happens as a whole or fails without a change. When the device
/// fails in the middle of one, the volume turns read-only and nothing of the running
/// transaction reaches the disk any more.
#[derive(Debug)]
pub struct Volume<D> {
    pub(super) store: Store<D>,
    pub(super) root_tree: Tree,
    pub(super) files: Tree,
    pub(super) superblock: Superblock,
    pub(super) next_ino: u64,
    pub(super) inodes: u64,
    pub(super) label: String,
    /// Open files: a deleted inode lives on while it is held.
    pub(super) held: BTreeMap<u64, u32>,
    /// Levels of the tree of files above its leaves, as last seen.
    pub(super) height: usize,
    /// Deleted inodes may be left that nobody holds.
    pub(super) orphans_left: bool,
    /// Something differs from the last commit.
    pub(super) changed: bool,
    /// Time given by the last operation.
    pub(super) now_ns: u64,
}

/// How full a volume is and how it fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Bytes that blocks of files and trees could take in all.
    pub total_bytes: u64,
    /// Bytes that can still be written.
    pub free_bytes: u64,
    /// Bytes of one block.
    pub block_bytes: u64,
    /// Files, directories and links.
    pub inodes: u64,
    /// Last durable commit.
    pub generation: u64,
    /// Damaged node copies mended over the life of the volume.
    pub healed: u64,
    /// Whether changes are refused.
    pub read_only: bool,
    /// Whether damage was seen that only a check can judge.
    pub needs_check: bool,
}

impl<D: BlockDevice> Volume<D> {
    /// Number of the root directory.
    pub fn root(&self) -> u64 {
        ROOT_INO
    }

    /// Name of the volume.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Number of the volume.
    pub fn uuid(&self) -> [u8; 16] {
        self.superblock.uuid
    }

    /// Number of the last durable commit.
    pub fn generation(&self) -> u64 {
        self.superblock.generation.get()
    }

    /// Whether changes are refused.
    pub fn is_read_only(&self) -> bool {
        self.store.read_only
    }

    /// Counters since the mount.
    pub fn statistics(&self) -> Statistics {
        self.store.statistics
    }

    /// The device below.
    pub fn device(&self) -> &D {
        self.store.disk.device()
    }

    /// Damaged copies mended before and since the mount.
    pub(super) fn healed(&self) -> u64 {
        self.superblock
            .healed
            .get()
            .saturating_add(self.store.statistics.healed)
    }

    /// How full the volume is.
    pub fn usage(&self) -> Usage {
        let geometry = &self.store.geometry;
        let block = BLOCK_BYTES as u64;
        let free = self
            .store
            .space
            .free_blocks()
            .saturating_sub(self.kept_back());
        Usage {
            total_bytes: geometry.grouped_blocks().saturating_mul(block),
            free_bytes: free.saturating_mul(block),
            block_bytes: block,
            inodes: self.inodes,
            generation: self.generation(),
            healed: self.healed(),
            read_only: self.store.read_only,
            needs_check: self.store.needs_check || self.store.space.inconsistent,
        }
    }

    /// Makes everything done so far durable.
    pub fn sync(&mut self) -> Result<()> {
        if self.store.read_only {
            return if self.changed {
                Err(Error::ReadOnly)
            } else {
                Ok(())
            };
        }
        if core::mem::take(&mut self.orphans_left) {
            self.reap_orphans()?;
        }
        if self.changed { self.commit() } else { Ok(()) }
    }

    /// Makes a file and the names that lead to it durable.
    ///
    /// In this version that is a commit of the whole volume.
    pub fn fsync(&mut self, _ino: u64) -> Result<()> {
        self.sync()
    }

    /// Gives up all clean nodes, as memory pressure or a cold benchmark asks for.
    pub fn drop_caches(&mut self) {
        self.store.cache.drop_clean();
    }

    /// Makes everything durable and gives the device back.
    pub fn unmount(mut self) -> (D, Result<()>) {
        let mut outcome = self.sync();
        if outcome.is_ok() && !self.store.read_only {
            // The superblocks of the other places are still on their way.
            outcome = self.store.disk.flush();
        }
        (self.store.disk.into_device(), outcome)
    }

    /// Keeps an inode alive although its last name may go.
    pub fn hold(&mut self, ino: u64) {
        let count = self.held.entry(ino).or_insert(0);
        *count = count.saturating_add(1);
    }

    /// Ends one [`hold`](Self::hold); the last one deletes an inode without names.
    pub fn release(&mut self, ino: u64) -> Result<()> {
        if !self.end_hold(ino) || self.store.read_only {
            return Ok(());
        }
        match self.inode(ino) {
            Ok(inode) if inode.links.get() == 0 => self.reap(ino),
            Ok(_) | Err(Error::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// As [`release`](Self::release), where there is no memory to delete anything: that
    /// is left to the next [`sync`](Self::sync).
    pub fn release_later(&mut self, ino: u64) {
        self.orphans_left |= self.end_hold(ino);
    }

    /// Whether that was the last hold.
    fn end_hold(&mut self, ino: u64) -> bool {
        if let Some(count) = self.held.get_mut(&ino) {
            *count = count.saturating_sub(1);
            if *count > 0 {
                return false;
            }
            self.held.remove(&ino);
        }
        true
    }
}
