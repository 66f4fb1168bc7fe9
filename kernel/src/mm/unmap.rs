//! Taking mappings away, and the end of a space.
//!
//! A long range goes piece by piece, so that interrupts are not masked for long. Its
//! mappings are *dying* meanwhile: the place is taken, but no page comes any more.
#![forbid(unsafe_code)]

use core::ops::ControlFlow;

use crate::account::Resource;
use crate::arch::Descriptor;

use super::address_space::{AddressSpace, CHARGED, Inner, MapError, user_range};
use super::frame::Frames;
use super::page_table::PageTable;

/// Pages that are dropped after one flush of the TLB.
const BATCH: usize = BATCH_PAGES as usize;
const BATCH_PAGES: u32 = 64;
/// Batches that are dropped under one hold of the lock.
const BATCHES: u32 = 8;

/// What is done with a space whose mappings go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    /// Programs run in it.
    Runs,
    /// None does any more.
    Ended,
}

/// What one hold of the lock came to.
struct Dropped {
    /// Pages of the space's own.
    own: u64,
    /// Where to go on, if there may be more.
    next: Option<u64>,
}

impl AddressSpace {
    /// Removes every mapping in a range.
    ///
    /// # Errors
    /// [`MapError`]; nothing is removed then.
    pub fn unmap(&self, start: u64, bytes: u64) -> Result<(), MapError> {
        self.unmap_as(start, bytes, Use::Runs)
    }

    fn unmap_as(&self, start: u64, bytes: u64, still: Use) -> Result<(), MapError> {
        let end = user_range(start, bytes).ok_or(MapError::Invalid)?;
        let mut inner = self.inner.lock();
        inner.list.make_edges(start, end)?;
        inner.list.let_die(start, end);
        let mut from = start;
        while let Some(next) = self.drop_dying(&mut inner, from, end, still) {
            drop(inner);
            from = next;
            inner = self.inner.lock();
        }
        for pages in inner
            .list
            .within(start, end)
            .filter(|vma| vma.dying)
            .filter_map(|vma| vma.backing.watched())
        {
            if !inner.list.maps(pages) {
                pages.remove_mapper(self);
            }
        }
        inner.list.remove_dying(start, end);
        Ok(())
    }

    /// Removes every mapping.
    pub fn clear(&self) {
        let all = abi::USER_END.saturating_sub(abi::USER_START);
        // Fails only where a mapping would be split.
        let _ = self.unmap(abi::USER_START, all);
    }

    /// Removes every mapping of a space in which no program runs any more, and none will.
    pub fn end(&self) {
        let all = abi::USER_END.saturating_sub(abi::USER_START);
        // As in `clear`.
        let _ = self.unmap_as(abi::USER_START, all, Use::Ended);
        self.flush_all();
    }

    /// Drops a piece of the pages of dying mappings; where there may be more.
    fn drop_dying(&self, inner: &mut Inner, start: u64, end: u64, still: Use) -> Option<u64> {
        let Inner { list, table, own } = inner;
        let mut budget = BATCHES;
        for vma in list.within(start, end).filter(|vma| vma.dying) {
            let from = vma.start.max(start);
            let dropped = match still {
                Use::Runs => self.drop_some(table, from, vma.end, true, &mut budget),
                Use::Ended => self.drop_ended(table, from, vma.end, &mut budget),
            };
            *own = own.saturating_sub(dropped.own);
            if dropped.next.is_some() {
                return dropped.next;
            }
        }
        None
    }

    /// Drops the pages of a range, or with `own` false those that belong to a Memory;
    /// returns how many of its own there were.
    pub(super) fn drop_pages(&self, table: &PageTable, start: u64, end: u64, own: bool) -> u64 {
        self.drop_some(table, start, end, own, &mut u32::MAX.clone())
            .own
    }

    /// As [`AddressSpace::drop_pages`], for as many batches as there are in `budget`.
    fn drop_some(
        &self,
        table: &PageTable,
        start: u64,
        end: u64,
        own: bool,
        budget: &mut u32,
    ) -> Dropped {
        // Entries first, then the TLB, and only then the pages: a batch keeps the pages of
        // one flush at hand without allocating.
        let mut batch = [Descriptor::INVALID; BATCH];
        let mut dropped = Dropped {
            own: 0,
            next: Some(start),
        };
        while let Some(from) = dropped.next.filter(|_| *budget > 0) {
            let mut places = batch.iter_mut();
            let mut first = from;
            let full = table.for_each_page(from, end, |address, entry, old| {
                if !own && old.0 & CHARGED != 0 {
                    return ControlFlow::Continue(());
                }
                let Some(place) = places.next() else {
                    return ControlFlow::Break(address);
                };
                first = address;
                *place = old;
                entry.set(Descriptor::INVALID);
                ControlFlow::Continue(())
            });
            dropped.next = full.break_value();
            let count = BATCH.saturating_sub(places.len());
            match count {
                0 => break,
                1 => self.flush(first),
                _ => self.flush_all(),
            }
            *budget = budget.saturating_sub(1);
            let charged = give_back(batch.get(..count).unwrap_or(&[]));
            self.account.uncharge(Resource::Pages, charged);
            dropped.own = dropped.own.saturating_add(charged);
        }
        dropped
    }
}

impl AddressSpace {
    /// As [`AddressSpace::drop_some`] where nobody uses the pages: each is given back at
    /// once, and what the TLB has of them is never looked up again. Its identifier is not
    /// given to another space before the TLB is flushed.
    fn drop_ended(&self, table: &PageTable, start: u64, end: u64, budget: &mut u32) -> Dropped {
        let Some(frames) = Frames::all() else {
            return Dropped { own: 0, next: None };
        };
        let (mut own, mut count) = (0u64, 0u32);
        let most = budget.saturating_mul(BATCH_PAGES);
        let full = table.for_each_page(start, end, |address, entry, old| {
            if count == most {
                return ControlFlow::Break(address);
            }
            count = count.wrapping_add(1);
            own = own.wrapping_add(u64::from(old.0 & CHARGED != 0));
            entry.set(Descriptor::INVALID);
            frames.release(old.address());
            ControlFlow::Continue(())
        });
        *budget = budget.saturating_sub(count.div_ceil(BATCH_PAGES));
        self.account.uncharge(Resource::Pages, own);
        Dropped {
            own,
            next: full.break_value(),
        }
    }
}

/// Drops the references of entries; how many of them were charged.
fn give_back(entries: &[Descriptor]) -> u64 {
    let Some(frames) = Frames::all() else {
        return 0;
    };
    let mut charged = 0u64;
    for descriptor in entries {
        charged = charged.wrapping_add(u64::from(descriptor.0 & CHARGED != 0));
        frames.release(descriptor.address());
    }
    charged
}

impl Drop for AddressSpace {
    fn drop(&mut self) {
        self.clear();
        let inner = self.inner.lock();
        self.account
            .uncharge(Resource::Tables, inner.table.table_pages());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Account;
    use crate::arch::{Access, PageFlags};
    use crate::mm::tests::with_memory;
    use crate::mm::{Backing, FaultError, Layout, MapRequest, PAGE};
    use crate::sync::Ref;

    fn space(pages: u64) -> (Ref<AddressSpace>, u64) {
        let account = Account::root().unwrap();
        let space = Ref::new(AddressSpace::new(account, Layout::FIXED).unwrap()).unwrap();
        let request = MapRequest {
            placement: 0,
            fixed: false,
            bytes: pages * PAGE,
            flags: PageFlags::WRITE,
            most: PageFlags::WRITE,
            backing: Backing::Anonymous,
        };
        let at = AddressSpace::map(&space, request).unwrap();
        for number in 0..pages {
            space.fault(at + number * PAGE, Access::Write).unwrap();
        }
        (space, at)
    }

    #[test]
    fn a_long_range_goes_in_pieces() {
        with_memory(|| {
            const PAGES: u64 = 2000;
            let (space, at) = space(PAGES);
            let end = at + PAGES * PAGE;
            {
                let mut inner = space.inner.lock();
                inner.list.let_die(at, end);
                let next = space.drop_dying(&mut inner, at, end, Use::Runs).unwrap();
                assert_eq!(next, at + u64::from(BATCHES) * BATCH as u64 * PAGE);
                assert_eq!(inner.own, PAGES - u64::from(BATCHES) * BATCH as u64);
            }
            // Nothing comes any more where a mapping is dying, and nothing else either.
            let fault = space.fault(end - PAGE, Access::Read);
            assert_eq!(fault, Err(FaultError::Denied));
            assert!(!space.inner.lock().list.is_free(at, end));
            space.unmap(at, PAGES * PAGE).unwrap();
            assert_eq!(space.account.used(Resource::Pages), 0);
            assert_eq!((space.mappings(), space.inner.lock().own), (0, 0));
        });
    }

    #[test]
    fn the_end_of_a_space_gives_every_page_back() {
        with_memory(|| {
            let before = crate::mm::free_frames();
            let (space, at) = space(1000);
            // Pages that a copy shares stay with it.
            let copy = space.clone_for(Account::root().unwrap()).unwrap();
            space.end();
            assert_eq!(space.account.used(Resource::Pages), 0);
            assert_eq!((space.mappings(), space.inner.lock().own), (0, 0));
            assert_eq!(space.fault(at, Access::Read), Err(FaultError::Denied));
            assert_eq!(copy.inner.lock().own, 1000);
            copy.end();
            drop((space, copy));
            assert_eq!(crate::mm::free_frames(), before);
        });
    }

    #[test]
    fn what_was_mapped_again_meanwhile_stays() {
        with_memory(|| {
            let (space, at) = space(4);
            // As if another thread had unmapped all of it, and mapped most of it anew.
            space.inner.lock().list.make_edges(at, at + PAGE).unwrap();
            let mut inner = space.inner.lock();
            inner.list.let_die(at, at + PAGE);
            assert!(
                space
                    .drop_dying(&mut inner, at, at + 4 * PAGE, Use::Runs)
                    .is_none()
            );
            inner.list.remove_dying(at, at + 4 * PAGE);
            assert_eq!(inner.own, 3);
        });
    }
}
