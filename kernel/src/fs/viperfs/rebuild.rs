//! Rebuilding the bitmap of a group from the trees.
//!
//! A bitmap slot can be damaged, or can belong to a commit that was never finished
//! after the volume went back to an older state. What the trees refer to is the truth
//! then.

use alloc::vec;
use alloc::vec::Vec;

use super::btree::Tree;
use super::error::{Result, corrupt};
use super::layout::extent::{Extent, blocks_of};
use super::layout::{ItemKind, NodePointer};
use super::space::{Bitmap, Run};
use super::store::Store;
use super::volume::Volume;
use crate::block::BlockDevice;

impl<D: BlockDevice> Volume<D> {
    /// Walks all trees and installs the bitmap that follows from them.
    pub(super) fn rebuild_group(&mut self, group: usize) -> Result<()> {
        let mut used = Bitmap::new();
        let trees = [self.root_tree, self.files];
        for tree in trees {
            self.store.mark_tree(&tree, group, &mut used)?;
        }
        self.store.space.install(group, used);
        self.changed = true;
        Ok(())
    }
}

impl<D: BlockDevice> Store<D> {
    fn mark_tree(&mut self, tree: &Tree, group: usize, used: &mut Bitmap) -> Result<()> {
        let len = self.geometry.node_blocks();
        let mut to_visit: Vec<(NodePointer, Option<u8>)> = vec![(tree.root, None)];
        let mut budget = self.geometry.total_blocks;
        while let Some((pointer, level)) = to_visit.pop() {
            if budget == 0 {
                return corrupt(pointer.addr0.get(), "a tree has more nodes than blocks");
            }
            budget = budget.saturating_sub(1);
            for start in pointer.addresses() {
                self.mark(Run { start, len }, group, used);
            }
            let (children, extents) = self.node_content(&pointer, tree.owner, level)?;
            to_visit.extend(children);
            for run in extents {
                self.mark(run, group, used);
            }
        }
        Ok(())
    }

    fn mark(&self, run: Run, group: usize, used: &mut Bitmap) {
        for block in run.start..run.start.saturating_add(u64::from(run.len)) {
            if let Some((index, bit)) = self.geometry.locate(block)
                && index == group
            {
                used.put(bit, true);
            }
        }
    }

    /// Children and file blocks of a node, which is not kept in the cache.
    #[expect(clippy::type_complexity, reason = "two lists, used once")]
    fn node_content(
        &mut self,
        pointer: &NodePointer,
        owner: u64,
        level: Option<u8>,
    ) -> Result<(Vec<(NodePointer, Option<u8>)>, Vec<Run>)> {
        let address = pointer.addr0.get();
        let known = self.cache.find(address);
        let node = match known.and_then(|slot| self.cache.get(slot)) {
            Some(cached) => cached.node.clone(),
            None => {
                let slot = self.load(pointer, owner, level)?;
                let node = self.node(slot)?.clone();
                self.cache.remove(slot);
                node
            }
        };
        if level.is_some_and(|level| level != node.level()) || node.owner() != owner {
            return corrupt(address, "a node is in the wrong tree");
        }
        if let Some(below) = node.level().checked_sub(1) {
            let children = (0..node.count()).map(|index| (node.child(index), Some(below)));
            return Ok((children.collect(), Vec::new()));
        }
        let extents = (0..node.count()).filter(|index| node.key(*index).is(ItemKind::Extent));
        let runs = extents.filter_map(|index| match Extent::decode(node.value(index)) {
            Some(Extent::Regular { block, sums, .. }) => Some(Run {
                start: block,
                len: blocks_of(sums),
            }),
            _ => None,
        });
        Ok((Vec::new(), runs.collect()))
    }
}
