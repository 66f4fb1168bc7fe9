//! Copies of address spaces.
#![forbid(unsafe_code)]

use core::ops::ControlFlow;

use crate::account::{Account, Resource};
use crate::arch;
use crate::sync::Ref;
use crate::sync::atomic::Ordering;

use super::address_space::{AddressSpace, CHARGED, FaultError, Inner, MapError};
use super::frame::Frames;

impl AddressSpace {
    /// A space with the same mappings and contents that charges `account`. Pages are shared
    /// until one side writes; each side is charged for all of them, as it may write all.
    /// What belongs to Memories and files is mapped again when it is touched.
    ///
    /// # Errors
    /// [`MapError::NoMemory`] or [`MapError::LimitReached`].
    pub fn clone_for(&self, account: Ref<Account>) -> Result<Ref<AddressSpace>, MapError> {
        let copy = AddressSpace::new(account, self.layout)?;
        let copy = Ref::new(copy).map_err(|_| MapError::NoMemory)?;
        let mut ours = self.inner.lock();
        // Nobody else knows the copy: its lock is free whatever this CPU holds.
        let mut theirs = copy.inner.lock();
        copy.account
            .charge(Resource::Pages, ours.own)
            .map_err(|_| MapError::LimitReached)?;
        let copied = self.copy_into(&mut ours, &copy, &mut theirs);
        // Even where that failed some pages are read-only now.
        self.flush_all();
        arch::publish_tables();
        let missing = ours.own.saturating_sub(theirs.own);
        copy.account.uncharge(Resource::Pages, missing);
        drop(theirs);
        drop(ours);
        if copied.is_err() {
            // The Memories that it maps know it, and would keep it.
            copy.clear();
        }
        copied.map(|()| copy)
    }

    fn copy_into(
        &self,
        ours: &mut Inner,
        copy: &Ref<AddressSpace>,
        theirs: &mut Inner,
    ) -> Result<(), MapError> {
        theirs.list = ours.list.try_clone()?;
        let shares = self.shares.load(Ordering::Relaxed);
        copy.shares.store(shares, Ordering::Relaxed);
        let frames = Frames::all().ok_or(MapError::NoMemory)?;
        for vma in ours.list.iter().filter(|vma| !vma.dying) {
            if let Some(pages) = vma.backing.watched() {
                pages.add_mapper(copy).map_err(|_| MapError::NoMemory)?;
            }
            if vma.is_shared() {
                continue;
            }
            let mut own = 0u64;
            let copied = ours
                .table
                .for_each_page(vma.start, vma.end, |page, entry, old| {
                    if old.0 & CHARGED == 0 {
                        return ControlFlow::Continue(());
                    }
                    let place = match theirs.table.entry(page) {
                        Some(place) => place,
                        None => match copy.make_entry(&mut theirs.table, page) {
                            Ok(place) => place,
                            Err(error) => return ControlFlow::Break(error),
                        },
                    };
                    let read_only = old.without_write();
                    entry.set(read_only);
                    // The entry here keeps its reference, the one there gets another.
                    frames.share(old.address());
                    place.set(read_only);
                    own = own.wrapping_add(1);
                    ControlFlow::Continue(())
                });
            theirs.own = theirs.own.saturating_add(own);
            match copied {
                ControlFlow::Continue(()) => {}
                ControlFlow::Break(FaultError::LimitReached) => return Err(MapError::LimitReached),
                ControlFlow::Break(_) => return Err(MapError::NoMemory),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::{Access, PageFlags};
    use crate::mm::tests::with_memory;
    use crate::mm::{Backing, MapRequest, PAGE};

    const RW: PageFlags = PageFlags::WRITE;

    fn space() -> Ref<AddressSpace> {
        let account = Account::root().unwrap();
        Ref::new(AddressSpace::new(account, crate::mm::Layout::FIXED).unwrap()).unwrap()
    }

    fn copy(space: &Ref<AddressSpace>) -> Ref<AddressSpace> {
        space.clone_for(Account::root().unwrap()).unwrap()
    }

    fn map(space: &Ref<AddressSpace>, pages: u64) -> u64 {
        let request = MapRequest {
            placement: 0,
            fixed: false,
            bytes: pages * PAGE,
            flags: RW,
            most: RW,
            backing: Backing::Anonymous,
        };
        AddressSpace::map(space, request).unwrap()
    }

    fn page(space: &Ref<AddressSpace>, at: u64) -> (u64, bool) {
        let entry = space.inner.lock().table.lookup(at);
        (entry.address(), entry.flags().contains(RW))
    }

    #[test]
    fn each_side_keeps_its_own_stores() {
        with_memory(|| {
            let before = crate::mm::free_frames();
            let ours = space();
            let at = map(&ours, 600);
            for number in 0..600 {
                ours.write(at + number * PAGE, &[1]).unwrap();
            }
            let theirs = copy(&ours);
            let grand = copy(&theirs);
            assert_eq!(theirs.account.used(Resource::Pages), 600);
            assert_eq!(page(&ours, at), page(&grand, at));
            assert!(!page(&ours, at).1);
            // The first two stores copy, the last one finds itself alone.
            let shared = page(&ours, at).0;
            for space in [&theirs, &ours] {
                space.fault(at, Access::Write).unwrap();
                assert_ne!(page(space, at).0, shared);
            }
            grand.fault(at, Access::Write).unwrap();
            assert_eq!(page(&grand, at), (shared, true));
            assert_eq!(grand.account.used(Resource::Pages), 600);
            for space in [&ours, &grand, &theirs] {
                space.clear();
                assert_eq!(space.account.used(Resource::Pages), 0);
            }
            drop((ours, theirs, grand));
            assert!(
                before - crate::mm::free_frames() <= 8,
                "only spare slabs stay"
            );
        });
    }

    #[test]
    fn a_copy_over_the_limit_leaves_nothing() {
        with_memory(|| {
            let ours = space();
            let at = map(&ours, 4);
            for number in 0..4 {
                ours.fault(at + number * PAGE, Access::Write).unwrap();
            }
            let account = Account::root().unwrap();
            account.set_limit(Resource::Pages, 3);
            let refused = ours.clone_for(account.clone());
            assert_eq!(refused.unwrap_err(), MapError::LimitReached);
            account.set_limit(Resource::Pages, 4);
            account.set_limit(Resource::Tables, 2);
            let refused = ours.clone_for(account.clone());
            assert_eq!(refused.unwrap_err(), MapError::LimitReached);
            for resource in [Resource::Pages, Resource::Tables] {
                assert_eq!(account.used(resource), 0);
            }
            // Its own pages can be written again, without a copy.
            let before = page(&ours, at).0;
            ours.fault(at, Access::Write).unwrap();
            assert_eq!(page(&ours, at), (before, true));
        });
    }
}
