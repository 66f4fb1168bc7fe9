//! Checksums of a tree's dirty nodes.

use alloc::vec::Vec;

use zerocopy::little_endian::U64;

use super::Tree;
use crate::block::BlockDevice;
use crate::fs::viperfs::error::Result;
use crate::fs::viperfs::layout::NodePointer;
use crate::fs::viperfs::node_cache::SlotId;
use crate::fs::viperfs::store::Store;

impl<D: BlockDevice> Store<D> {
    /// Fills in headers and checksums of all dirty nodes from the leaves up; the root
    /// pointer is right afterwards.
    pub fn seal_tree(&mut self, tree: &mut Tree) -> Result<()> {
        let Some(slot) = self.dirty_slot(&tree.root)? else {
            return Ok(());
        };
        tree.root = self.seal_below(slot)?;
        Ok(())
    }

    /// Depth is bounded by the height of a tree.
    fn seal_below(&mut self, slot: SlotId) -> Result<NodePointer> {
        let node = self.node(slot)?;
        let children: Vec<NodePointer> = if node.is_leaf() {
            Vec::new()
        } else {
            (0..node.count()).map(|index| node.child(index)).collect()
        };
        for (index, child) in children.iter().enumerate() {
            if let Some(below) = self.dirty_slot(child)? {
                let sealed = self.seal_below(below)?;
                self.node_mut(slot)?.set_child(index, &sealed);
            }
        }
        let mut pointer = self.cached(slot)?.pointer;
        let generation = self.generation;
        let sum = self.node_mut(slot)?.seal(pointer.addr0.get(), generation);
        pointer.generation = U64::new(generation);
        pointer.checksum = U64::new(sum);
        if let Some(cached) = self.cache.get_mut(slot) {
            cached.pointer = pointer;
        }
        Ok(pointer)
    }

    fn dirty_slot(&mut self, pointer: &NodePointer) -> Result<Option<SlotId>> {
        let slot = self.cache.find(pointer.addr0.get());
        Ok(slot.filter(|slot| self.cache.get(*slot).is_some_and(|cached| cached.dirty)))
    }
}
