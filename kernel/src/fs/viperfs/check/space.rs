//! Phase 3: bitmaps against what the trees refer to.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use super::Check;
use super::items::Roots;
use crate::block::BlockDevice;
use crate::fs::viperfs::layout::Geometry;
use crate::fs::viperfs::layout::checksum::block_sum;
use crate::fs::viperfs::layout::group::{GroupItem, PRISTINE};
use crate::fs::viperfs::space::{Bitmap, Run, fixed_bitmap};

/// A bit for each block that something refers to.
pub(super) struct BlockMap {
    groups: Vec<Option<Bitmap>>,
    geometry: Geometry,
}

impl BlockMap {
    pub fn new(geometry: &Geometry) -> BlockMap {
        BlockMap {
            groups: vec![None; geometry.groups],
            geometry: *geometry,
        }
    }

    /// Marks blocks; fails with the first that was marked before.
    pub fn claim(&mut self, run: Run) -> Result<(), u64> {
        let mut outcome = Ok(());
        for block in run.start..run.end() {
            let Some((group, bit)) = self.geometry.locate(block) else {
                continue;
            };
            let Some(map) = self.groups.get_mut(group) else {
                continue;
            };
            if map.get_or_insert_with(Bitmap::new).put(bit, true) {
                outcome = outcome.and(Err(block));
            }
        }
        outcome
    }

    fn used(&self, group: usize) -> Bitmap {
        let mut used = fixed_bitmap(&self.geometry, group);
        if let Some(Some(map)) = self.groups.get(group) {
            used.merge(map);
        }
        used
    }
}

impl<D: BlockDevice> Check<'_, D> {
    pub(super) fn compare_space(&mut self, roots: &Roots) {
        let groups = self.geometry.groups as u64;
        let beyond = roots
            .groups
            .keys()
            .filter(|index| **index >= groups)
            .count();
        if beyond > 0 {
            self.report
                .add(3, None, format!("{beyond} groups lie behind the volume"));
        }
        for index in 0..self.geometry.groups {
            match roots.groups.get(&(index as u64)) {
                Some(item) => self.compare_group(index, item),
                None => self
                    .report
                    .add(3, None, format!("group {index} has no item")),
            }
        }
    }

    fn compare_group(&mut self, index: usize, item: &GroupItem) {
        let first = self.geometry.group_range(index).start;
        let used = self.blocks.used(index);
        let Some(recorded) = self.recorded(index, item) else {
            return;
        };
        let free = recorded.count_zeros();
        let counts = &mut self.report.counts;
        counts.free_blocks = counts.free_blocks.saturating_add(free as u64);
        for (bit, len) in recorded.without(&used).runs() {
            let text = format!("{len} blocks are marked as used and nothing uses them");
            self.report
                .add(3, Some(first.saturating_add(bit as u64)), text);
        }
        for (bit, len) in used.without(&recorded).runs() {
            let text = format!("{len} blocks are used and marked as free");
            self.report
                .add(3, Some(first.saturating_add(bit as u64)), text);
        }
        if free as u64 != u64::from(item.free.get()) {
            let text = format!(
                "group {index} counts {} free blocks, not {free}",
                item.free.get()
            );
            self.report.add(3, Some(first), text);
        }
    }

    /// The bitmap that the volume would use.
    fn recorded(&mut self, index: usize, item: &GroupItem) -> Option<Bitmap> {
        let places = [0, 1].map(|slot| self.geometry.bitmap(index, slot));
        if item.bitmaps.map(|place| place.get()) != places || item.slot > 1 {
            let text = format!("group {index} has its bitmaps at a wrong place");
            self.report.add(3, places.first().copied(), text);
            return None;
        }
        if item.flags & PRISTINE != 0 {
            return Some(fixed_bitmap(&self.geometry, index));
        }
        let block = self.geometry.bitmap(index, item.slot);
        let bytes = match self.disk.read(block, 1) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.report
                    .add(3, Some(block), format!("a bitmap: {error}"));
                return None;
            }
        };
        if block_sum(&bytes) != item.checksum.get() {
            self.report
                .add(3, Some(block), "a bitmap has the wrong checksum".into());
            return None;
        }
        Some(Bitmap::from_block(&bytes))
    }
}
