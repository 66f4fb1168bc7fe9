//! Mappings of an address space: ranges with a backing and permissions.
#![forbid(unsafe_code)]

use alloc::vec::Vec;

use crate::arch::PageFlags;
use crate::limits::MAPPINGS_MAX;
use crate::sync::{Ref, Tie};

use super::memory::MemoryPages;

/// Where the pages of a mapping come from.
#[derive(Clone, Debug)]
pub enum Backing {
    /// Zeroed pages of its own.
    Anonymous,
    /// Pages of a Memory, from a page number on.
    Memory {
        /// The Memory.
        pages: Ref<MemoryPages>,
        /// Page of the Memory at the start of the mapping.
        first: u64,
        /// Bytes of the Memory that show, from the start of the mapping on; what lies
        /// behind them in the last page reads as zeros (private mappings only).
        bytes: u64,
        /// Stores go to pages of the mapping's own.
        private: bool,
    },
}

impl Backing {
    /// The Memory that has to know who maps it: one whose pages may change place.
    pub(super) fn watched(&self) -> Option<&Ref<MemoryPages>> {
        match self {
            Backing::Memory { pages, .. } if pages.is_anonymous() => Some(pages),
            _ => None,
        }
    }
}

/// One mapping.
#[derive(Clone, Debug)]
pub(super) struct Vma {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) flags: PageFlags,
    /// Most that `protect` may ever allow.
    pub(super) most: PageFlags,
    pub(super) backing: Backing,
    /// What it lasts no longer than.
    pub(super) tie: Option<Ref<dyn Tie>>,
    /// It is being unmapped: its place is taken, but nothing more is mapped there.
    pub(super) dying: bool,
}

impl Vma {
    /// Whether stores go to pages that others see.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self.backing, Backing::Memory { private: false, .. })
    }

    /// The part of the mapping that shows the pages `first..end` of `memory`, as addresses.
    pub(super) fn shows(&self, memory: &MemoryPages, first: u64, end: u64) -> Option<(u64, u64)> {
        let Backing::Memory {
            pages, first: own, ..
        } = &self.backing
        else {
            return None;
        };
        if !core::ptr::eq(&**pages, memory) {
            return None;
        }
        let at = |page: u64| {
            let skipped = page.saturating_sub(*own).saturating_mul(super::PAGE);
            self.start.saturating_add(skipped).min(self.end)
        };
        let (start, end) = (at(first), at(end));
        (start < end).then_some((start, end))
    }

    /// The part of this mapping from `at` on, with the backing moved along.
    fn tail(&self, at: u64) -> Vma {
        let mut tail = self.clone();
        tail.start = at;
        if let Backing::Memory { first, bytes, .. } = &mut tail.backing {
            let skipped = at.saturating_sub(self.start);
            *first = first.saturating_add(skipped / super::PAGE);
            *bytes = bytes.saturating_sub(skipped);
        }
        tail
    }
}

/// The mappings of an address space, sorted by address, never overlapping.
#[derive(Debug, Default)]
pub(super) struct VmaList {
    list: Vec<Vma>,
    /// Where the last search ended; faults come in runs.
    recent: usize,
}

/// There are too many mappings, or no memory for one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum VmaError {
    TooMany,
    NoMemory,
}

impl VmaList {
    /// The mapping that contains `address`.
    pub(super) fn find(&self, address: u64) -> Option<&Vma> {
        let index = self.list.partition_point(|vma| vma.end <= address);
        self.list.get(index).filter(|vma| vma.start <= address)
    }

    /// As [`VmaList::find`], looking first where the last search ended.
    #[inline]
    pub(super) fn find_again(&mut self, address: u64) -> Option<&Vma> {
        let contains = |vma: &Vma| vma.start <= address && address < vma.end;
        let recent = self.recent;
        if !self.list.get(recent).is_some_and(contains) {
            self.recent = self.list.partition_point(|vma| vma.end <= address);
            return self.list.get(self.recent).filter(|vma| contains(vma));
        }
        self.list.get(recent)
    }

    /// Whether nothing is mapped in a range.
    pub(super) fn is_free(&self, start: u64, end: u64) -> bool {
        let index = self.list.partition_point(|vma| vma.end <= start);
        self.list.get(index).is_none_or(|vma| vma.start >= end)
    }

    /// The lowest free range of `bytes` in `from..to`, with `gap` free on both sides.
    pub(super) fn find_free(&self, bytes: u64, gap: u64, from: u64, to: u64) -> Option<u64> {
        let mut place = from;
        let first = self.list.partition_point(|vma| vma.end <= from);
        for vma in self.list.iter().skip(first) {
            if place.checked_add(bytes)?.checked_add(gap)? <= vma.start {
                break;
            }
            place = place.max(vma.end.checked_add(gap)?);
        }
        (place.checked_add(bytes)? <= to).then_some(place)
    }

    fn reserve(&mut self, more: usize) -> Result<(), VmaError> {
        if self.list.len().saturating_add(more) > MAPPINGS_MAX {
            return Err(VmaError::TooMany);
        }
        self.list.try_reserve(more).map_err(|_| VmaError::NoMemory)
    }

    /// Adds a mapping; its range must be free. Joins it with an equal neighbour before it.
    pub(super) fn insert(&mut self, vma: Vma) -> Result<(), VmaError> {
        debug_assert!(self.is_free(vma.start, vma.end));
        let index = self.list.partition_point(|other| other.end <= vma.start);
        if let Some(before) = index.checked_sub(1).and_then(|at| self.list.get_mut(at)) {
            let anonymous = matches!(
                (&before.backing, &vma.backing),
                (Backing::Anonymous, Backing::Anonymous)
            );
            let same = before.flags == vma.flags && before.most == vma.most;
            if anonymous && same && !before.dying && before.end == vma.start {
                before.end = vma.end;
                return Ok(());
            }
        }
        self.reserve(1)?;
        self.list.insert(index, vma);
        Ok(())
    }

    /// The mappings that overlap a range.
    pub(super) fn within(&self, start: u64, end: u64) -> impl Iterator<Item = &Vma> {
        let first = self.list.partition_point(|vma| vma.end <= start);
        let rest = self.list.get(first..).unwrap_or(&[]);
        rest.iter().take_while(move |vma| vma.start < end)
    }

    /// Every mapping.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Vma> {
        self.list.iter()
    }

    /// Whether any mapping that is not dying shows `memory`.
    pub(super) fn maps(&self, memory: &Ref<MemoryPages>) -> bool {
        let shows = |vma: &Vma| {
            vma.backing
                .watched()
                .is_some_and(|pages| pages.same(memory))
        };
        self.list.iter().any(|vma| !vma.dying && shows(vma))
    }

    /// The same mappings for another space, but for those that are dying.
    pub(super) fn try_clone(&self) -> Result<VmaList, VmaError> {
        let mut list = Vec::new();
        list.try_reserve_exact(self.list.len())
            .map_err(|_| VmaError::NoMemory)?;
        list.extend(self.list.iter().filter(|vma| !vma.dying).cloned());
        Ok(VmaList { list, recent: 0 })
    }

    /// Whether all of a range is mapped.
    pub(super) fn covers(&self, start: u64, end: u64) -> bool {
        let mut covered = start;
        for vma in self.within(start, end) {
            if vma.start > covered {
                return false;
            }
            covered = vma.end;
        }
        covered >= end
    }

    /// Makes `start` and `end` edges of mappings, by splitting those that span them.
    pub(super) fn make_edges(&mut self, start: u64, end: u64) -> Result<(), VmaError> {
        for edge in [start, end] {
            let index = self.list.partition_point(|vma| vma.end <= edge);
            if self.list.get(index).is_some_and(|vma| vma.start < edge) {
                self.split_at_edges(start, end)?;
            }
        }
        Ok(())
    }

    fn split_at_edges(&mut self, start: u64, end: u64) -> Result<(), VmaError> {
        self.reserve(2)?;
        for edge in [start, end] {
            let index = self.list.partition_point(|vma| vma.end <= edge);
            if let Some(vma) = self.list.get_mut(index)
                && vma.start < edge
            {
                let tail = vma.tail(edge);
                vma.end = edge;
                self.list.insert(index.saturating_add(1), tail);
            }
        }
        Ok(())
    }

    /// Marks the mappings inside a range whose ends are edges.
    pub(super) fn let_die(&mut self, start: u64, end: u64) {
        let first = self.list.partition_point(|vma| vma.end <= start);
        for vma in self.list.iter_mut().skip(first) {
            if vma.start >= end {
                break;
            }
            vma.dying = true;
        }
    }

    /// Removes the marked mappings inside a range.
    pub(super) fn remove_dying(&mut self, start: u64, end: u64) {
        let first = self.list.partition_point(|vma| vma.end <= start);
        let last = self.list.partition_point(|vma| vma.start < end);
        let inside = self.list.get(first..last).unwrap_or(&[]);
        if inside.iter().all(|vma| vma.dying) {
            self.list.drain(first.min(last)..last);
        } else {
            self.list
                .retain(|vma| !vma.dying || vma.end <= start || vma.start >= end);
        }
    }

    /// Removes every mapping in a range.
    #[cfg(test)]
    pub(super) fn remove(&mut self, start: u64, end: u64) -> Result<(), VmaError> {
        self.make_edges(start, end)?;
        self.let_die(start, end);
        self.remove_dying(start, end);
        Ok(())
    }

    /// Sets the permissions of a range, all of which must be mapped and may become so.
    ///
    /// `Ok(false)`: a part is not mapped, or may not have these permissions; nothing changed.
    pub(super) fn protect(
        &mut self,
        start: u64,
        end: u64,
        flags: PageFlags,
    ) -> Result<Protected, VmaError> {
        let mut covered = start;
        let first = self.list.partition_point(|vma| vma.end <= start);
        for vma in self.list.iter().skip(first) {
            if vma.start > covered || covered >= end {
                break;
            }
            if vma.dying {
                return Ok(Protected::NotMapped);
            }
            if !vma.most.contains(flags) {
                return Ok(Protected::Denied);
            }
            covered = vma.end;
        }
        if covered < end {
            return Ok(Protected::NotMapped);
        }
        self.make_edges(start, end)?;
        for vma in &mut self.list {
            if vma.start >= start && vma.end <= end {
                vma.flags = flags;
            }
        }
        Ok(Protected::Done)
    }

    /// Number of mappings.
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }
}

/// Outcome of [`VmaList::protect`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protected {
    Done,
    NotMapped,
    Denied,
}

#[cfg(test)]
mod tests {
    use super::*;

    const RW: PageFlags = PageFlags::WRITE.union(PageFlags::USER);
    const RO: PageFlags = PageFlags::USER;

    fn vma(start: u64, end: u64, flags: PageFlags) -> Vma {
        Vma {
            start,
            end,
            flags,
            most: RW,
            backing: Backing::Anonymous,
            tie: None,
            dying: false,
        }
    }

    fn ranges(list: &VmaList) -> Vec<(u64, u64, bool)> {
        list.list
            .iter()
            .map(|vma| (vma.start, vma.end, vma.flags.contains(PageFlags::WRITE)))
            .collect()
    }

    #[test]
    fn neighbours_join_and_holes_split() {
        let mut list = VmaList::default();
        list.insert(vma(0x1000, 0x3000, RW)).unwrap();
        list.insert(vma(0x3000, 0x8000, RW)).unwrap();
        assert_eq!(ranges(&list), [(0x1000, 0x8000, true)]);
        list.remove(0x2000, 0x3000).unwrap();
        assert_eq!(
            ranges(&list),
            [(0x1000, 0x2000, true), (0x3000, 0x8000, true)]
        );
        assert!(list.find(0x2000).is_none());
        assert_eq!(list.find(0x7fff).unwrap().start, 0x3000);
        list.remove(0, 0x10000).unwrap();
        assert_eq!(list.len(), 0);
    }

    #[test]
    fn protecting_a_part_splits_and_a_hole_refuses() {
        let mut list = VmaList::default();
        list.insert(vma(0x1000, 0x5000, RW)).unwrap();
        assert_eq!(list.protect(0x2000, 0x3000, RO), Ok(Protected::Done));
        let split = [
            (0x1000, 0x2000, true),
            (0x2000, 0x3000, false),
            (0x3000, 0x5000, true),
        ];
        assert_eq!(ranges(&list), split);
        assert_eq!(list.protect(0x4000, 0x6000, RO), Ok(Protected::NotMapped));
        let execute = PageFlags::EXECUTE.union(PageFlags::USER);
        assert_eq!(list.protect(0x1000, 0x2000, execute), Ok(Protected::Denied));
        assert_eq!(ranges(&list), split);
    }

    #[test]
    fn free_ranges_keep_their_distance() {
        let mut list = VmaList::default();
        list.insert(vma(0x10000, 0x20000, RW)).unwrap();
        list.insert(vma(0x30000, 0x40000, RW)).unwrap();
        assert_eq!(list.find_free(0x1000, 0, 0x10000, 1 << 40), Some(0x20000));
        assert_eq!(
            list.find_free(0x10000, 0x1000, 0x10000, 1 << 40),
            Some(0x41000)
        );
        assert_eq!(list.find_free(0x1_1000, 0, 0x10000, 0x4_8000), None);
        assert_eq!(list.find_free(u64::MAX, 0x1000, 0x10000, u64::MAX), None);
    }
}
