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
const BATCH: usize = 64;
/// Batches that are dropped under one hold of the lock.
const BATCHES: u32 = 8;

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
        let end = user_range(start, bytes).ok_or(MapError::Invalid)?;
        let mut inner = self.inner.lock();
        inner.list.make_edges(start, end)?;
        inner.list.let_die(start, end);
        let mut from = start;
        while let Some(next) = self.drop_dying(&mut inner, from, end) {
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

    /// Drops a piece of the pages of dying mappings; where there may be more.
    fn drop_dying(&self, inner: &mut Inner, start: u64, end: u64) -> Option<u64> {
        let Inner { list, table, own } = inner;
        let mut budget = BATCHES;
        for vma in list.within(start, end).filter(|vma| vma.dying) {
            let from = vma.start.max(start);
            let dropped = self.drop_some(table, from, vma.end, true, &mut budget);
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
                let next = space.drop_dying(&mut inner, at, end).unwrap();
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
    fn what_was_mapped_again_meanwhile_stays() {
        with_memory(|| {
            let (space, at) = space(4);
            // As if another thread had unmapped all of it, and mapped most of it anew.
            space.inner.lock().list.make_edges(at, at + PAGE).unwrap();
            let mut inner = space.inner.lock();
            inner.list.let_die(at, at + PAGE);
            assert!(space.drop_dying(&mut inner, at, at + 4 * PAGE).is_none());
            inner.list.remove_dying(at, at + 4 * PAGE);
            assert_eq!(inner.own, 3);
        });
    }
}
