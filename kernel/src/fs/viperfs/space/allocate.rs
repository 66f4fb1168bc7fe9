//! Giving out blocks.

use core::ops::Range;

use super::{NodePlace, Purpose, Run, Space, eighths_of};
use crate::block::BlockDevice;
use crate::fs::viperfs::disk::Disk;
use crate::fs::viperfs::error::{Error, Result};
use crate::word;

impl Space {
    /// Fills the stash with places for `nodes` nodes and makes sure that `data` blocks
    /// more are in groups that were read.
    ///
    /// Fails with `NoSpace` when `keep_back` blocks would not be left over.
    pub fn reserve<D: BlockDevice>(
        &mut self,
        disk: &mut Disk<D>,
        nodes: usize,
        data: u64,
        keep_back: u64,
    ) -> Result<()> {
        let missing = nodes.saturating_sub(self.stash.len()) as u64;
        let per_node = u64::from(self.geometry.node_blocks()).saturating_mul(2);
        let needed = missing.saturating_mul(per_node).saturating_add(data);
        if missing == 0 && data == 0 && keep_back == 0 {
            return Ok(());
        }
        self.load_for(disk, needed)?;
        if self.available < needed.saturating_add(keep_back) {
            return Err(Error::NoSpace);
        }
        while self.stash.len() < nodes {
            let place = self.place_node().ok_or(Error::NoSpace)?;
            self.stash.push_back(place);
        }
        Ok(())
    }

    /// A place for a node out of the stash.
    pub fn take_node(&mut self) -> Result<NodePlace> {
        let place = self.stash.pop_front().ok_or(Error::NoSpace)?;
        let len = self.geometry.node_blocks();
        self.mark_used(Run {
            start: place.addr0,
            len,
        });
        self.mark_used(Run {
            start: place.addr1,
            len,
        });
        Ok(place)
    }

    /// Takes up to `want` blocks of data in one run.
    pub fn take_data(&mut self, want: u32) -> Result<Run> {
        let run = self
            .find(Purpose::Data, want, want)
            .or_else(|| self.find(Purpose::Data, want, 1))
            .ok_or(Error::NoSpace)?;
        self.mark_busy(run);
        self.mark_used(run);
        Ok(run)
    }

    /// Whether the whole run was given out since the last commit.
    pub fn is_fresh(&self, run: Run) -> bool {
        (run.start..run.end()).all(|block| {
            let place = self.geometry.locate(block);
            let group = place.and_then(|(group, bit)| Some((self.groups.get(group)?, bit)));
            let maps = group.and_then(|(group, bit)| Some((group.maps.as_ref()?, bit)));
            maps.is_some_and(|(maps, bit)| maps.fresh.get(bit))
        })
    }

    fn place_node(&mut self) -> Option<NodePlace> {
        let len = self.geometry.node_blocks();
        let first = self.find(Purpose::FirstCopy, len, len)?;
        self.mark_busy(first);
        let Some(second) = self.find(Purpose::SecondCopy, len, len) else {
            self.release_busy(first);
            return None;
        };
        self.mark_busy(second);
        Some(NodePlace {
            addr0: first.start,
            addr1: second.start,
        })
    }

    /// Reads groups until those that were read have room: first the ones where the
    /// cursors are, then the others in order.
    fn load_for<D: BlockDevice>(&mut self, disk: &mut Disk<D>, needed: u64) -> Result<()> {
        for cursor in self.cursors {
            if let Some((group, _)) = self.geometry.locate(cursor) {
                self.load(disk, group)?;
            }
        }
        // A run of several blocks wants more room than the count says.
        let wanted = needed.saturating_mul(2);
        if self.unread == 0 || self.available.saturating_sub(self.unread) >= wanted {
            return Ok(());
        }
        for index in 0..self.groups.len() {
            self.load(disk, index)?;
            if self.available.saturating_sub(self.unread) >= wanted {
                break;
            }
        }
        Ok(())
    }

    /// Looks from the cursor of the purpose on: in its own part of the volume, then in
    /// all of it.
    fn find(&mut self, purpose: Purpose, want: u32, min: u32) -> Option<Run> {
        let cursor = *self.cursors.get(purpose as usize)?;
        let home = self.home(purpose);
        let whole = self.geometry.groups_start..self.geometry.total_blocks;
        let ranges = [
            cursor.clamp(home.start, home.end)..home.end,
            home.start..cursor.clamp(home.start, home.end),
            home.end..whole.end,
            whole.start..home.start,
        ];
        let found = ranges
            .into_iter()
            .find_map(|range| self.find_in(range, want, min))?;
        if home.contains(&found.start) {
            let next = found.end();
            if let Some(cursor) = self.cursors.get_mut(purpose as usize) {
                *cursor = next;
            }
        }
        Some(found)
    }

    fn home(&self, purpose: Purpose) -> Range<u64> {
        let at = |eighths| eighths_of(&self.geometry, eighths);
        match purpose {
            Purpose::FirstCopy => at(0)..at(1),
            Purpose::SecondCopy => at(4)..at(5),
            Purpose::Data => at(1)..at(4),
        }
    }

    fn find_in(&self, range: Range<u64>, want: u32, min: u32) -> Option<Run> {
        if range.is_empty() {
            return None;
        }
        let (first, _) = self.geometry.locate(range.start)?;
        for (index, group) in self.groups.iter().enumerate().skip(first) {
            let blocks = self.geometry.group_range(index);
            if blocks.start >= range.end {
                break;
            }
            let Some(maps) = &group.maps else { continue };
            let bit_of = |block: u64| word::index(block.saturating_sub(blocks.start));
            let (from, to) = (bit_of(range.start), bit_of(range.end.min(blocks.end)));
            if let Some((bit, len)) = maps.busy.find_clear(from, to, want as usize, min as usize) {
                return Some(Run {
                    start: blocks.start.saturating_add(bit as u64),
                    len: word::count32(len),
                });
            }
        }
        None
    }

    fn mark_busy(&mut self, run: Run) {
        self.for_each_bit(run, |group, bit| {
            if let Some(maps) = &mut group.maps {
                maps.busy.put(bit, true);
            }
        });
        self.available = self.available.saturating_sub(u64::from(run.len));
    }

    fn mark_used(&mut self, run: Run) {
        let mut taken = 0u64;
        self.for_each_bit(run, |group, bit| {
            if let Some(maps) = &mut group.maps
                && !maps.used.put(bit, true)
            {
                maps.fresh.put(bit, true);
                group.free = group.free.saturating_sub(1);
                group.dirty = true;
                taken = taken.saturating_add(1);
            }
        });
        self.free = self.free.saturating_sub(taken);
        self.note_dirty(run.start);
    }
}
