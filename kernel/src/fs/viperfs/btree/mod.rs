//! Copy-on-write B-trees of items.
//!
//! A [`Tree`] is a root pointer and an owner number; its nodes live in the
//! [`Store`](super::store::Store). Changing a tree makes the nodes from the root to the leaf
//! writable on the way down and so moves them; nothing that a durable superblock
//! refers to is ever overwritten.
//!
//! | module | responsibility |
//! |---|---|
//! | `node` | items and entries in one page |
//! | `search` | the way from the root to a leaf; look-up and scan |
//! | `insert` | putting items, splitting nodes |
//! | `remove` | removing items, merging nodes |
//! | `seal` | checksums of a tree's dirty nodes, for a commit |
//!
//! Invariants: keys in a node rise strictly; a branch entry's key is at most the first
//! key below it; no node but a root leaf is empty; all leaves have level 0.

mod insert;
mod node;
mod remove;
mod seal;
mod search;
#[cfg(test)]
mod tests;

pub(crate) use node::{Node, page_sum};
pub(crate) use search::Visit;

use super::layout::NodePointer;

/// A tree of a volume.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tree {
    /// Where its root is; the checksum is right only while the tree is clean.
    pub root: NodePointer,
    /// Number that all its nodes carry.
    pub owner: u64,
}

/// Longest value of an item in a node of this capacity: two items always fit a node,
/// so that one split always makes room.
pub(crate) fn value_bytes_max(node_bytes: usize) -> usize {
    use super::layout::node_header::{HEADER_BYTES, ITEM_BYTES};
    (node_bytes.saturating_sub(HEADER_BYTES) / 2).saturating_sub(ITEM_BYTES)
}
