//! Inodes that have to be cleaned up: deleted ones, and cut ones with much to free.
//!
//! An orphan item says that work is left on an inode. It is put in the same operation
//! that makes the work, so a power cut at any time leaves either the item or nothing
//! to do. Work goes in steps that each fit a transaction.

use alloc::vec::Vec;

use super::btree::Visit;
use super::error::{Error, Result};
use super::layout::inode::{InodeItem, Kind};
use super::layout::{BLOCK_BYTES, FILE_BYTES_MAX, ItemKind, Key, ORPHAN_OID, ROOT_INO};
use super::transaction::REMOVAL;
use super::volume::Volume;
use crate::block::BlockDevice;

/// Extents that one step frees.
const STEP_EXTENTS: usize = 32;
/// Behind every byte that a file can have, at a block.
const LAST_BLOCK: u64 = !(BLOCK_BYTES as u64 - 1);
/// Orphans looked up at once.
const BATCH: usize = 64;

impl<D: BlockDevice> Volume<D> {
    pub(super) fn put_orphan(&mut self, ino: u64) -> Result<()> {
        self.store.put(
            &mut self.files,
            &Key::new(ORPHAN_OID, ItemKind::Orphan, ino),
            &[],
        )
    }

    fn remove_orphan(&mut self, ino: u64) -> Result<()> {
        match self.store.remove(
            &mut self.files,
            &Key::new(ORPHAN_OID, ItemKind::Orphan, ino),
        ) {
            Err(Error::NotFound) => Ok(()),
            outcome => outcome,
        }
    }

    /// Deletes an inode that has no names and that nobody holds.
    pub(super) fn reap(&mut self, ino: u64) -> Result<()> {
        loop {
            let more = self.change(REMOVAL, 0, |volume| {
                let mut item = volume.inode(ino)?;
                let more = volume.cut_extents(ino, &mut item, 0)?;
                if more {
                    volume.put_inode(ino, &item)?;
                } else {
                    volume.remove_inode(ino)?;
                    volume.remove_orphan(ino)?;
                }
                Ok(more)
            })?;
            if !more {
                return Ok(());
            }
        }
    }

    /// Frees what lies behind the end of a file that was cut.
    pub(super) fn finish_truncate(&mut self, ino: u64) -> Result<()> {
        loop {
            let more = self.change(REMOVAL, 0, |volume| {
                let mut item = volume.inode(ino)?;
                let size = item.size.get().min(FILE_BYTES_MAX);
                let more = volume.cut_extents(ino, &mut item, size)?;
                volume.put_inode(ino, &item)?;
                if !more {
                    volume.remove_orphan(ino)?;
                }
                Ok(more)
            })?;
            if !more {
                return Ok(());
            }
        }
    }

    /// Deletes an inode with all it has as part of another operation; `false`, with
    /// nothing done, when that is too much for one.
    pub(super) fn delete_small(&mut self, ino: u64, item: &InodeItem) -> Result<bool> {
        let extents = self.extents(ino, 0, u64::MAX, STEP_EXTENTS + 1)?;
        if extents.len() > STEP_EXTENTS {
            return Ok(false);
        }
        self.drop_range(ino, &extents, 0, LAST_BLOCK)?;
        debug_assert!(item.links.get() == 0);
        self.remove_inode(ino)?;
        Ok(true)
    }

    fn remove_inode(&mut self, ino: u64) -> Result<()> {
        self.store
            .remove(&mut self.files, &Key::new(ino, ItemKind::Inode, 0))?;
        self.inodes = self.inodes.saturating_sub(1);
        Ok(())
    }

    /// Frees extents that begin behind a size, some at a time; whether there are more.
    pub(super) fn cut_extents(
        &mut self,
        ino: u64,
        item: &mut InodeItem,
        size: u64,
    ) -> Result<bool> {
        let from = size.next_multiple_of(BLOCK_BYTES as u64);
        let extents = self.extents(ino, from, u64::MAX, STEP_EXTENTS + 1)?;
        let step = extents
            .get(..STEP_EXTENTS.min(extents.len()))
            .unwrap_or(&[]);
        let freed = self.drop_range(ino, step, from, LAST_BLOCK)?;
        item.blocks = item.blocks.get().saturating_sub(freed).into();
        Ok(extents.len() > STEP_EXTENTS)
    }

    /// Cleans up what the last mount left, or what was left for want of memory.
    pub(super) fn reap_orphans(&mut self) -> Result<()> {
        let mut next = Some(Key::new(ORPHAN_OID, ItemKind::Orphan, 0));
        while let Some(from) = next {
            let mut orphans: Vec<u64> = Vec::new();
            self.store.scan(&self.files, from, |key, _| {
                let ours = key.oid == ORPHAN_OID && key.is(ItemKind::Orphan);
                if !ours || orphans.len() >= BATCH {
                    return Visit::Stop;
                }
                orphans.push(key.offset);
                Visit::Continue
            })?;
            let full = orphans.len() >= BATCH;
            for ino in &orphans {
                if !self.held.contains_key(ino) {
                    self.reap_orphan(*ino)?;
                }
            }
            let last = orphans.last().filter(|_| full);
            next = last.and_then(|ino| Key::new(ORPHAN_OID, ItemKind::Orphan, *ino).next());
        }
        Ok(())
    }

    fn reap_orphan(&mut self, ino: u64) -> Result<()> {
        let item = match self.inode(ino) {
            Ok(item) => item,
            Err(Error::NotFound) => {
                self.store.needs_check = true;
                return self.change(REMOVAL, 0, |volume| volume.remove_orphan(ino));
            }
            Err(error) => return Err(error),
        };
        if item.links.get() > 0 {
            return self.finish_truncate(ino);
        }
        let directory = self.kind_of(ino, &item)? == Kind::Directory;
        if ino == ROOT_INO || directory && item.size.get() > 0 {
            // Nothing here makes such an orphan.
            self.store.needs_check = true;
            return Ok(());
        }
        self.reap(ino)
    }
}
