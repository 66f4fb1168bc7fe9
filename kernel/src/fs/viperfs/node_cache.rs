//! Tree nodes in memory.
//!
//! Slots are numbered; a number stays good until the next [`NodeCache::trim`], which
//! the engine calls between operations only. Clean nodes beyond the budget are given
//! up by the CLOCK rule; dirty ones stay until a commit has written them.
//!
//! Invariant: an address is in the cache at most once.

use alloc::vec::Vec;
use core::hash::{BuildHasherDefault, Hasher};

use hashbrown::HashMap;

use super::btree::Node;
use super::error::{Error, Result};
use super::layout::NodePointer;

/// Number of a slot.
pub(crate) type SlotId = usize;

/// A node with what is known about it.
#[derive(Debug)]
pub(crate) struct CachedNode {
    /// Where it is; the checksum of a dirty node is not known yet.
    pub pointer: NodePointer,
    pub node: Node,
    /// Whether it is newer than its copies on disk.
    pub dirty: bool,
    referenced: bool,
}

/// Spreads block numbers over a hash table; they come from the allocator, and a disk
/// that makes them collide slows only itself down.
#[derive(Debug, Default)]
struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, value: u64) {
        let mixed = (self.0 ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ mixed >> 32;
    }
}

/// All nodes in memory.
#[derive(Debug)]
pub(crate) struct NodeCache {
    slots: Vec<Option<CachedNode>>,
    by_address: HashMap<u64, SlotId, BuildHasherDefault<AddressHasher>>,
    vacant: Vec<SlotId>,
    hand: usize,
    dirty: usize,
    budget_nodes: usize,
}

impl NodeCache {
    /// A cache that keeps about this many nodes.
    pub fn new(budget_nodes: usize) -> NodeCache {
        NodeCache {
            slots: Vec::new(),
            by_address: HashMap::default(),
            vacant: Vec::new(),
            hand: 0,
            dirty: 0,
            budget_nodes,
        }
    }

    /// Makes room for `more` nodes, by giving up clean ones where there is no memory.
    ///
    /// Slot numbers may be void then.
    pub fn make_room(&mut self, more: usize) -> Result<()> {
        if self.try_make_room(more).is_none() {
            self.drop_clean();
            self.try_make_room(more).ok_or(Error::NoMemory)?;
        }
        Ok(())
    }

    fn try_make_room(&mut self, more: usize) -> Option<()> {
        let growth = more.saturating_sub(self.vacant.len());
        self.slots.try_reserve(growth).ok()?;
        // Every slot may become vacant.
        let vacant = self.slots.capacity().saturating_sub(self.vacant.len());
        self.vacant.try_reserve(vacant).ok()?;
        self.by_address.try_reserve(more).ok()
    }

    /// Slot of the node at this address.
    pub fn find(&mut self, address: u64) -> Option<SlotId> {
        let slot = *self.by_address.get(&address)?;
        if let Some(Some(cached)) = self.slots.get_mut(slot) {
            cached.referenced = true;
        }
        Some(slot)
    }

    /// Adds a node; `None` when its address is taken.
    pub fn insert(&mut self, pointer: NodePointer, node: Node, dirty: bool) -> Option<SlotId> {
        let address = pointer.addr0.get();
        if self.by_address.contains_key(&address) {
            return None;
        }
        let cached = CachedNode {
            pointer,
            node,
            dirty,
            referenced: true,
        };
        let slot = self.vacant.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len().saturating_sub(1)
        });
        *self.slots.get_mut(slot)? = Some(cached);
        self.by_address.insert(address, slot);
        self.dirty = self.dirty.saturating_add(usize::from(dirty));
        Some(slot)
    }

    pub fn get(&self, slot: SlotId) -> Option<&CachedNode> {
        self.slots.get(slot)?.as_ref()
    }

    pub fn get_mut(&mut self, slot: SlotId) -> Option<&mut CachedNode> {
        self.slots.get_mut(slot)?.as_mut()
    }

    /// Gives a clean node a new place and marks it dirty; `false` when the new address
    /// is taken.
    pub fn relocate(&mut self, slot: SlotId, pointer: NodePointer) -> bool {
        if self.by_address.contains_key(&pointer.addr0.get()) {
            return false;
        }
        let Some(Some(cached)) = self.slots.get_mut(slot) else {
            return false;
        };
        self.by_address.remove(&cached.pointer.addr0.get());
        self.by_address.insert(pointer.addr0.get(), slot);
        self.dirty = self.dirty.saturating_add(usize::from(!cached.dirty));
        cached.pointer = pointer;
        cached.dirty = true;
        true
    }

    /// Drops a node.
    pub fn remove(&mut self, slot: SlotId) {
        let Some(cached) = self.slots.get_mut(slot).and_then(Option::take) else {
            return;
        };
        self.by_address.remove(&cached.pointer.addr0.get());
        self.dirty = self.dirty.saturating_sub(usize::from(cached.dirty));
        self.vacant.push(slot);
    }

    /// Number of dirty nodes.
    pub fn dirty_nodes(&self) -> usize {
        self.dirty
    }

    /// Nodes it is meant to keep.
    pub fn budget_nodes(&self) -> usize {
        self.budget_nodes
    }

    /// Dirty nodes in no particular order.
    pub fn dirty(&self) -> impl Iterator<Item = &CachedNode> {
        self.slots.iter().flatten().filter(|cached| cached.dirty)
    }

    /// Every dirty node was written.
    pub fn clean(&mut self) {
        for cached in self.slots.iter_mut().flatten() {
            cached.dirty = false;
        }
        self.dirty = 0;
    }

    /// Gives up clean nodes until the budget is kept; slot numbers are void then.
    pub fn trim(&mut self) {
        let mut steps = self.slots.len().saturating_mul(2);
        while self.by_address.len() > self.budget_nodes.max(self.dirty) && steps > 0 {
            steps = steps.saturating_sub(1);
            self.hand = match self.hand.saturating_add(1) {
                next if next < self.slots.len() => next,
                _ => 0,
            };
            let Some(Some(cached)) = self.slots.get_mut(self.hand) else {
                continue;
            };
            if cached.dirty {
                continue;
            }
            if cached.referenced {
                cached.referenced = false;
                continue;
            }
            self.remove(self.hand);
        }
    }

    /// Gives up every clean node.
    pub fn drop_clean(&mut self) {
        for slot in 0..self.slots.len() {
            if self.get(slot).is_some_and(|cached| !cached.dirty) {
                self.remove(slot);
            }
        }
    }
}
