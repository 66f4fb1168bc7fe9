//! Free space: which blocks may be given out, and when freed ones may be again.
//!
//! Each group has a bitmap on disk in two slots; a commit writes the slot that is not
//! in use, so that the durable one stays whole and recording an allocation needs no
//! allocation. Bitmaps are read when a group is first needed.
//!
//! Blocks of tree nodes are taken ahead of need into a [stash](Space::take_node), so
//! that an operation that has started never fails for want of a node.
//!
//! Invariants:
//! - a block freed in generation N that N-1 uses is given out only after the
//!   superblock of N+1 is durable (`keep` = 2): the state before the newest durable
//!   one stays whole;
//! - a block given out and freed within one generation is free at once;
//! - `available` is the number of clear bits in all `busy` maps, where a group that
//!   was not read counts with the number in its item.

mod allocate;
mod bitmap;
mod group;
mod load;
mod release;

use alloc::{collections::VecDeque, vec::Vec};

pub(crate) use bitmap::Bitmap;
pub(crate) use group::Group;
pub(crate) use load::fixed_bitmap;

use super::layout::Geometry;

/// Generations for which freed blocks keep their content.
pub(crate) const KEEP_GENERATIONS: u8 = 2;

/// A run of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub start: u64,
    pub len: u32,
}

impl Run {
    /// Number of blocks.
    pub fn blocks(self) -> u64 {
        u64::from(self.len)
    }

    /// The block behind the last one.
    pub fn end(self) -> u64 {
        self.start.saturating_add(self.blocks())
    }
}

/// What a run is for; each use has its own part of the volume as long as there is room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    FirstCopy,
    SecondCopy,
    Data,
}

/// Both addresses of a node to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NodePlace {
    pub addr0: u64,
    pub addr1: u64,
}

/// Free space of a volume.
#[derive(Debug)]
pub(crate) struct Space {
    geometry: Geometry,
    groups: Vec<Group>,
    available: u64,
    /// Clear blocks in the state that the next commit writes.
    free: u64,
    /// Part of `available` that lies in groups that were not read.
    unread: u64,
    /// Groups that differ from their durable bitmap.
    dirty: Vec<usize>,
    stash: VecDeque<NodePlace>,
    cursors: [u64; 3],
    /// Freed in this generation, not yet clear in the bitmaps.
    freed: Vec<Run>,
    /// Freed in this generation and clear in the bitmaps.
    cleared: Vec<Run>,
    /// Freed in the generation before.
    held: Vec<Run>,
    /// Whether no commit was made since the mount.
    first_generation: bool,
    keep: u8,
    /// Set when something was freed that was not in use: the volume needs a check.
    pub inconsistent: bool,
}

impl Space {
    /// The space of a volume with these groups.
    pub fn new(geometry: Geometry, groups: Vec<Group>, keep: u8) -> Space {
        let available = groups.iter().map(|group| u64::from(group.free)).sum();
        let at = |eighths| eighths_of(&geometry, eighths);
        Space {
            geometry,
            groups,
            available,
            free: available,
            unread: available,
            dirty: Vec::new(),
            stash: VecDeque::new(),
            cursors: [at(0), at(4), at(1)],
            freed: Vec::new(),
            cleared: Vec::new(),
            held: Vec::new(),
            first_generation: true,
            keep,
            inconsistent: false,
        }
    }

    /// Clear blocks in the state that the next commit writes.
    pub fn free_blocks(&self) -> u64 {
        self.free
    }

    /// Blocks that become available by commits alone.
    pub fn pending(&self) -> u64 {
        let runs = self.freed.iter().chain(&self.cleared).chain(&self.held);
        runs.map(|run| run.blocks()).sum()
    }

    /// Runs freed since the last commit.
    pub fn freed_runs(&self) -> usize {
        self.freed.len().saturating_add(self.cleared.len())
    }

    /// Groups whose item the next commit has to write, at most.
    pub fn groups_to_write(&self) -> usize {
        let changed = self.dirty.len().saturating_add(self.freed.len());
        changed.min(self.groups.len())
    }

    /// Groups that differ from their durable bitmap.
    pub fn dirty_groups(&self) -> &[usize] {
        &self.dirty
    }

    /// A group by its number.
    pub fn group_mut(&mut self, index: usize) -> Option<&mut Group> {
        self.groups.get_mut(index)
    }

    fn note_dirty(&mut self, block: u64) {
        if let Some((index, _)) = self.geometry.locate(block)
            && let Some(group) = self.groups.get(index)
            && group.dirty
            && !self.dirty.contains(&index)
        {
            self.dirty.push(index);
        }
    }

    /// The groups.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The first group whose bitmap turned out to be damaged.
    pub fn damaged_group(&self) -> Option<usize> {
        self.groups.iter().position(|group| group.damaged)
    }
}

/// The block after so many eighths of the space in groups.
fn eighths_of(geometry: &Geometry, eighths: u64) -> u64 {
    let span = geometry.total_blocks.saturating_sub(geometry.groups_start);
    let distance = (span / 8).saturating_mul(eighths);
    geometry.groups_start.saturating_add(distance)
}
