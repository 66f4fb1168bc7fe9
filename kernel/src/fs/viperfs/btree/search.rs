//! The way from the root to a leaf.

use alloc::vec::Vec;

use super::Tree;
use crate::block::BlockDevice;
use crate::fs::viperfs::error::{Result, corrupt};
use crate::fs::viperfs::layout::Key;
use crate::fs::viperfs::layout::node_header::LEVEL_MAX;
use crate::fs::viperfs::node_cache::SlotId;
use crate::fs::viperfs::store::Store;

/// What the way is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Intent {
    /// Looking only.
    Read,
    /// Nodes on the way become writable.
    Write,
    /// As `Write`, and the entries on the way are lowered to the key.
    Insert,
}

/// A branch on the way and the entry taken.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Step {
    pub slot: SlotId,
    pub index: usize,
}

/// A way from the root to a leaf.
#[derive(Clone, Copy, Debug)]
pub(super) struct Path {
    steps: [Step; LEVEL_MAX as usize + 1],
    len: usize,
    pub leaf: SlotId,
    /// Key of the first item behind the leaf, if any.
    pub upper: Option<Key>,
}

impl Path {
    /// The branch above the leaf or branch at `depth` (the root has depth 0).
    pub fn parent(&self, depth: usize) -> Option<Step> {
        self.steps.get(depth.checked_sub(1)?).copied()
    }

    /// Branches above the leaf.
    pub fn depth(&self) -> usize {
        self.len
    }

    /// The node at this depth.
    pub fn slot(&self, depth: usize) -> SlotId {
        if depth >= self.len {
            return self.leaf;
        }
        self.steps.get(depth).map_or(self.leaf, |step| step.slot)
    }

    fn push(&mut self, step: Step) {
        if let Some(room) = self.steps.get_mut(self.len) {
            *room = step;
            self.len = self.len.saturating_add(1);
        }
    }
}

/// Whether a scan goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Visit {
    Continue,
    Stop,
}

impl<D: BlockDevice> Store<D> {
    /// Height of a tree: branches above its leaves.
    pub fn height(&mut self, tree: &Tree) -> Result<usize> {
        let root = self.load(&tree.root, tree.owner, None)?;
        Ok(usize::from(self.node(root)?.level()))
    }

    /// Goes down to the leaf where the key is or belongs.
    pub(super) fn descend(&mut self, tree: &mut Tree, key: &Key, intent: Intent) -> Result<Path> {
        let mut slot = self.load(&tree.root, tree.owner, None)?;
        if intent != Intent::Read {
            tree.root = self.shadow(slot)?;
        }
        let mut path = Path {
            steps: Default::default(),
            len: 0,
            leaf: slot,
            upper: None,
        };
        loop {
            let node = self.node(slot)?;
            let level = node.level();
            if level == 0 {
                path.leaf = slot;
                return Ok(path);
            }
            let index = node.child_index(key);
            let (low, pointer) = (node.key(index), node.child(index));
            let next = index.saturating_add(1);
            if next < node.count() {
                path.upper = Some(node.key(next));
            }
            path.push(Step { slot, index });
            let child = self.load(&pointer, tree.owner, Some(level.saturating_sub(1)))?;
            let below = self.node(child)?;
            let inside = below.first_key().is_some_and(|first| low <= first)
                && path
                    .upper
                    .is_none_or(|upper| below.last_key() < Some(upper));
            if !inside {
                return corrupt(pointer.addr0.get(), "a node has keys of another");
            }
            if intent != Intent::Read {
                let moved = self.shadow(child)?;
                let parent = self.node_mut(slot)?;
                parent.set_child(index, &moved);
                if intent == Intent::Insert && *key < low {
                    parent.set_key(index, key);
                }
            }
            slot = child;
        }
    }

    /// Calls `found` on the value of a key; `None` when there is none.
    pub fn lookup<R>(
        &mut self,
        tree: &Tree,
        key: &Key,
        found: impl FnOnce(&[u8]) -> R,
    ) -> Result<Option<R>> {
        let path = self.descend(&mut { *tree }, key, Intent::Read)?;
        let leaf = self.node(path.leaf)?;
        Ok(leaf.search(key).ok().map(|index| found(leaf.value(index))))
    }

    /// A copy of the value of a key.
    pub fn get(&mut self, tree: &Tree, key: &Key) -> Result<Option<Vec<u8>>> {
        self.lookup(tree, key, |value| value.to_vec())
    }

    /// Visits items from `from` on in order until `visit` stops it. Items of one leaf
    /// at a time are in memory; `visit` sees every key at most once.
    pub fn scan(
        &mut self,
        tree: &Tree,
        from: Key,
        mut visit: impl FnMut(&Key, &[u8]) -> Visit,
    ) -> Result<()> {
        let mut next = Some(from);
        while let Some(key) = next {
            next = self.scan_leaf(tree, key, &mut visit)?;
        }
        Ok(())
    }

    /// Visits the rest of one leaf; returns where to go on.
    pub fn scan_leaf(
        &mut self,
        tree: &Tree,
        from: Key,
        visit: &mut impl FnMut(&Key, &[u8]) -> Visit,
    ) -> Result<Option<Key>> {
        let path = self.descend(&mut { *tree }, &from, Intent::Read)?;
        let leaf = self.node(path.leaf)?;
        let (Ok(start) | Err(start)) = leaf.search(&from);
        for index in start..leaf.count() {
            if visit(&leaf.key(index), leaf.value(index)) == Visit::Stop {
                return Ok(None);
            }
        }
        Ok(path.upper)
    }
}
