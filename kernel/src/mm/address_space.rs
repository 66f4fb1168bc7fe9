//! The memory of one process.
#![forbid(unsafe_code)]

use core::ops::ControlFlow;

use crate::account::{Account, Resource};
use crate::arch::{self, Access, PageFlags};
use crate::limits::{MAPPING_BYTES_MAX, MEMORY_MAP_END};
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Ref, SpinLock, Tie};

use super::fault::{self, Step};
use super::frame::{Frame, Purpose};
use super::layout::Layout;
use super::memory::SourceError;
use super::page_table::{PageEntry, PageTable};
use super::reclaim::reclaim;
use super::translation::Translation;
use super::vma::{Backing, Protected, Vma, VmaError, VmaList};
use super::{PAGE, page_table};

/// Software bit of a descriptor: the page is charged to the space's account.
pub(super) const CHARGED: u64 = 1 << 55;
/// Unmapped bytes kept between mappings whose place the kernel chooses.
const GAP: u64 = PAGE;
/// Table pages one new mapping of a page can need.
const TABLES_PER_PAGE: u64 = 3;

/// A process's mappings and page tables.
///
/// Lock order: the inner lock, then a Memory's pages, then the frame pool.
#[derive(Debug)]
pub struct AddressSpace {
    pub(super) inner: SpinLock<Inner>,
    translation: Ref<Translation>,
    pub(super) layout: Layout,
    pub(super) account: Ref<Account>,
    /// It has mapped memory that others may map, too.
    pub(super) shares: AtomicBool,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) list: VmaList,
    pub(super) table: PageTable,
    /// Pages of the space's own, which are charged to its account.
    pub(super) own: u64,
}

/// What to map.
#[derive(Debug)]
pub struct MapRequest {
    /// Wanted address, or 0.
    pub placement: u64,
    /// Fail where the wanted address is taken.
    pub fixed: bool,
    /// Length in bytes, a multiple of the page size.
    pub bytes: u64,
    /// Permissions.
    pub flags: PageFlags,
    /// Permissions that may be asked for later.
    pub most: PageFlags,
    /// Where the pages come from.
    pub backing: Backing,
}

/// Why a mapping call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapError {
    /// A range or a set of permissions makes no sense.
    Invalid,
    /// The place is taken.
    Taken,
    /// No memory.
    NoMemory,
    /// A limit is reached.
    LimitReached,
    /// A part of the range is not mapped.
    NotMapped,
    /// The permissions are more than the mapping may have.
    Denied,
}

impl From<VmaError> for MapError {
    fn from(error: VmaError) -> Self {
        match error {
            VmaError::TooMany => MapError::LimitReached,
            VmaError::NoMemory => MapError::NoMemory,
        }
    }
}

impl From<page_table::NoTable> for MapError {
    fn from(_: page_table::NoTable) -> Self {
        MapError::NoMemory
    }
}

/// Why a page fault could not be mended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultError {
    /// Nothing is mapped there, or not for this access.
    Denied,
    /// No memory.
    NoMemory,
    /// The limit of the account is reached.
    LimitReached,
    /// The page could not be read.
    Io,
}

impl From<SourceError> for FaultError {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::NoMemory => FaultError::NoMemory,
            SourceError::BeyondEnd => FaultError::Denied,
            SourceError::Io | SourceError::Corrupt => FaultError::Io,
        }
    }
}

/// Whether `start..start + bytes` are whole pages of user space.
pub(super) fn user_range(start: u64, bytes: u64) -> Option<u64> {
    let end = start.checked_add(bytes)?;
    let whole = start.is_multiple_of(PAGE) && bytes.is_multiple_of(PAGE) && bytes != 0;
    (whole && start >= abi::USER_START && end <= abi::USER_END).then_some(end)
}

impl AddressSpace {
    /// An empty space with the parts of `layout` that charges `account`.
    ///
    /// # Errors
    /// [`MapError::NoMemory`] or [`MapError::LimitReached`].
    pub fn new(account: Ref<Account>, layout: Layout) -> Result<AddressSpace, MapError> {
        account
            .charge(Resource::Tables, 1)
            .map_err(|_| MapError::LimitReached)?;
        let table = match PageTable::new(Purpose::Tables) {
            Ok(table) => table,
            Err(error) => {
                account.uncharge(Resource::Tables, 1);
                return Err(error.into());
            }
        };
        let translation = match Ref::new(Translation::new(table.root())) {
            Ok(translation) => translation,
            Err(_) => {
                account.uncharge(Resource::Tables, 1);
                return Err(MapError::NoMemory);
            }
        };
        let inner = SpinLock::new(Inner {
            list: VmaList::default(),
            table,
            own: 0,
        });
        Ok(AddressSpace {
            inner,
            translation,
            layout,
            account,
            shares: AtomicBool::new(false),
        })
    }

    /// Where its parts lie.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// How the machine finds its pages.
    pub fn translation(&self) -> &Ref<Translation> {
        &self.translation
    }

    /// Adds a mapping; returns its address.
    ///
    /// # Errors
    /// [`MapError`]; nothing is mapped then.
    pub fn map(this: &Ref<AddressSpace>, request: MapRequest) -> Result<u64, MapError> {
        Self::map_tied(this, request, None)
    }

    /// As [`AddressSpace::map`], for a mapping that goes when `tie` is cut.
    ///
    /// # Errors
    /// [`MapError`]; nothing is mapped then.
    pub fn map_tied(
        this: &Ref<AddressSpace>,
        request: MapRequest,
        tie: Option<Ref<dyn Tie>>,
    ) -> Result<u64, MapError> {
        let rwx = PageFlags::WRITE.union(PageFlags::EXECUTE);
        let valid = request.bytes != 0
            && request.bytes.is_multiple_of(PAGE)
            && request.bytes <= MAPPING_BYTES_MAX
            && !request.flags.contains(rwx)
            && request.placement.is_multiple_of(PAGE);
        if !valid {
            return Err(MapError::Invalid);
        }
        let mut inner = this.inner.lock();
        // Under the lock that `unmap_cut` takes after the cut.
        if tie.as_ref().is_some_and(|tie| tie.is_cut()) {
            return Err(MapError::Denied);
        }
        let start = this.place(&inner, &request)?;
        let end = start.saturating_add(request.bytes);
        if matches!(request.backing, Backing::Memory { private: false, .. }) {
            this.shares.store(true, Ordering::Relaxed);
        }
        let watched = request.backing.watched().cloned();
        if let Some(pages) = &watched {
            pages.add_mapper(this).map_err(|_| MapError::NoMemory)?;
        }
        let inserted = inner.list.insert(Vma {
            start,
            end,
            flags: request.flags | PageFlags::USER,
            most: request.most | PageFlags::USER,
            backing: request.backing,
            tie,
            dying: false,
        });
        if inserted.is_err()
            && let Some(pages) = &watched
            && !inner.list.maps(pages)
        {
            pages.remove_mapper(this);
        }
        inserted?;
        Ok(start)
    }

    fn place(&self, inner: &Inner, request: &MapRequest) -> Result<u64, MapError> {
        let wanted = request.placement;
        if wanted != 0
            && let Some(end) = user_range(wanted, request.bytes)
            && inner.list.is_free(wanted, end)
        {
            return Ok(wanted);
        }
        if request.fixed {
            let inside = user_range(wanted, request.bytes).is_some();
            return Err(if inside {
                MapError::Taken
            } else {
                MapError::Invalid
            });
        }
        inner
            .list
            .find_free(request.bytes, GAP, self.layout.map_start, MEMORY_MAP_END)
            .ok_or(MapError::NoMemory)
    }

    /// Removes the mappings whose tie was cut.
    pub fn unmap_cut(&self) {
        let mut from = 0;
        loop {
            let is_cut = |vma: &&Vma| vma.tie.as_ref().is_some_and(|tie| tie.is_cut());
            let next = {
                let inner = self.inner.lock();
                let mut after = inner.list.within(from, abi::USER_END);
                after.find(is_cut).map(|vma| (vma.start, vma.end))
            };
            let Some((start, end)) = next else { return };
            // Whole mappings: nothing is split, so nothing can fail.
            let _ = self.unmap(start, end.saturating_sub(start));
            from = end;
        }
    }

    /// Changes the permissions of a range.
    ///
    /// # Errors
    /// [`MapError`]; nothing changes then.
    pub fn protect(&self, start: u64, bytes: u64, flags: PageFlags) -> Result<(), MapError> {
        let end = user_range(start, bytes).ok_or(MapError::Invalid)?;
        if flags.contains(PageFlags::WRITE.union(PageFlags::EXECUTE)) {
            return Err(MapError::Invalid);
        }
        let mut inner = self.inner.lock();
        match inner.list.protect(start, end, flags | PageFlags::USER)? {
            Protected::Done => {}
            Protected::NotMapped => return Err(MapError::NotMapped),
            Protected::Denied => return Err(MapError::Denied),
        }
        // Pages come back with the new permissions at their next fault. Private pages
        // must keep their contents, so their entries are rewritten in place, always to
        // fewer permissions than the mapping has: a store faults once more.
        let asid = self.translation.last_asid();
        let _ = inner.table.for_each_page(start, end, |_, entry, _| {
            entry.set(fault::reprotected(entry.get(), flags | PageFlags::USER));
            ControlFlow::<()>::Continue(())
        });
        arch::flush_asid(asid);
        if flags.contains(PageFlags::EXECUTE) {
            arch::synchronize_code();
        }
        Ok(())
    }

    /// Mends a page fault at `address`. May sleep.
    ///
    /// # Errors
    /// [`FaultError`]; the access is not allowed or cannot be served.
    pub fn fault(&self, address: u64, access: Access) -> Result<(), FaultError> {
        if address >= abi::USER_END {
            return Err(FaultError::Denied);
        }
        match self.fault_once(address, access) {
            Err(FaultError::NoMemory) if reclaim() => self.fault_once(address, access),
            result => result,
        }
    }

    /// Mends a page fault if that needs no sleep and nothing stands against it; otherwise
    /// nothing has changed, and [`AddressSpace::fault`] mends it or says why not.
    #[inline]
    pub fn fault_at_hand(&self, address: u64, access: Access) -> bool {
        if address >= abi::USER_END {
            return false;
        }
        let mut inner = self.inner.lock();
        matches!(
            fault::step(self, &mut inner, address, access),
            Ok(Step::Done)
        )
    }

    fn fault_once(&self, address: u64, access: Access) -> Result<(), FaultError> {
        loop {
            let step = {
                let mut inner = self.inner.lock();
                fault::step(self, &mut inner, address, access)?
            };
            match step {
                Step::Done => return Ok(()),
                Step::Fill { pages, page } => drop(pages.page(page)?),
                Step::Own { pages, page } => pages.own_page(page)?,
            }
        }
    }

    /// Writes bytes into the space from outside, as its own stores would.
    ///
    /// # Errors
    /// [`FaultError`] where the range is not writable or there is no memory.
    pub fn write(&self, address: u64, bytes: &[u8]) -> Result<(), FaultError> {
        let mut done = 0;
        while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
            let at = address.saturating_add(done as u64);
            let within = (at % PAGE) as usize;
            let part = rest.len().min(abi::PAGE_SIZE.saturating_sub(within));
            self.fault(at, Access::Write)?;
            let inner = self.inner.lock();
            let entry = inner.table.lookup(at & !(PAGE - 1));
            if !entry.is_valid() || !entry.flags().contains(PageFlags::WRITE) {
                // Taken away meanwhile by a thread of the space.
                return Err(FaultError::Denied);
            }
            let frame = Frame::from_address(entry.address());
            frame.write(within, rest.get(..part).unwrap_or(&[]));
            // The reference stays with the entry.
            frame.into_address();
            done = done.saturating_add(part);
        }
        Ok(())
    }

    /// Whether any mapping contains `address`.
    pub fn is_mapped(&self, address: u64) -> bool {
        self.inner.lock().list.find(address).is_some()
    }

    /// Number of mappings.
    pub fn mappings(&self) -> usize {
        self.inner.lock().list.len()
    }

    pub(super) fn charge_page(&self) -> Result<(), FaultError> {
        self.account
            .charge(Resource::Pages, 1)
            .map_err(|_| FaultError::LimitReached)
    }

    pub(super) fn uncharge_page(&self) {
        self.account.uncharge(Resource::Pages, 1);
    }

    /// The entry of a page whose tables are missing, charging those it needs.
    #[cold]
    pub(super) fn make_entry(
        &self,
        table: &mut PageTable,
        address: u64,
    ) -> Result<PageEntry, FaultError> {
        let before = table.table_pages();
        self.account
            .charge(Resource::Tables, TABLES_PER_PAGE)
            .map_err(|_| FaultError::LimitReached)?;
        let result = table.make_entry(address);
        let used = table.table_pages().saturating_sub(before);
        self.account
            .uncharge(Resource::Tables, TABLES_PER_PAGE.saturating_sub(used));
        result.map_err(|_| FaultError::NoMemory)
    }

    /// Forgets every translation, after entries were taken out or made read-only.
    pub(super) fn flush_all(&self) {
        arch::flush_asid(self.translation.last_asid());
    }

    /// Forgets a translation that was just taken out of the table.
    pub(super) fn flush(&self, address: u64) {
        arch::flush_page(self.translation.last_asid(), address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::Descriptor;
    use crate::mm::MemoryPages;
    use crate::mm::tests::with_memory;

    const RW: PageFlags = PageFlags::WRITE;

    fn request(bytes: u64, backing: Backing) -> MapRequest {
        MapRequest {
            placement: 0,
            fixed: false,
            bytes,
            flags: RW,
            most: RW,
            backing,
        }
    }

    fn entry(space: &AddressSpace, address: u64) -> Descriptor {
        space.inner.lock().table.lookup(address)
    }

    #[test]
    fn pages_come_on_the_first_touch_and_all_go_back() {
        with_memory(|| {
            let account = Account::root().unwrap();
            let before = crate::mm::free_frames();
            let space =
                Ref::new(AddressSpace::new(account.clone(), Layout::FIXED).unwrap()).unwrap();
            let at = AddressSpace::map(&space, request(1 << 30, Backing::Anonymous)).unwrap();
            assert!(!entry(&space, at).is_valid());
            for page in [0, 1, 1000, 200_000] {
                space.fault(at + page * PAGE + 8, Access::Write).unwrap();
                assert!(entry(&space, at + page * PAGE).flags().contains(RW));
            }
            assert_eq!(account.used(Resource::Pages), 4);
            assert_eq!(
                space.fault(at + (1 << 30), Access::Read),
                Err(FaultError::Denied)
            );
            assert_eq!(space.fault(at, Access::Execute), Err(FaultError::Denied));
            space.unmap(at, 1 << 30).unwrap();
            assert_eq!(account.used(Resource::Pages), 0);
            drop(space);
            assert_eq!(account.used(Resource::Tables), 0);
            assert!(
                before - crate::mm::free_frames() <= 4,
                "only spare slabs stay"
            );
        });
    }

    #[test]
    fn a_private_mapping_shares_until_it_is_written() {
        with_memory(|| {
            let account = Account::root().unwrap();
            let space =
                Ref::new(AddressSpace::new(account.clone(), Layout::FIXED).unwrap()).unwrap();
            let pages = Ref::new(MemoryPages::anonymous(2 * PAGE)).unwrap();
            pages.page(0).unwrap().write(0, b"first");
            let backing = Backing::Memory {
                pages: pages.clone(),
                first: 0,
                bytes: 2 * PAGE,
                private: true,
            };
            let at = AddressSpace::map(&space, request(2 * PAGE, backing)).unwrap();
            space.fault(at, Access::Read).unwrap();
            let shared = entry(&space, at);
            assert_eq!(shared.address(), pages.page(0).unwrap().address());
            assert!(!shared.flags().contains(RW));
            assert_eq!(account.used(Resource::Pages), 0);
            space.fault(at, Access::Write).unwrap();
            let own = entry(&space, at);
            assert_ne!(own.address(), shared.address());
            assert!(own.flags().contains(RW));
            assert_eq!(account.used(Resource::Pages), 1);
        });
    }

    #[test]
    fn the_tail_behind_the_shown_bytes_is_zero() {
        with_memory(|| {
            let account = Account::root().unwrap();
            let space = Ref::new(AddressSpace::new(account, Layout::FIXED).unwrap()).unwrap();
            let pages = Ref::new(MemoryPages::anonymous(PAGE)).unwrap();
            pages.page(0).unwrap().write(0, &[9; 16]);
            let backing = Backing::Memory {
                pages,
                first: 0,
                bytes: 10,
                private: true,
            };
            let at = AddressSpace::map(&space, request(PAGE, backing)).unwrap();
            space.fault(at, Access::Read).unwrap();
            let frame = Frame::from_address(entry(&space, at).address());
            let mut bytes = [1; 16];
            frame.read(0, &mut bytes);
            core::mem::forget(frame);
            assert_eq!(bytes[..10], [9; 10]);
            assert_eq!(bytes[10..], [0; 6]);
        });
    }

    #[test]
    fn a_limit_stops_the_page_beyond_it() {
        with_memory(|| {
            let account = Account::root().unwrap();
            account.set_limit(Resource::Pages, 2);
            let space = Ref::new(AddressSpace::new(account, Layout::FIXED).unwrap()).unwrap();
            let at = AddressSpace::map(&space, request(4 * PAGE, Backing::Anonymous)).unwrap();
            space.fault(at, Access::Write).unwrap();
            space.fault(at + PAGE, Access::Write).unwrap();
            assert_eq!(
                space.fault(at + 2 * PAGE, Access::Write),
                Err(FaultError::LimitReached)
            );
            space.unmap(at, PAGE).unwrap();
            space.fault(at + 2 * PAGE, Access::Write).unwrap();
        });
    }

    #[test]
    fn write_and_execute_never_come_together() {
        with_memory(|| {
            let space =
                Ref::new(AddressSpace::new(Account::root().unwrap(), Layout::FIXED).unwrap())
                    .unwrap();
            let both = PageFlags::WRITE | PageFlags::EXECUTE;
            let mut wanted = request(PAGE, Backing::Anonymous);
            wanted.flags = both;
            wanted.most = both;
            assert_eq!(AddressSpace::map(&space, wanted), Err(MapError::Invalid));
            let mut wanted = request(PAGE, Backing::Anonymous);
            wanted.most = both;
            let at = AddressSpace::map(&space, wanted).unwrap();
            space.fault(at, Access::Write).unwrap();
            assert_eq!(space.protect(at, PAGE, both), Err(MapError::Invalid));
            space.protect(at, PAGE, PageFlags::EXECUTE).unwrap();
            assert!(!entry(&space, at).flags().contains(RW));
            assert_eq!(space.fault(at, Access::Write), Err(FaultError::Denied));
            space.fault(at, Access::Execute).unwrap();
        });
    }

    #[test]
    fn odd_ranges_are_refused() {
        with_memory(|| {
            let space =
                Ref::new(AddressSpace::new(Account::root().unwrap(), Layout::FIXED).unwrap())
                    .unwrap();
            for (start, bytes) in [
                (0, PAGE),
                (abi::USER_START, 0),
                (abi::USER_START + 1, PAGE),
                (abi::USER_START, PAGE + 1),
                (abi::USER_END - PAGE, 2 * PAGE),
                (u64::MAX - PAGE + 1, PAGE),
                (PAGE * 100, u64::MAX - PAGE + 1),
            ] {
                assert_eq!(space.unmap(start, bytes), Err(MapError::Invalid));
                assert_eq!(space.protect(start, bytes, RW), Err(MapError::Invalid));
            }
            assert_eq!(space.unmap(abi::USER_START, PAGE), Ok(()));
        });
    }
}
