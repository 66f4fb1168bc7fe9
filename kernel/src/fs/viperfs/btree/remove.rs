//! Removing items from a tree.

use super::Tree;
use super::search::{Intent, Path, Step};
use crate::block::BlockDevice;
use crate::fs::viperfs::error::{Error, Result};
use crate::fs::viperfs::layout::Key;
use crate::fs::viperfs::node_cache::SlotId;
use crate::fs::viperfs::store::Store;

impl<D: BlockDevice> Store<D> {
    /// Removes the item of a key; `NotFound` when there is none.
    pub fn remove(&mut self, tree: &mut Tree, key: &Key) -> Result<()> {
        let path = self.descend(tree, key, Intent::Write)?;
        let leaf = self.node_mut(path.leaf)?;
        let index = leaf.search(key).map_err(|_| Error::NotFound)?;
        leaf.remove_item(index);
        self.shrink(tree, &path)
    }

    /// Drops empty nodes and merges poor ones, from a leaf up.
    fn shrink(&mut self, tree: &mut Tree, path: &Path) -> Result<()> {
        for depth in (1..=path.depth()).rev() {
            let Some(parent) = path.parent(depth) else {
                break;
            };
            let slot = path.slot(depth);
            let node = self.node(slot)?;
            if node.count() == 0 {
                self.node_mut(parent.slot)?.remove_child(parent.index);
                self.discard(slot)?;
            } else if node.used() > node.capacity() / 4 || !self.merge(tree, parent, slot)? {
                break;
            }
        }
        self.lower_root(tree)
    }

    /// Takes away roots with a single child, and a branch that lost its last one.
    fn lower_root(&mut self, tree: &mut Tree) -> Result<()> {
        loop {
            let slot = self.load(&tree.root, tree.owner, None)?;
            let node = self.node(slot)?;
            match (node.is_leaf(), node.count()) {
                (true, _) | (false, 2..) => return Ok(()),
                (false, 0) => {
                    let empty = self.empty_node(tree.owner, 0);
                    *self.node_mut(slot)? = empty;
                }
                (false, _) => {
                    let (level, child) = (node.level(), node.child(0));
                    // A child that cannot be read keeps its parent.
                    let below = Some(level.saturating_sub(1));
                    if self.load(&child, tree.owner, below).is_err() {
                        return Ok(());
                    }
                    tree.root = child;
                    self.discard(slot)?;
                }
            }
        }
    }

    /// Joins a node with a neighbour when both fit well into one.
    fn merge(&mut self, tree: &Tree, parent: Step, slot: SlotId) -> Result<bool> {
        let above = self.node(parent.slot)?;
        let level = above.level().saturating_sub(1);
        let right = parent.index.saturating_add(1);
        if right < above.count() {
            let pointer = above.child(right);
            // A neighbour that cannot be read stays; that is no error of this removal.
            if let Ok(neighbour) = self.load(&pointer, tree.owner, Some(level))
                && self.fit_together(slot, neighbour)?
            {
                let content = self.node(neighbour)?.clone();
                self.node_mut(slot)?.append(&content);
                self.node_mut(parent.slot)?.remove_child(right);
                self.discard(neighbour)?;
                return Ok(true);
            }
        }
        let Some(left) = parent.index.checked_sub(1) else {
            return Ok(false);
        };
        let above = self.node(parent.slot)?;
        let (pointer, low) = (above.child(left), above.key(left));
        if let Ok(neighbour) = self.load(&pointer, tree.owner, Some(level))
            && self.fit_together(slot, neighbour)?
        {
            let content = self.node(neighbour)?.clone();
            self.node_mut(slot)?.prepend(&content);
            let above = self.node_mut(parent.slot)?;
            above.set_key(parent.index, &low);
            above.remove_child(left);
            self.discard(neighbour)?;
            return Ok(true);
        }
        Ok(false)
    }

    fn fit_together(&self, one: SlotId, other: SlotId) -> Result<bool> {
        let (one, other) = (self.node(one)?, self.node(other)?);
        let together = one.used().saturating_add(other.used());
        Ok(together <= (one.capacity() / 4).saturating_mul(3))
    }
}
