//! Taking blocks back, and what a commit does to them.

use alloc::vec::Vec;

use super::{Group, KEEP_GENERATIONS, Run, Space};
use crate::block::BlockDevice;
use crate::fs::viperfs::disk::Disk;
use crate::fs::viperfs::error::Result;

impl Space {
    /// Frees a run: at once when it was given out in this generation, else deferred.
    pub fn free(&mut self, run: Run) {
        if !self.geometry.is_allocatable(run.start, run.len) {
            self.inconsistent = true;
            return;
        }
        self.free = self.free.saturating_add(run.blocks());
        let mut deferred: Option<Run> = None;
        for block in run.start..run.end() {
            if self.free_fresh(block) {
                self.freed.extend(deferred.take());
                continue;
            }
            match &mut deferred {
                Some(run) => run.len = run.len.saturating_add(1),
                None => {
                    deferred = Some(Run {
                        start: block,
                        len: 1,
                    })
                }
            }
        }
        self.freed.extend(deferred);
        if self.keep == 0 {
            self.forget_deferral();
        }
    }

    /// Clears what was freed in the bitmaps that the commit will write; reads the
    /// groups it needs. Returns whether there was anything.
    pub fn apply_frees<D: BlockDevice>(&mut self, disk: &mut Disk<D>) -> Result<bool> {
        let any = !self.freed.is_empty();
        for index in 0..self.freed.len() {
            let Some(run) = self.freed.get(index).copied() else {
                break;
            };
            if let Some((group, _)) = self.geometry.locate(run.start) {
                self.load(disk, group)?;
            }
            self.clear_used(run);
        }
        if self.cleared.is_empty() {
            core::mem::swap(&mut self.cleared, &mut self.freed);
        } else {
            self.cleared.append(&mut self.freed);
        }
        Ok(any)
    }

    /// The next commit's bitmaps are durable: what was freed a generation ago may be
    /// given out, and what was given out is no longer fresh.
    pub fn committed(&mut self) {
        let released = core::mem::take(&mut self.held);
        self.held = core::mem::take(&mut self.cleared);
        if self.keep < KEEP_GENERATIONS {
            let early = core::mem::take(&mut self.held);
            early.into_iter().for_each(|run| self.release_busy(run));
        }
        released.into_iter().for_each(|run| self.release_busy(run));
        self.first_generation = false;
        for index in core::mem::take(&mut self.dirty) {
            let Some(group) = self.groups.get_mut(index) else {
                continue;
            };
            group.dirty = false;
            group.touched = false;
            if let Some(maps) = &mut group.maps {
                maps.fresh.clear_all();
            }
        }
    }

    /// Gives out what the last commit before the mount freed, after all, when not even
    /// a commit finds room; whether that was anything. What is lost is the way back
    /// to the state before the mounted one, until the next commit.
    pub fn release_pins(&mut self) -> bool {
        let pins = if self.first_generation {
            core::mem::take(&mut self.held)
        } else {
            Vec::new()
        };
        let any = !pins.is_empty();
        pins.into_iter().for_each(|run| self.release_busy(run));
        any
    }

    pub(super) fn release_busy(&mut self, run: Run) {
        let mut released = 0u64;
        self.for_each_bit(run, |group, bit| {
            if let Some(maps) = &mut group.maps
                && !maps.used.get(bit)
                && maps.busy.put(bit, false)
            {
                released = released.saturating_add(1);
            }
        });
        self.available = self.available.saturating_add(released);
    }

    pub(super) fn for_each_bit(&mut self, run: Run, mut visit: impl FnMut(&mut Group, usize)) {
        for block in run.start..run.end() {
            if let Some((index, bit)) = self.geometry.locate(block)
                && let Some(group) = self.groups.get_mut(index)
            {
                visit(group, bit);
            }
        }
    }

    /// Frees a block that no durable state knows; `false` when one does.
    fn free_fresh(&mut self, block: u64) -> bool {
        let Some((index, bit)) = self.geometry.locate(block) else {
            return false;
        };
        let Some(group) = self.groups.get_mut(index) else {
            return false;
        };
        let Some(maps) = &mut group.maps else {
            return false;
        };
        if !maps.fresh.put(bit, false) {
            return false;
        }
        maps.used.put(bit, false);
        maps.busy.put(bit, false);
        group.free = group.free.saturating_add(1);
        self.available = self.available.saturating_add(1);
        true
    }

    fn clear_used(&mut self, run: Run) {
        let mut unused = 0u64;
        self.for_each_bit(run, |group, bit| {
            let Some(maps) = &mut group.maps else { return };
            if maps.used.put(bit, false) {
                group.free = group.free.saturating_add(1);
                group.dirty = true;
            } else {
                unused = unused.saturating_add(1);
            }
        });
        self.note_dirty(run.start);
        self.free = self.free.saturating_sub(unused);
        self.inconsistent |= unused > 0;
    }

    /// What a careless allocator would do; only tests ask for it, to see that the
    /// crash checker finds it.
    fn forget_deferral(&mut self) {
        for run in core::mem::take(&mut self.freed) {
            self.clear_used(run);
            self.release_busy(run);
        }
    }
}
