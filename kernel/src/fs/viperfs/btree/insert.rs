//! Putting items into a tree.

use super::search::{Intent, Path};
use super::{Tree, value_bytes_max};
use crate::block::BlockDevice;
use crate::fs::viperfs::error::{Error, Result};
use crate::fs::viperfs::layout::Key;
use crate::fs::viperfs::layout::node_header::{ITEM_BYTES, LEVEL_MAX};
use crate::fs::viperfs::node_cache::SlotId;
use crate::fs::viperfs::store::Store;

impl<D: BlockDevice> Store<D> {
    /// Sets the value of a key, whether it exists or not.
    pub fn put(&mut self, tree: &mut Tree, key: &Key, value: &[u8]) -> Result<()> {
        if value.len() > value_bytes_max(self.geometry.node_bytes) {
            return Err(Error::TooLarge);
        }
        loop {
            let path = self.descend(tree, key, Intent::Insert)?;
            let leaf = self.node_mut(path.leaf)?;
            let place = match leaf.search(key) {
                Ok(index) if leaf.value(index).len() == value.len() => {
                    leaf.value_mut(index).copy_from_slice(value);
                    return Ok(());
                }
                Ok(index) => {
                    leaf.remove_item(index);
                    index
                }
                Err(index) => index,
            };
            if leaf.has_item_room(value.len()) {
                leaf.insert_item(place, key, value);
                return Ok(());
            }
            if self.make_room_above(tree, &path, path.depth())? {
                return self.split_leaf(tree, &path, place, key, value);
            }
            // The way down has changed: an item that was taken out is put back below.
        }
    }

    /// Makes the leaf of a key writable without changing an item. Returns whether that
    /// took a new node.
    pub fn touch(&mut self, tree: &mut Tree, key: &Key) -> Result<()> {
        self.descend(tree, key, Intent::Write).map(|_| ())
    }

    /// Sees to it that the branch above the node at `depth` has room for an entry.
    /// Returns `false` when it had to change the tree, which voids the path.
    fn make_room_above(&mut self, tree: &mut Tree, path: &Path, depth: usize) -> Result<bool> {
        let Some(parent) = path.parent(depth) else {
            self.grow(tree)?;
            return Ok(false);
        };
        if self.node(parent.slot)?.has_entry_room() {
            return Ok(true);
        }
        let above = depth.saturating_sub(1);
        if self.make_room_above(tree, path, above)? {
            self.split_branch(path, above)?;
        }
        Ok(false)
    }

    /// Puts a new root above the old one.
    fn grow(&mut self, tree: &mut Tree) -> Result<()> {
        let old = self.load(&tree.root, tree.owner, None)?;
        let node = self.node(old)?;
        let (level, low) = (node.level(), node.first_key().unwrap_or(Key::MIN));
        if level >= LEVEL_MAX {
            return Err(Error::NoSpace);
        }
        let mut root = self.empty_node(tree.owner, level.saturating_add(1));
        root.insert_child(0, &low, &tree.root);
        tree.root = self.create(root)?.1;
        Ok(())
    }

    fn split_branch(&mut self, path: &Path, depth: usize) -> Result<()> {
        let slot = path.slot(depth);
        let node = self.node_mut(slot)?;
        let at = node.count() / 2;
        let right = node.split_off(at);
        self.link_right(path, depth, right)
    }

    fn link_right(&mut self, path: &Path, depth: usize, right: super::Node) -> Result<()> {
        let Some(parent) = path.parent(depth) else {
            return Ok(());
        };
        let low = right.first_key().unwrap_or(Key::MIN);
        let (_, pointer) = self.create(right)?;
        self.node_mut(parent.slot)?
            .insert_child(parent.index.saturating_add(1), &low, &pointer);
        Ok(())
    }

    /// Splits a leaf whose parent has room, with the new item in one of the halves.
    fn split_leaf(
        &mut self,
        tree: &Tree,
        path: &Path,
        place: usize,
        key: &Key,
        value: &[u8],
    ) -> Result<()> {
        if place == self.node(path.leaf)?.count() && path.upper.is_none() {
            // Keys that only rise leave full leaves behind instead of half-full ones.
            let mut right = self.empty_node(tree.owner, 0);
            right.insert_item(0, key, value);
            return self.link_right(path, path.depth(), right);
        }
        let size = ITEM_BYTES.saturating_add(value.len());
        let (at, in_left) = self.split_point(path.leaf, place, size)?;
        let left = self.node_mut(path.leaf)?;
        let mut right = left.split_off(at);
        if in_left {
            left.insert_item(place, key, value);
        } else {
            right.insert_item(place.saturating_sub(at), key, value);
        }
        self.link_right(path, path.depth(), right)
    }

    /// Where to cut a leaf so that both halves hold about the same number of bytes,
    /// the new item counted at its place. Also says which half takes the new item.
    fn split_point(&self, leaf: SlotId, place: usize, size: usize) -> Result<(usize, bool)> {
        let node = self.node(leaf)?;
        let total = node.used().saturating_add(size);
        let mut left = 0usize;
        // Items in the order they will have, the new one at `place`.
        for position in 0..=node.count() {
            let item = match position.cmp(&place) {
                core::cmp::Ordering::Less => node.item_size(position),
                core::cmp::Ordering::Equal => size,
                core::cmp::Ordering::Greater => node.item_size(position.saturating_sub(1)),
            };
            let with_item = left.saturating_add(item);
            let over = with_item > node.capacity();
            if position > 0 && (over || left.saturating_mul(2) >= total) {
                let in_left = place < position;
                return Ok((position.saturating_sub(usize::from(in_left)), in_left));
            }
            left = with_item;
        }
        Ok((node.count(), false))
    }
}
