//! Reading and rebuilding the bitmaps of groups.

use super::group::Maps;
use super::{Bitmap, Run, Space};
use crate::block::BlockDevice;
use crate::fs::viperfs::disk::Disk;
use crate::fs::viperfs::error::{Error, Result};
use crate::fs::viperfs::layout::geometry::BITMAP_SLOTS;
use crate::fs::viperfs::layout::{BLOCK_BYTES, Geometry};
use crate::word;

impl Space {
    /// Reads the bitmaps of a group unless that was done.
    ///
    /// A damaged bitmap is no error: the group is marked, gives out nothing and waits
    /// for [`install`](Self::install).
    pub fn load<D: BlockDevice>(&mut self, disk: &mut Disk<D>, index: usize) -> Result<()> {
        let geometry = self.geometry;
        let Some(group) = self.groups.get_mut(index) else {
            return Ok(());
        };
        if group.maps.is_some() || group.damaged {
            return Ok(());
        }
        let unread = u64::from(group.free);
        if group.pristine {
            self.unread = self.unread.saturating_sub(unread);
            let used = fixed_bitmap(&geometry, index);
            self.adopt(index, used, None, unread);
            return Ok(());
        }
        let first = geometry.bitmap(index, 0);
        let both = disk.read(first, word::index(BITMAP_SLOTS));
        if let Err(Error::NoMemory) = both {
            return Err(Error::NoMemory);
        }
        self.unread = self.unread.saturating_sub(unread);
        let slots = both
            .as_ref()
            .ok()
            .and_then(|bytes| bytes.split_at_checked(BLOCK_BYTES));
        let Some((slot0, slot1)) = slots else {
            group.damaged = true;
            self.available = self.available.saturating_sub(unread);
            return Ok(());
        };
        let (current, other) = if group.slot == 0 {
            (slot0, slot1)
        } else {
            (slot1, slot0)
        };
        if !group.accepts(current) {
            group.damaged = true;
            self.available = self.available.saturating_sub(unread);
            return Ok(());
        }
        let other = self.first_generation.then(|| Bitmap::from_block(other));
        self.adopt(index, Bitmap::from_block(current), other, unread);
        Ok(())
    }

    /// Gives a damaged group the bitmap that a walk of all trees has found.
    pub fn install(&mut self, index: usize, mut used: Bitmap) {
        used.merge(&fixed_bitmap(&self.geometry, index));
        self.adopt(index, used, None, 0);
        if let Some(group) = self.groups.get_mut(index) {
            group.damaged = false;
            group.dirty = true;
        }
        self.note_dirty(self.geometry.group_range(index).start);
    }

    /// Takes a bitmap for true. What the slot of an earlier commit has in addition
    /// was freed by the last commit, and stays untouched for one more. `counted` is what
    /// the group stands for in `available` so far.
    fn adopt(&mut self, index: usize, mut used: Bitmap, earlier: Option<Bitmap>, counted: u64) {
        used.merge(&fixed_bitmap(&self.geometry, index));
        let range = self.geometry.group_range(index);
        let clear = used.count_zeros();
        let mut maps = Maps::new(used);
        let mut pinned = 0u64;
        if let Some(earlier) = earlier {
            for (start, len) in earlier.without(&maps.used).runs() {
                self.held.push(Run {
                    start: range.start.saturating_add(start as u64),
                    len: word::count32(len),
                });
                pinned = pinned.saturating_add(len as u64);
            }
            maps.busy.merge(&earlier);
        }
        for run in self.freed.iter().chain(&self.cleared).chain(&self.held) {
            let inside = range.contains(&run.start);
            let first = word::index(run.start.saturating_sub(range.start));
            let bits = if inside {
                first..first.saturating_add(run.len as usize)
            } else {
                0..0
            };
            for bit in bits {
                let more = u64::from(!maps.busy.put(bit, true));
                pinned = pinned.saturating_add(more);
            }
        }
        if let Some(group) = self.groups.get_mut(index) {
            // The count in the item may be wrong on a damaged disk.
            let usable = (clear as u64).saturating_sub(pinned);
            let others = self.available.saturating_sub(counted);
            self.available = others.saturating_add(usable);
            let with_group = self.free.saturating_add(clear as u64);
            self.free = with_group.saturating_sub(u64::from(group.free));
            group.free = word::count32(clear);
            group.maps = Some(maps);
        }
    }
}

/// The bitmap of a group in which nothing was ever allocated.
pub(crate) fn fixed_bitmap(geometry: &Geometry, group: usize) -> Bitmap {
    let mut map = Bitmap::new();
    for bit in geometry.fixed_bits(group) {
        map.put(bit, true);
    }
    map
}
