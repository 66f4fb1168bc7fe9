//! Clones of anonymous Memories, and their change of size.
//!
//! A clone has the pages of its original, *lent*: neither side may write them. The first
//! store to a lent page gives the side that stores a copy of its own, so it does not matter
//! how many clones there are and of what depth; the count of a page's references says
//! whether anybody else still has it.
//!
//! To lend its pages a Memory takes write permission from everybody who maps them. Until
//! that is done the Memory is frozen: a store waits, so that a clone never has a later
//! store without an earlier one.
#![forbid(unsafe_code)]

use core::ops::ControlFlow;

use crate::arch::Descriptor;
use crate::sync::Ref;
use crate::sync::atomic::Ordering;

use super::PAGE;
use super::address_space::AddressSpace;
use super::memory::{MemoryPages, SourceError};
use super::page_map::PageMap;
use super::reclaim::reclaim;

/// Pages that are lent under one hold of the lock.
const RUN: usize = 64;

impl MemoryPages {
    /// A Memory with the same contents, of which neither sees the other's later stores.
    /// May sleep.
    ///
    /// # Errors
    /// [`SourceError::NoMemory`].
    pub fn clone_pages(&self) -> Result<MemoryPages, SourceError> {
        let _changing = self.changing.lock();
        self.frozen.store(true, Ordering::SeqCst);
        self.mappers
            .for_each(|space| space.make_read_only(self, 0, u64::MAX));
        let lent = self.lend_all();
        self.frozen.store(false, Ordering::SeqCst);
        let clone = MemoryPages::anonymous(self.bytes());
        *clone.pages.lock() = lent?;
        Ok(clone)
    }

    fn lend_all(&self) -> Result<PageMap, SourceError> {
        let mut lent = PageMap::default();
        let mut from = 0;
        loop {
            let mut pages = self.pages.lock();
            for _ in 0..RUN {
                let Some((number, slot)) = pages.next(from) else {
                    return Ok(lent);
                };
                slot.lent = true;
                lent.insert(number, slot.frame.share())?.lent = true;
                from = number.saturating_add(1);
            }
        }
    }

    /// Gives a page that is lent a copy of its own, or waits until a clone is made. May sleep.
    ///
    /// # Errors
    /// [`SourceError::NoMemory`].
    pub(super) fn own_page(&self, page: u64) -> Result<(), SourceError> {
        match self.own_page_once(page) {
            Err(SourceError::NoMemory) if reclaim() => self.own_page_once(page),
            result => result,
        }
    }

    fn own_page_once(&self, page: u64) -> Result<(), SourceError> {
        let _changing = self.changing.lock();
        // Whoever maps the page here holds a reference, too: without them, the only one
        // left is this Memory's, if no other has the page.
        self.take_back(page, page.saturating_add(1));
        let old = {
            let mut pages = self.pages.lock();
            let Some(slot) = pages.get(page).filter(|slot| slot.lent) else {
                return Ok(());
            };
            let old = if slot.frame.is_exclusive() {
                None
            } else {
                let copy = slot.frame.copied(self.purpose());
                let copy = copy.ok_or(SourceError::NoMemory)?;
                Some(core::mem::replace(&mut slot.frame, copy))
            };
            slot.lent = false;
            old
        };
        if old.is_some() {
            // A load may have mapped the old page again meanwhile.
            self.take_back(page, page.saturating_add(1));
        }
        Ok(())
    }

    /// Changes the size of an anonymous Memory. What is cut off is gone from every mapping;
    /// what is added reads as zeros. May sleep.
    pub fn set_bytes(&self, bytes: u64) {
        let _changing = self.changing.lock();
        let old = self.bytes();
        self.resize(bytes.next_multiple_of(PAGE));
        if bytes < old {
            self.take_back(bytes.div_ceil(PAGE), u64::MAX);
        }
    }

    /// Unmaps the pages `first..end` everywhere.
    fn take_back(&self, first: u64, end: u64) {
        self.mappers
            .for_each(|space| space.unmap_memory(self, first, end));
    }

    /// Enters a space that is going to map the pages.
    pub(super) fn add_mapper(
        &self,
        space: &Ref<AddressSpace>,
    ) -> Result<(), crate::sync::AllocError> {
        self.mappers.add(space)
    }

    /// Takes out a space that no longer maps them.
    pub(super) fn remove_mapper(&self, space: &AddressSpace) {
        self.mappers.remove(space);
    }
}

impl AddressSpace {
    /// Takes the pages `first..end` of a Memory out of the tables; copies stay.
    fn unmap_memory(&self, memory: &MemoryPages, first: u64, end: u64) {
        let inner = self.inner.lock();
        for vma in inner.list.iter() {
            if let Some((start, end)) = vma.shows(memory, first, end) {
                self.drop_pages(&inner.table, start, end, false);
            }
        }
    }

    /// Takes write permission from the pages `first..end` of a Memory.
    fn make_read_only(&self, memory: &MemoryPages, first: u64, end: u64) {
        let inner = self.inner.lock();
        for vma in inner.list.iter().filter(|vma| vma.is_shared()) {
            let Some((start, end)) = vma.shows(memory, first, end) else {
                continue;
            };
            let _ = inner.table.for_each_page(start, end, |_, entry, _| {
                entry.set(Descriptor::without_write(entry.get()));
                ControlFlow::<()>::Continue(())
            });
        }
        self.flush_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Account;
    use crate::arch::{Access, PageFlags};
    use crate::mm::address_space::{FaultError, MapRequest};
    use crate::mm::tests::with_memory;
    use crate::mm::{Backing, Frame};
    use alloc::vec::Vec;

    const RW: PageFlags = PageFlags::WRITE;

    fn space() -> Ref<AddressSpace> {
        let account = Account::root().unwrap();
        Ref::new(AddressSpace::new(account, crate::mm::Layout::FIXED).unwrap()).unwrap()
    }

    fn map(space: &Ref<AddressSpace>, memory: &Ref<MemoryPages>, private: bool) -> u64 {
        let bytes = memory.bytes();
        let request = MapRequest {
            placement: 0,
            fixed: false,
            bytes,
            flags: RW,
            most: RW,
            backing: Backing::Memory {
                pages: memory.clone(),
                first: 0,
                bytes,
                private,
            },
        };
        AddressSpace::map(space, request).unwrap()
    }

    fn memory(pages: u64) -> Ref<MemoryPages> {
        Ref::new(MemoryPages::anonymous(pages * PAGE)).unwrap()
    }

    /// Stores a byte as a program would.
    fn store(space: &Ref<AddressSpace>, at: u64, byte: u8) {
        space.write(at, &[byte]).unwrap();
    }

    /// Loads a byte as a program would: through the entry there is, else by a fault.
    fn load(space: &Ref<AddressSpace>, at: u64) -> u8 {
        let entry = || space.inner.lock().table.lookup(at & !(PAGE - 1));
        if !entry().is_valid() {
            space.fault(at, Access::Read).unwrap();
        }
        let frame = Frame::from_address(entry().address());
        let mut byte = [0];
        frame.read((at % PAGE) as usize, &mut byte);
        core::mem::forget(frame);
        byte[0]
    }

    #[test]
    fn clones_of_any_depth_keep_what_they_were_made_of() {
        with_memory(|| {
            let before = crate::mm::free_frames();
            let space = space();
            let mut chain = alloc::vec![memory(3)];
            let mut places = alloc::vec![map(&space, &chain[0], false)];
            store(&space, places[0], 100);
            for depth in 1..20u8 {
                let last = chain.last().unwrap();
                let clone = Ref::new(last.clone_pages().unwrap()).unwrap();
                places.push(map(&space, &clone, false));
                chain.push(clone);
                store(&space, places[usize::from(depth)] + PAGE, depth);
            }
            for depth in 1..20u8 {
                let place = places[usize::from(depth)];
                assert_eq!(load(&space, place), 100);
                assert_eq!(load(&space, place + PAGE), depth);
                assert_eq!(load(&space, place + 2 * PAGE), 0);
            }
            // Stores in the middle reach neither side.
            store(&space, places[9], 7);
            let first: Vec<u8> = places.iter().map(|place| load(&space, *place)).collect();
            assert_eq!(first.iter().filter(|byte| **byte == 7).count(), 1);
            assert_eq!(load(&space, places[0] + PAGE), 0);
            space.clear();
            drop((chain, space));
            assert!(
                before - crate::mm::free_frames() <= 24,
                "only spare slabs stay"
            );
        });
    }

    #[test]
    fn a_store_through_a_mapping_made_before_the_clone_is_seen_by_all_mappings() {
        with_memory(|| {
            let (one, other) = (space(), space());
            let memory = memory(1);
            let (a, b) = (map(&one, &memory, false), map(&other, &memory, false));
            store(&one, a, 1);
            assert_eq!(load(&other, b), 1);
            let clone = Ref::new(memory.clone_pages().unwrap()).unwrap();
            let c = map(&other, &clone, false);
            assert_eq!(load(&other, c), 1);
            // The other space still has the page mapped that both Memories had.
            store(&one, a, 2);
            assert_eq!((load(&other, b), load(&other, c)), (2, 1));
            store(&other, c, 3);
            assert_eq!((load(&one, a), load(&other, b), load(&other, c)), (2, 2, 3));
            one.clear();
            other.clear();
        });
    }

    #[test]
    fn a_page_nobody_else_has_any_more_is_not_copied() {
        with_memory(|| {
            let space = space();
            let memory = memory(1);
            let at = map(&space, &memory, false);
            store(&space, at, 5);
            let page = memory.page(0).unwrap().address();
            drop(memory.clone_pages().unwrap());
            store(&space, at, 6);
            assert_eq!(memory.page(0).unwrap().address(), page);
            space.clear();
        });
    }

    #[test]
    fn what_is_cut_off_is_gone_from_every_mapping() {
        with_memory(|| {
            let space = space();
            let memory = memory(3);
            let (shared, private) = (map(&space, &memory, false), map(&space, &memory, true));
            store(&space, shared + 2 * PAGE, 9);
            assert_eq!(load(&space, private + 2 * PAGE), 9);
            store(&space, private + PAGE, 4);
            memory.set_bytes(PAGE);
            assert_eq!(memory.present(), 0);
            for at in [shared + 2 * PAGE, private + 2 * PAGE] {
                assert!(!space.inner.lock().table.lookup(at).is_valid());
                assert_eq!(space.fault(at, Access::Read), Err(FaultError::Denied));
            }
            // The copy is the mapping's own.
            assert_eq!(load(&space, private + PAGE), 4);
            memory.set_bytes(3 * PAGE);
            assert_eq!(load(&space, shared + 2 * PAGE), 0);
            space.clear();
        });
    }

    #[test]
    fn a_memory_forgets_who_no_longer_maps_it() {
        with_memory(|| {
            let space = space();
            let memory = memory(4);
            let at = map(&space, &memory, false);
            let again = map(&space, &memory, true);
            let count = || {
                let mut count = 0;
                memory.mappers.for_each(|_| count += 1);
                count
            };
            assert_eq!(count(), 1);
            space.unmap(at + PAGE, PAGE).unwrap();
            space.unmap(again, 4 * PAGE).unwrap();
            space.unmap(at, PAGE).unwrap();
            assert_eq!(count(), 1);
            space.unmap(at + 2 * PAGE, 2 * PAGE).unwrap();
            assert_eq!(count(), 0);
        });
    }
}
