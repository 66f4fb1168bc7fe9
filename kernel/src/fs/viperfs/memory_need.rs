//! The memory that an operation can need at worst.
//!
//! The engine's collections cannot fail, so whoever runs it where memory is scarce sets
//! this much aside first. What has no bound by itself is given one elsewhere: nodes are
//! given up between operations, a commit comes when lists become long, and at most
//! [`IN_FLIGHT_BYTES_MAX`] wait for the device.

use super::disk::IN_FLIGHT_BYTES_MAX;
use super::layout::BLOCK_BYTES;
use super::link::RENAME;
use super::read::WINDOW_BYTES;
use super::volume::Volume;
use crate::block::{BlockDevice, TRANSFER_BYTES_MAX};

/// Transfers that are put together or taken apart, besides those in flight.
const TRANSFERS: usize = 3;
/// Groups whose bitmaps an operation or its commit may be the first to need.
const GROUPS_MAX: usize = 40;
/// Three bitmaps of a group, and two blocks they are read from.
const GROUP_BYTES: usize = 5 * BLOCK_BYTES;
/// Entries of the list of freed runs, and of a list of writes.
const LIST_ENTRY_BYTES: usize = 16;
/// Nodes that are read for each one that is changed: neighbours to join it with.
const NEIGHBOURS: usize = 2;
/// Names, keys, values, extents and their sums, and what the heap loses to its slabs.
const SMALL_BYTES: usize = 256 * 1024;

impl<D: BlockDevice> Volume<D> {
    /// Bytes that the next operation can need at worst.
    pub fn memory_need(&self) -> usize {
        let transfers = TRANSFER_BYTES_MAX
            .saturating_mul(TRANSFERS)
            .saturating_add(IN_FLIGHT_BYTES_MAX)
            .saturating_add(WINDOW_BYTES);
        let geometry = &self.store.geometry;
        let maps = GROUP_BYTES.saturating_mul(geometry.groups.min(GROUPS_MAX));
        let dirty = self.dirty_nodes_max();
        let lists = list_bytes(self.freed_runs_max()).saturating_add(list_bytes(dirty));
        transfers
            .saturating_add(maps)
            .saturating_add(lists)
            .saturating_add(self.node_bytes_max())
            .saturating_add(SMALL_BYTES)
    }

    fn node_bytes_max(&self) -> usize {
        let levels = self.height.saturating_add(1);
        // The largest of all operations, and the neighbours of what it removes.
        let neighbours = RENAME.leaves.saturating_mul(levels);
        let operation = RENAME
            .nodes(levels)
            .saturating_add(neighbours.saturating_mul(NEIGHBOURS));
        // The tree of groups has sixteen items in a leaf that is half empty.
        let leaves = (self.store.geometry.groups / 16).saturating_add(4);
        let root_tree = leaves.saturating_add(leaves / 16).saturating_add(4);
        // A slab of nodes has a header: one in sixteen is lost to it.
        let nodes = operation.saturating_add(root_tree);
        let nodes = nodes.saturating_add(nodes / 15);
        nodes.saturating_mul(self.store.geometry.node_bytes)
    }
}

/// A list that grows to this many entries: the old one is there until the new one is full.
fn list_bytes(entries: usize) -> usize {
    let grown = entries.saturating_mul(LIST_ENTRY_BYTES).next_power_of_two();
    grown.saturating_mul(2)
}
