//! Fixed places of a volume: superblocks, log, allocation groups.

use crate::word;
use core::ops::Range;

/// Size of a block in bytes; the unit of every address.
pub const BLOCK_BYTES: usize = 4096;
/// Blocks in an allocation group: one bitmap block describes it.
pub const GROUP_BLOCKS: u64 = GROUP_BITS as u64;
/// The same as the number of bits of that block.
pub const GROUP_BITS: usize = BLOCK_BYTES * 8;
/// Places at which superblocks are kept.
pub const PLACES: usize = 3;
/// Slots of a place; generation N is written to slot N & 1.
pub const SLOTS: u64 = 2;
/// Smallest volume in blocks (4 MiB).
pub const BLOCKS_MIN: u64 = 1024;
/// Largest volume in blocks: addresses use 48 bits.
pub const BLOCKS_MAX: u64 = 1 << 48;
/// Smallest allocation group; a shorter rest at the end of the volume is not used.
pub const GROUP_BLOCKS_MIN: u64 = 512;
/// Bitmap slots at the start of each group.
pub const BITMAP_SLOTS: u64 = 2;

/// First superblock place, behind the boot area of 64 KiB.
const PLACE0: u64 = 16;
/// Second place when the volume is large enough: 64 MiB.
const PLACE1: u64 = 16384;
/// Distance of the third place from the end: 1 MiB.
const PLACE2_FROM_END: u64 = 256;
const LOG_START: u64 = 32;
const LOG_BLOCKS_MIN: u64 = 256;

/// Where everything of fixed place is, derived from two numbers of the superblock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Blocks of the volume.
    pub total_blocks: u64,
    /// Size of a tree node in bytes: 4, 8 or 16 KiB.
    pub node_bytes: usize,
    /// First block of the intent log ring (reserved in this version).
    pub log_start: u64,
    /// Blocks of the log ring.
    pub log_blocks: u64,
    /// First block of group 0.
    pub groups_start: u64,
    /// Number of allocation groups.
    pub groups: usize,
}

impl Geometry {
    /// Derives the places; `None` when no volume can have these numbers.
    pub fn new(total_blocks: u64, node_bytes: usize) -> Option<Geometry> {
        if !matches!(node_bytes, 4096 | 8192 | 16384) {
            return None;
        }
        if !(BLOCKS_MIN..=BLOCKS_MAX).contains(&total_blocks) {
            return None;
        }
        let place1 = PLACE1.min(total_blocks / 2);
        // The log ends before the second place; for a volume that has 64 MiB or more
        // in front of it this caps the log a little below 64 MiB.
        let log_blocks = (total_blocks / 256).clamp(LOG_BLOCKS_MIN, PLACE1 - LOG_START);
        let mut groups_start = LOG_START.checked_add(log_blocks)?;
        if place1.abs_diff(groups_start) < SLOTS {
            groups_start = place1.checked_add(SLOTS)?;
        }
        let space = total_blocks.checked_sub(groups_start)?;
        let rest = space % GROUP_BLOCKS;
        let last = u64::from(rest >= GROUP_BLOCKS_MIN);
        let groups = (space / GROUP_BLOCKS).checked_add(last)?;
        Some(Geometry {
            total_blocks,
            node_bytes,
            log_start: LOG_START,
            log_blocks,
            groups_start,
            groups: usize::try_from(groups).ok()?,
        })
    }

    /// Blocks of one node.
    pub fn node_blocks(&self) -> u32 {
        word::count32(self.node_bytes / BLOCK_BYTES)
    }

    /// Block of a superblock slot.
    pub fn superblock(&self, place: usize, slot: u64) -> u64 {
        let first = match place {
            0 => PLACE0,
            1 => PLACE1.min(self.total_blocks / 2),
            _ => self.total_blocks.saturating_sub(PLACE2_FROM_END),
        };
        first.saturating_add(slot & 1)
    }

    /// Where a group starts, or would if there were so many.
    fn group_start(&self, group: usize) -> u64 {
        let offset = (group as u64).saturating_mul(GROUP_BLOCKS);
        self.groups_start.saturating_add(offset)
    }

    /// Blocks of a group, its bitmap slots included.
    pub fn group_range(&self, group: usize) -> Range<u64> {
        let (start, next) = (
            self.group_start(group),
            self.group_start(group.saturating_add(1)),
        );
        start.min(self.total_blocks)..next.min(self.total_blocks)
    }

    /// Blocks of all groups together.
    pub fn grouped_blocks(&self) -> u64 {
        let end = self.group_start(self.groups).min(self.total_blocks);
        end.saturating_sub(self.groups_start)
    }

    /// Block of a bitmap slot of a group.
    pub fn bitmap(&self, group: usize, slot: u8) -> u64 {
        let first = self.group_range(group).start;
        first.saturating_add(u64::from(slot & 1))
    }

    /// Group and bit that stand for a block; `None` outside of all groups.
    pub fn locate(&self, block: u64) -> Option<(usize, usize)> {
        let offset = block.checked_sub(self.groups_start)?;
        let group = usize::try_from(offset / GROUP_BLOCKS).ok()?;
        let inside = group < self.groups && block < self.total_blocks;
        inside.then_some((group, (offset % GROUP_BLOCKS) as usize))
    }

    /// Whether a run lies in one group and touches nothing fixed.
    pub fn is_allocatable(&self, start: u64, blocks: u32) -> bool {
        let Some(last) = start.checked_add(u64::from(blocks).saturating_sub(1)) else {
            return false;
        };
        let (Some((first_group, _)), Some((last_group, _))) =
            (self.locate(start), self.locate(last))
        else {
            return false;
        };
        let crosses = |fixed: u64| (start..=last).contains(&fixed);
        let superblock =
            (1..PLACES).any(|place| (0..SLOTS).any(|slot| crosses(self.superblock(place, slot))));
        let bitmap = (0..2).any(|slot| crosses(self.bitmap(first_group, slot)));
        blocks > 0 && first_group == last_group && !superblock && !bitmap
    }

    /// Fixed blocks of a group, as bits.
    pub fn fixed_bits(&self, group: usize) -> impl Iterator<Item = usize> {
        let range = self.group_range(group);
        let tail = word::index(range.end.saturating_sub(range.start))..GROUP_BITS;
        let supers = (1..PLACES)
            .flat_map(move |place| (0..SLOTS).map(move |slot| (place, slot)))
            .map(|(place, slot)| self.superblock(place, slot))
            .filter(move |block| range.contains(block))
            .filter_map(|block| self.locate(block).map(|(_, bit)| bit));
        (0..word::index(BITMAP_SLOTS)).chain(supers).chain(tail)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn fixed_places_never_overlap() {
        let sizes = [
            1024,
            2048,
            16384,
            32768,
            65536,
            524_288,
            4_194_304,
            268_435_456,
        ];
        for total in sizes
            .into_iter()
            .flat_map(|size| [size, size + 1, size + 777])
        {
            let geometry = Geometry::new(total, 4096).unwrap();
            let mut fixed: Vec<u64> = (0..3)
                .flat_map(|place| (0..2).map(move |slot| geometry.superblock(place, slot)))
                .collect();
            fixed.extend((0..geometry.groups).flat_map(|g| [0, 1].map(|s| geometry.bitmap(g, s))));
            let count = fixed.len();
            fixed.sort_unstable();
            fixed.dedup();
            assert_eq!(
                fixed.len(),
                count,
                "{total} blocks: two fixed places coincide"
            );
            let log = geometry.log_start..geometry.log_start + geometry.log_blocks;
            assert!(
                fixed.iter().all(|block| !log.contains(block)),
                "{total}: inside the log"
            );
            assert!(fixed.iter().all(|block| *block < total), "{total}: outside");
            assert!(geometry.groups_start >= log.end);
        }
    }

    #[test]
    fn refuses_impossible_numbers() {
        assert!(Geometry::new(BLOCKS_MIN - 1, 4096).is_none());
        assert!(Geometry::new(BLOCKS_MAX + 1, 4096).is_none());
        assert!(Geometry::new(BLOCKS_MIN, 5000).is_none());
        assert!(Geometry::new(BLOCKS_MIN, 16384).is_some());
    }
}
