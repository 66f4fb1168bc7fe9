//! Nodes and space of a volume: what the trees are built from.
//!
//! A [`Store`] reads nodes with their checks, mends a damaged copy from the other one,
//! and makes nodes writable by giving them a new place (copy on write).

use zerocopy::little_endian::U64;

use super::btree::{Node, page_sum};
use super::disk::Disk;
use super::error::{Error, Result, corrupt};
use super::layout::node_header::NODE_MAGIC;
use super::layout::{Geometry, NodePointer};
use super::node_cache::{CachedNode, NodeCache, SlotId};
use super::space::{Run, Space};
use crate::block::BlockDevice;

/// What counts events of a volume.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Damaged node copies that were mended since the mount.
    pub healed: u64,
    /// Nodes read from the device.
    pub node_reads: u64,
    /// Nodes written to the device, copies counted once.
    pub node_writes: u64,
    /// Commits made.
    pub commits: u64,
}

/// Device, cache and space behind all trees of a volume.
#[derive(Debug)]
pub(crate) struct Store<D> {
    pub disk: Disk<D>,
    pub geometry: Geometry,
    pub uuid32: u32,
    pub cache: NodeCache,
    pub space: Space,
    /// Generation that the next commit will write.
    pub generation: u64,
    pub read_only: bool,
    /// Damage was seen that only a check can judge.
    pub needs_check: bool,
    /// Counts every change to a node, so that an operation knows if it made one.
    pub changes: u64,
    pub statistics: Statistics,
}

impl<D: BlockDevice> Store<D> {
    /// Slot of the node a pointer leads to, read and checked if need be.
    pub fn load(&mut self, pointer: &NodePointer, owner: u64, level: Option<u8>) -> Result<SlotId> {
        let address = pointer.addr0.get();
        let slot = match self.cache.find(address) {
            Some(slot) => slot,
            None => self.read_node(pointer)?,
        };
        let cached = self.cached(slot)?;
        let same = cached.dirty || cached.pointer == *pointer;
        if !same || cached.node.owner() != owner {
            return corrupt(address, "two places refer to one node");
        }
        if level.is_some_and(|level| level != cached.node.level()) {
            return corrupt(address, "a node is at the wrong height");
        }
        Ok(slot)
    }

    pub fn cached(&self, slot: SlotId) -> Result<&CachedNode> {
        self.cache.get(slot).ok_or(LOST_SLOT)
    }

    pub fn node(&self, slot: SlotId) -> Result<&Node> {
        Ok(&self.cached(slot)?.node)
    }

    /// A node for changing; it must have been made writable.
    pub fn node_mut(&mut self, slot: SlotId) -> Result<&mut Node> {
        self.changes = self.changes.wrapping_add(1);
        Ok(&mut self.cache.get_mut(slot).ok_or(LOST_SLOT)?.node)
    }

    /// Makes a node writable: unless it is dirty already it gets a new place, and the
    /// old one is freed. Returns where it is now.
    pub fn shadow(&mut self, slot: SlotId) -> Result<NodePointer> {
        let old = self.cached(slot)?;
        if old.dirty {
            return Ok(old.pointer);
        }
        let old = old.pointer;
        let place = self.space.take_node()?;
        let pointer = self.pointer_to(place.addr0, place.addr1);
        self.changes = self.changes.wrapping_add(1);
        if !self.cache.relocate(slot, pointer) {
            return corrupt(place.addr0, "a block in use is marked as free");
        }
        self.free_copies(&old);
        Ok(pointer)
    }

    /// Adds a new node.
    pub fn create(&mut self, node: Node) -> Result<(SlotId, NodePointer)> {
        let place = self.space.take_node()?;
        let pointer = self.pointer_to(place.addr0, place.addr1);
        self.changes = self.changes.wrapping_add(1);
        let slot = self.cache.insert(pointer, node, true);
        match slot {
            Some(slot) => Ok((slot, pointer)),
            None => corrupt(place.addr0, "a block in use is marked as free"),
        }
    }

    /// Drops a node that nothing refers to any more.
    pub fn discard(&mut self, slot: SlotId) -> Result<()> {
        let pointer = self.cached(slot)?.pointer;
        self.changes = self.changes.wrapping_add(1);
        self.cache.remove(slot);
        self.free_copies(&pointer);
        Ok(())
    }

    /// An empty node of a tree.
    pub fn empty_node(&self, owner: u64, level: u8) -> Node {
        Node::new(self.geometry.node_bytes, self.uuid32, owner, level)
    }

    fn pointer_to(&self, addr0: u64, addr1: u64) -> NodePointer {
        NodePointer {
            addr0: U64::new(addr0),
            addr1: U64::new(addr1),
            generation: U64::new(self.generation),
            checksum: U64::new(0),
        }
    }

    fn free_copies(&mut self, pointer: &NodePointer) {
        let len = self.geometry.node_blocks();
        for start in pointer.addresses() {
            self.space.free(Run { start, len });
        }
    }

    fn read_node(&mut self, pointer: &NodePointer) -> Result<SlotId> {
        self.check_pointer(pointer)?;
        let (addr0, addr1) = (pointer.addr0.get(), pointer.addr1.get());
        let first = self.read_copy(pointer, addr0);
        let node = match first {
            Ok(node) => node,
            Err(error) if addr1 == 0 || error == Error::NoMemory => return Err(error),
            Err(error) => match self.read_copy(pointer, addr1) {
                Ok(node) => {
                    self.mend(addr0, &node);
                    node
                }
                Err(other) => {
                    // A device that does not answer says nothing about the volume.
                    let damaged = |error| matches!(error, Error::Corrupt { .. });
                    self.needs_check |= damaged(error) && damaged(other);
                    return Err(error);
                }
            },
        };
        let statistics = &mut self.statistics;
        statistics.node_reads = statistics.node_reads.saturating_add(1);
        let slot = self.cache.insert(*pointer, node, false);
        slot.ok_or(Error::Corrupt {
            block: addr0,
            why: "two places refer to one node",
        })
    }

    fn check_pointer(&self, pointer: &NodePointer) -> Result<()> {
        let blocks = self.geometry.node_blocks();
        let addr0 = pointer.addr0.get();
        let inside = pointer
            .addresses()
            .all(|addr| self.geometry.is_allocatable(addr, blocks));
        if !inside || addr0 == pointer.addr1.get() {
            return corrupt(addr0, "a pointer leads to where no node can be");
        }
        if pointer.generation.get() > self.generation {
            return corrupt(addr0, "a pointer is newer than the volume");
        }
        Ok(())
    }

    fn read_copy(&mut self, pointer: &NodePointer, address: u64) -> Result<Node> {
        let blocks = self.geometry.node_blocks() as usize;
        let bytes = self.disk.read(address, blocks)?;
        decode_node(bytes, pointer, self.uuid32).map_err(|why| Error::Corrupt {
            block: address,
            why,
        })
    }

    /// Writes the good content over a damaged copy.
    fn mend(&mut self, address: u64, node: &Node) {
        self.statistics.healed = self.statistics.healed.saturating_add(1);
        if !self.read_only {
            // A failed write shows at the next commit, like every other one.
            let _ = self.disk.write(address, node.bytes().to_vec());
        }
    }
}

/// A slot number was kept over a trim; cannot happen, and must not be a panic.
const LOST_SLOT: Error = Error::Corrupt {
    block: 0,
    why: "a cached node was lost",
};

/// Checks a page against the pointer that led to it.
pub(crate) fn decode_node(
    bytes: alloc::vec::Vec<u8>,
    pointer: &NodePointer,
    uuid32: u32,
) -> core::result::Result<Node, &'static str> {
    if page_sum(&bytes) != pointer.checksum.get() {
        return Err("a node has the wrong checksum");
    }
    let node = Node::validate(bytes)?;
    let header = node.header();
    if header.magic.get() != NODE_MAGIC || header.checksum != pointer.checksum {
        return Err("a node has a wrong header");
    }
    if header.uuid32.get() != uuid32 {
        return Err("a node belongs to another volume");
    }
    if header.addr0 != pointer.addr0 {
        return Err("a node was written to a wrong place");
    }
    if header.generation != pointer.generation {
        return Err("a node is older or newer than its pointer");
    }
    Ok(node)
}
