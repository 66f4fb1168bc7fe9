//! Running operations inside the current transaction.
//!
//! Every change goes through [`Volume::change`]: it makes room in the caches, reserves
//! what the operation may need at worst, runs it, and deals with a failure in the
//! middle. All operations since the last commit form one transaction.

use super::error::{Error, Result};
use super::layout::BLOCK_BYTES;
use super::volume::Volume;
use crate::block::BlockDevice;

/// Share of the volume that only deletion may use.
const KEPT_BACK_SHARE: u64 = 64;
/// Its least size in blocks (2 MiB), as long as that is no large part of the volume.
const KEPT_BACK_BLOCKS_MIN: u64 = (2 << 20) / BLOCK_BYTES as u64;
/// Dirty nodes that never force a commit, and that always do.
const DIRTY_NODES_MIN: usize = 32;
const DIRTY_NODES_MAX: usize = 4096;
/// Freed runs that force a commit: so many for each dirty node that does, and at most.
const FREED_PER_NODE: usize = 16;
const FREED_RUNS_MAX: usize = 12_288;
/// Nodes that an operation may read besides those that it changes.
const NODES_BESIDES: usize = 32;

/// What an operation needs at worst.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Need {
    /// Leaves of the tree of files that it changes.
    pub leaves: usize,
    /// Leaves that it may split.
    pub splits: usize,
    /// Data blocks it takes.
    pub data_blocks: u64,
    /// Whether it frees space in the end and may use what is kept back.
    pub frees: bool,
}

/// What removing a name needs: entry, two inodes, back reference, extents, and an
/// orphan item that may split its leaf.
pub(crate) const REMOVAL: Need = Need {
    leaves: 7,
    splits: 1,
    data_blocks: 0,
    frees: true,
};

impl Need {
    /// Nodes it may have to write in a tree of this height.
    pub(super) fn nodes(&self, height: usize) -> usize {
        // A leaf comes with its way down; a split adds a node on each level and a root.
        let ways = self.leaves.saturating_mul(height.saturating_add(1));
        let splits = self.splits.saturating_mul(height.saturating_add(2));
        ways.saturating_add(splits)
    }
}

impl<D: BlockDevice> Volume<D> {
    /// Runs one operation of the transaction.
    pub(super) fn change<R>(
        &mut self,
        need: Need,
        now_ns: u64,
        operation: impl FnOnce(&mut Self) -> Result<R>,
    ) -> Result<R> {
        self.begin(need)?;
        self.now_ns = self.now_ns.max(now_ns);
        let before = self.store.changes;
        let outcome = operation(self);
        let changed = self.store.changes != before;
        self.changed |= changed;
        if let Err(error) = &outcome
            && changed
            && matches!(
                error,
                Error::Io { .. } | Error::Corrupt { .. } | Error::NoSpace | Error::NoMemory
            )
        {
            // Half an operation must never become durable.
            self.store.read_only = true;
        }
        outcome
    }

    /// Room for an operation that only reads.
    pub(super) fn begin_read(&mut self) {
        self.store.cache.trim();
    }

    /// Blocks that only deletion may use.
    pub(super) fn kept_back(&self) -> u64 {
        let total = self.store.geometry.total_blocks;
        (total / KEPT_BACK_SHARE).max(KEPT_BACK_BLOCKS_MIN.min(total / 8))
    }

    pub(super) fn dirty_nodes_max(&self) -> usize {
        let share = self.store.cache.budget_nodes() / 4;
        share.clamp(DIRTY_NODES_MIN, DIRTY_NODES_MAX)
    }

    pub(super) fn freed_runs_max(&self) -> usize {
        let most = self.dirty_nodes_max().saturating_mul(FREED_PER_NODE);
        most.min(FREED_RUNS_MAX)
    }

    fn begin(&mut self, need: Need) -> Result<()> {
        if self.store.read_only {
            return Err(Error::ReadOnly);
        }
        self.store.cache.trim();
        let many_nodes = self.store.cache.dirty_nodes() > self.dirty_nodes_max();
        if many_nodes || self.store.space.freed_runs() > self.freed_runs_max() {
            self.commit()?;
        }
        // Freed blocks come back after two commits; more would not help.
        for _ in 0..2 {
            match self.reserve(need) {
                Err(Error::NoSpace) if self.store.space.pending() > 0 => self.commit()?,
                outcome => return outcome,
            }
        }
        self.reserve(need)
    }

    fn reserve(&mut self, need: Need) -> Result<()> {
        loop {
            let outcome = self.reserve_once(need);
            // A damaged bitmap shows when it is first needed, as a lack of space.
            match (outcome, self.store.space.damaged_group()) {
                (Err(Error::NoSpace), Some(group)) => self.rebuild_group(group)?,
                _ => return outcome,
            }
        }
    }

    fn reserve_once(&mut self, need: Need) -> Result<()> {
        let height = self.store.height(&self.files)?;
        let for_commit = self.commit_nodes()?;
        let node_blocks = u64::from(self.store.geometry.node_blocks());
        let blocks = |nodes: usize| (nodes as u64).saturating_mul(2).saturating_mul(node_blocks);
        // Deletion leaves what two commits need, after which its blocks come back;
        // everything else leaves what deletion needs.
        let two_commits = blocks(for_commit.saturating_mul(2));
        let removal = blocks(REMOVAL.nodes(height).saturating_add(for_commit));
        let removal = removal.saturating_add(two_commits);
        let keep_back = if need.frees {
            two_commits
        } else {
            self.kept_back().max(removal.saturating_mul(2))
        };
        let nodes = need.nodes(height).saturating_add(for_commit);
        self.height = height;
        let store = &mut self.store;
        store.cache.make_room(nodes.saturating_add(NODES_BESIDES))?;
        store
            .space
            .reserve(&mut store.disk, nodes, need.data_blocks, keep_back)
    }

    /// Makes sure that a commit does not fail for want of a node.
    pub(super) fn reserve_commit(&mut self) -> Result<()> {
        let nodes = self.commit_nodes()?;
        let store = &mut self.store;
        store.cache.make_room(nodes)?;
        match store.space.reserve(&mut store.disk, nodes, 0, 0) {
            Err(Error::NoSpace) if store.space.release_pins() => {
                store.space.reserve(&mut store.disk, nodes, 0, 0)
            }
            outcome => outcome,
        }
    }

    /// Nodes that the commit itself may have to copy.
    fn commit_nodes(&mut self) -> Result<usize> {
        let levels = self.store.height(&self.root_tree)?.saturating_add(1);
        let groups = self.store.geometry.groups;
        // The subvolume, and groups that the operation or the commit is the first to touch.
        let items = self.store.space.groups_to_write().min(groups);
        let items = items.saturating_add(4).min(groups.saturating_add(1));
        Ok(items.saturating_mul(levels).saturating_add(2))
    }
}
