//! Making a transaction durable.
//!
//! The order is what keeps a volume whole over a power cut:
//!
//! 1. file data and nodes (both copies), bitmaps into the slots not in use;
//! 2. flush;
//! 3. the superblock, into the slot of this generation at the first place;
//! 4. flush: the transaction is durable;
//! 5. the superblocks of the other places; they ride on the next flush.
//!
//! Nothing before step 3 overwrites a block that the last durable superblock, or the
//! one before it, leads to.

use alloc::vec::Vec;

use zerocopy::IntoBytes;
use zerocopy::little_endian::U64;

use super::error::{Error, Result};
use super::layout::checksum::block_sum;
use super::layout::geometry::PLACES;
use super::layout::group::{GroupItem, PRISTINE};
use super::layout::subvolume::SubvolumeItem;
use super::layout::superblock::{STATE_NEEDS_CHECK, Superblock};
use super::layout::{BLOCK_BYTES, ItemKind, Key, owner};
use super::store::Store;
use super::volume::Volume;
use crate::block::BlockDevice;
use crate::word;

impl<D: BlockDevice> Volume<D> {
    /// Commits the running transaction; a failure turns the volume read-only.
    pub(super) fn commit(&mut self) -> Result<()> {
        if self.store.read_only {
            return Err(Error::ReadOnly);
        }
        self.reserve_commit()?;
        let outcome = self.write_commit();
        if outcome.is_err() {
            self.store.read_only = true;
        }
        outcome
    }

    fn write_commit(&mut self) -> Result<()> {
        self.store.seal_tree(&mut self.files)?;
        self.put_subvolume()?;
        self.settle_groups()?;
        self.store.seal_tree(&mut self.root_tree)?;
        self.store.write_nodes()?;
        self.store.disk.flush()?;
        self.write_superblocks()?;
        self.store.cache.clean();
        self.store.space.committed();
        self.store.generation = self.store.generation.saturating_add(1);
        let statistics = &mut self.store.statistics;
        statistics.commits = statistics.commits.saturating_add(1);
        self.changed = false;
        Ok(())
    }

    fn put_subvolume(&mut self) -> Result<()> {
        let key = Key::new(owner::MAIN_SUBVOLUME, ItemKind::Subvolume, 0);
        let mut item = self.subvolume_item()?.unwrap_or_default();
        item.root = self.files.root;
        item.generation = U64::new(self.store.generation);
        item.next_ino = U64::new(self.next_ino);
        item.used.inodes = U64::new(self.inodes);
        self.store.put(&mut self.root_tree, &key, item.as_bytes())
    }

    pub(super) fn subvolume_item(&mut self) -> Result<Option<SubvolumeItem>> {
        use zerocopy::FromBytes;
        let key = Key::new(owner::MAIN_SUBVOLUME, ItemKind::Subvolume, 0);
        let read = |value: &[u8]| SubvolumeItem::read_from_bytes(value).ok();
        Ok(self.store.lookup(&self.root_tree, &key, read)?.flatten())
    }

    /// Brings bitmaps and group items to what the commit will write, and starts to
    /// write the bitmaps.
    ///
    /// Making an item writable may move nodes of the root tree, which changes bitmaps
    /// in turn; once all items are writable, filling them in moves nothing.
    fn settle_groups(&mut self) -> Result<()> {
        loop {
            let store = &mut self.store;
            store.space.apply_frees(&mut store.disk)?;
            let groups = store.space.groups();
            let untouched = |index: &&usize| groups.get(**index).is_some_and(|g| !g.touched);
            let Some(&index) = store.space.dirty_groups().iter().find(untouched) else {
                break;
            };
            self.store.touch(&mut self.root_tree, &group_key(index))?;
            if let Some(group) = self.store.space.group_mut(index) {
                group.touched = true;
            }
        }
        for index in self.store.space.dirty_groups().to_vec() {
            self.settle_group(index)?;
        }
        Ok(())
    }

    fn settle_group(&mut self, index: usize) -> Result<()> {
        let geometry = self.store.geometry;
        let generation = self.store.generation;
        let Some(group) = self.store.space.group_mut(index) else {
            return Ok(());
        };
        let Some(maps) = &group.maps else {
            return Ok(());
        };
        let bitmap = maps.used.to_block();
        group.slot = if group.pristine { 0 } else { group.slot ^ 1 };
        group.pristine = false;
        group.checksum = block_sum(&bitmap);
        let item = GroupItem {
            bitmaps: [0, 1].map(|slot| U64::new(geometry.bitmap(index, slot))),
            checksum: U64::new(group.checksum),
            generation: U64::new(generation),
            free: group.free.into(),
            slot: group.slot,
            ..GroupItem::default()
        };
        let block = geometry.bitmap(index, group.slot);
        self.store
            .put(&mut self.root_tree, &group_key(index), item.as_bytes())?;
        self.store.disk.write(block, bitmap)
    }

    fn write_superblocks(&mut self) -> Result<()> {
        let generation = self.store.generation;
        let mut next = self.superblock;
        next.previous = [self.superblock.root_tree, self.superblock.previous[0]];
        next.root_tree = self.root_tree.root;
        next.generation = U64::new(generation);
        next.commit_ns = U64::new(self.now_ns);
        if self.store.needs_check || self.store.space.inconsistent {
            next.state = U64::new(next.state.get() | STATE_NEEDS_CHECK);
        }
        next.slot = (generation & 1) as u8;
        let mut first = next;
        first.healed = U64::new(self.healed());
        self.store.write_superblock(&first, 0)?;
        self.store.disk.flush()?;
        // `healed` of the mount stays apart from what was counted before it.
        self.superblock = next;
        for place in 1..PLACES {
            self.store.write_superblock(&first, place)?;
        }
        self.store.disk.drain()
    }
}

impl<D: BlockDevice> Store<D> {
    /// Starts to write a superblock at a place, into the slot of its generation.
    pub(super) fn write_superblock(&mut self, superblock: &Superblock, place: usize) -> Result<()> {
        let mut copy = *superblock;
        copy.place = word::count8(place);
        let block = self.geometry.superblock(place, superblock.generation.get());
        self.disk.write(block, copy.encode())
    }

    /// Starts to write both copies of every dirty node, neighbours in one transfer.
    fn write_nodes(&mut self) -> Result<()> {
        let mut writes: Vec<(u64, u64)> = Vec::new();
        for cached in self.cache.dirty() {
            let addr0 = cached.pointer.addr0.get();
            writes.extend(cached.pointer.addresses().map(|address| (address, addr0)));
        }
        let nodes = self.cache.dirty_nodes() as u64;
        self.statistics.node_writes = self.statistics.node_writes.saturating_add(nodes);
        writes.sort_unstable();
        let node_blocks = u64::from(self.geometry.node_blocks());
        let transfer = self.disk.transfer_blocks().saturating_mul(BLOCK_BYTES);
        let mut start = 0;
        let mut end = 0;
        let mut buffer: Vec<u8> = Vec::new();
        for (address, addr0) in writes {
            let slot = self.cache.find(addr0);
            let Some(cached) = slot.and_then(|slot| self.cache.get(slot)) else {
                continue;
            };
            let bytes = cached.node.bytes();
            let joined = buffer.len().saturating_add(bytes.len());
            let follows = address == end && joined <= transfer;
            if !buffer.is_empty() && !follows {
                self.disk.write(start, core::mem::take(&mut buffer))?;
            }
            if buffer.is_empty() {
                start = address;
            }
            buffer.extend_from_slice(bytes);
            end = address.saturating_add(node_blocks);
        }
        if buffer.is_empty() {
            Ok(())
        } else {
            self.disk.write(start, buffer)
        }
    }
}

/// Key of a group's item in the root tree.
pub(super) fn group_key(index: usize) -> Key {
    Key::new(index as u64, ItemKind::Group, 0)
}

/// An item for a group in which nothing was ever allocated.
pub(super) fn pristine_item(
    geometry: &super::layout::Geometry,
    index: usize,
    free: u32,
) -> GroupItem {
    GroupItem {
        bitmaps: [0, 1].map(|slot| U64::new(geometry.bitmap(index, slot))),
        free: free.into(),
        flags: PRISTINE,
        ..GroupItem::default()
    }
}
