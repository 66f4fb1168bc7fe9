//! Four-level page tables: walking, filling, emptying.
#![allow(unsafe_code, reason = "table entries are raw memory")]

use core::ops::ControlFlow;

#[cfg(feature = "ktest")]
use crate::arch::PageFlags;
use crate::arch::{Descriptor, TABLE_ENTRIES, phys_to_virt};
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::word;

use super::PAGE;
use super::frame::{Frame, Purpose};

/// Levels of a table; level 3 holds pages.
const LAST_LEVEL: u32 = 3;
/// Entries of the root that addresses below `USER_END` reach.
const USER_ROOT_ENTRIES: usize = TABLE_ENTRIES / 2;
/// Bytes that a table of the last level covers.
const COVERED: u64 = (TABLE_ENTRIES as u64) << PAGE.trailing_zeros();
/// Entries that are looked at together, as most tables are nearly empty.
const GROUP: usize = 8;

/// A table page had to be made and there was none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoTable;

/// The root of a tree of tables. Table pages are owned by the tree.
///
/// The upper half of a program's root, which no address of a program reaches, lists the
/// tree's table pages as entries that are not valid, so that returning them needs no
/// search. What does not fit is searched for.
#[derive(Debug)]
pub(super) struct PageTable {
    root: u64,
    purpose: Purpose,
    /// Table pages below the root.
    tables: u64,
    /// A table of the last level, and the addresses it covers less their low bits: tables
    /// stay as long as the tree, and faults come in runs.
    recent: (u64, u64),
}

/// Bits of an address below the index into a table of `level`.
const fn shift(level: u32) -> u32 {
    9u32.saturating_mul(LAST_LEVEL.saturating_sub(level))
        .saturating_add(12)
}

const fn index(address: u64, level: u32) -> usize {
    ((address >> shift(level)) & 0x1ff) as usize
}

fn entry(table: u64, index: usize) -> &'static AtomicU64 {
    debug_assert!(index < TABLE_ENTRIES);
    // SAFETY: `table` is a page owned by a live tree, all of it entries; entries are
    // only accessed atomically, by the kernel and by the MMU.
    unsafe { &*phys_to_virt(table).cast::<AtomicU64>().add(index) }
}

fn entries(table: u64) -> &'static [AtomicU64; TABLE_ENTRIES] {
    // SAFETY: as in `entry`.
    unsafe { &*phys_to_virt(table).cast() }
}

fn load(table: u64, index: usize) -> Descriptor {
    Descriptor(entry(table, index).load(Ordering::Relaxed))
}

/// The place of one page's entry, in a table that its tree keeps until it goes itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct PageEntry(&'static AtomicU64);

impl PageEntry {
    /// What the page is mapped to.
    #[inline]
    pub(super) fn get(self) -> Descriptor {
        Descriptor(self.0.load(Ordering::Relaxed))
    }

    /// Maps the page. Where the old entry was valid the caller flushes the TLB; it
    /// publishes the tables in any case.
    #[inline]
    pub(super) fn set(self, descriptor: Descriptor) {
        if CHECKS_CHANGES {
            check_change(self.get(), descriptor);
        }
        self.0.store(descriptor.0, Ordering::Release);
    }
}

/// Whether changes of entries are looked at: where tests run.
const CHECKS_CHANGES: bool = cfg!(any(test, debug_assertions, feature = "ktest"));

/// An entry that maps a page may change its permissions, but not its page or how memory
/// behaves: for that it has to be invalid, and the TLB flushed, in between (ARM ARM
/// D8.14.1).
fn check_change(old: Descriptor, new: Descriptor) {
    if old.is_valid() && new.is_valid() {
        assert!(
            old.address() == new.address() && old.behaves_as(new),
            "an entry changed from {:#x} to {:#x} without a break",
            old.0,
            new.0
        );
    }
}

impl PageTable {
    /// An empty tree.
    pub(super) fn new(purpose: Purpose) -> Result<Self, NoTable> {
        let root = Frame::zeroed(purpose).ok_or(NoTable)?.into_address();
        Ok(PageTable {
            root,
            purpose,
            tables: 0,
            recent: (0, u64::MAX),
        })
    }

    /// Physical address of the root.
    pub(super) fn root(&self) -> u64 {
        self.root
    }

    /// Table pages, the root included.
    pub(super) fn table_pages(&self) -> u64 {
        self.tables.saturating_add(1)
    }

    /// The entry for a page, or a valid block entry above it.
    pub(super) fn lookup(&self, address: u64) -> Descriptor {
        let mut table = self.root;
        for level in 0..LAST_LEVEL {
            let descriptor = load(table, index(address, level));
            if !descriptor.is_table() {
                return descriptor;
            }
            table = descriptor.address();
        }
        load(table, index(address, LAST_LEVEL))
    }

    /// The entry of a page, where its table is there.
    #[inline]
    pub(super) fn entry(&mut self, address: u64) -> Option<PageEntry> {
        let at = index(address, LAST_LEVEL);
        let covered = address / COVERED;
        if self.recent.1 == covered {
            return Some(PageEntry(entry(self.recent.0, at)));
        }
        let mut table = self.root;
        for level in 0..LAST_LEVEL {
            let descriptor = load(table, index(address, level));
            if !descriptor.is_table() {
                return None;
            }
            table = descriptor.address();
        }
        self.recent = (table, covered);
        Some(PageEntry(entry(table, at)))
    }

    /// The entry of a page; its tables are made where they are missing.
    pub(super) fn make_entry(&mut self, address: u64) -> Result<PageEntry, NoTable> {
        let table = self.table_at(address, LAST_LEVEL)?;
        Ok(PageEntry(entry(table, index(address, LAST_LEVEL))))
    }

    /// The table of `level` that covers `address`, made where it is missing.
    fn table_at(&mut self, address: u64, level: u32) -> Result<u64, NoTable> {
        let mut table = self.root;
        for above in 0..level {
            let at = index(address, above);
            let descriptor = load(table, at);
            table = if descriptor.is_table() {
                descriptor.address()
            } else {
                let new = Frame::zeroed(self.purpose).ok_or(NoTable)?.into_address();
                self.list_table(new);
                entry(table, at).store(Descriptor::table(new).0, Ordering::Release);
                new
            };
        }
        Ok(table)
    }

    /// Sets the entry of a page; returns the old one.
    ///
    /// The caller flushes the TLB where the old entry was valid, and publishes the tables.
    pub(super) fn set(
        &mut self,
        address: u64,
        descriptor: Descriptor,
    ) -> Result<Descriptor, NoTable> {
        let entry = self.make_entry(address)?;
        let old = entry.get();
        entry.set(descriptor);
        Ok(old)
    }

    /// Sets the entry of a 2 MiB (level 2) or 1 GiB (level 1) block.
    pub(super) fn set_block(
        &mut self,
        address: u64,
        level: u32,
        descriptor: Descriptor,
    ) -> Result<(), NoTable> {
        let table = self.table_at(address, level)?;
        entry(table, index(address, level)).store(descriptor.0, Ordering::Release);
        Ok(())
    }

    /// Index behind the root's last entry that lists a table.
    fn listed(&self) -> usize {
        word::index(self.tables).saturating_add(USER_ROOT_ENTRIES)
    }

    fn list_table(&mut self, table: u64) {
        let place = self.listed();
        if matches!(self.purpose, Purpose::Tables) && place < TABLE_ENTRIES {
            entry(self.root, place).store(table, Ordering::Relaxed);
        }
        self.tables = self.tables.saturating_add(1);
    }

    /// Calls `visit` with the address of every page mapped in a range, its entry and what
    /// that holds, skipping what has no table, until it breaks.
    pub(super) fn for_each_page<B>(
        &self,
        start: u64,
        end: u64,
        mut visit: impl FnMut(u64, PageEntry, Descriptor) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let mut address = start;
        while address < end {
            let mut table = self.root;
            let mut level = 0;
            while level < LAST_LEVEL {
                let descriptor = load(table, index(address, level));
                if !descriptor.is_table() {
                    break;
                }
                table = descriptor.address();
                level = level.saturating_add(1);
            }
            let below = !(u64::MAX << shift(level.min(LAST_LEVEL - 1)));
            let next = (address | below).saturating_add(1);
            if level == LAST_LEVEL {
                let first = index(address, LAST_LEVEL);
                let last = index(end.min(next).saturating_sub(1), LAST_LEVEL);
                for_each_used(table, first, last, |at, slot, descriptor| {
                    let page = (at as u64) << PAGE.trailing_zeros();
                    visit((address & !below) | page, PageEntry(slot), descriptor)
                })?;
            }
            address = next;
        }
        ControlFlow::Continue(())
    }

    /// Calls `visit` with the address and permissions of every page and block; `base` is
    /// added to each address.
    #[cfg(feature = "ktest")]
    pub(super) fn for_each_entry(&self, base: u64, visit: &mut dyn FnMut(u64, PageFlags)) {
        Self::visit_table(self.root, 0, base, visit);
    }

    #[cfg(feature = "ktest")]
    fn visit_table(table: u64, level: u32, base: u64, visit: &mut dyn FnMut(u64, PageFlags)) {
        for at in 0..TABLE_ENTRIES {
            let descriptor = load(table, at);
            let address = base | ((at as u64) << shift(level));
            if level < LAST_LEVEL && descriptor.is_table() {
                Self::visit_table(
                    descriptor.address(),
                    level.saturating_add(1),
                    address,
                    visit,
                );
            } else if descriptor.is_valid() {
                visit(address, descriptor.flags());
            }
        }
    }

    /// Returns the tables below `table`, as far as addresses of programs reach them.
    fn free_tables(table: u64, level: u32) {
        let last = if level == 0 {
            USER_ROOT_ENTRIES - 1
        } else {
            TABLE_ENTRIES - 1
        };
        if level < LAST_LEVEL {
            let _ = for_each_used(table, 0, last, |_, _, descriptor| {
                if descriptor.is_table() {
                    Self::free_tables(descriptor.address(), level.saturating_add(1));
                    drop(Frame::from_address(descriptor.address()));
                }
                ControlFlow::<()>::Continue(())
            });
        }
    }
}

/// Calls `visit` with the valid entries `first..=last` of a table, until it breaks.
fn for_each_used<B>(
    table: u64,
    first: usize,
    last: usize,
    mut visit: impl FnMut(usize, &'static AtomicU64, Descriptor) -> ControlFlow<B>,
) -> ControlFlow<B> {
    let range = entries(table).get(first..=last).unwrap_or(&[]);
    let mut at = first;
    for group in range.chunks(GROUP) {
        let any = |any, slot: &AtomicU64| any | slot.load(Ordering::Relaxed);
        // Of a known length, so that it is done without a loop.
        let whole = <&[AtomicU64; GROUP]>::try_from(group);
        if whole.is_ok_and(|whole| whole.iter().fold(0, any) == 0) {
            at = at.wrapping_add(GROUP);
            continue;
        }
        for slot in group {
            let descriptor = Descriptor(slot.load(Ordering::Relaxed));
            if descriptor.is_valid() {
                visit(at, slot, descriptor)?;
            }
            at = at.wrapping_add(1);
        }
    }
    ControlFlow::Continue(())
}

impl Drop for PageTable {
    /// Returns the table pages. What the last level maps must have been unmapped before.
    fn drop(&mut self) {
        let end = self.listed();
        if matches!(self.purpose, Purpose::Tables) && end <= TABLE_ENTRIES {
            for place in USER_ROOT_ENTRIES..end {
                drop(Frame::from_address(load(self.root, place).0));
            }
        } else {
            Self::free_tables(self.root, 0);
        }
        drop(Frame::from_address(self.root));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::{MemoryType, PageFlags};
    use crate::mm::tests::with_memory;
    use alloc::vec::Vec;

    fn page(address: u64) -> Descriptor {
        Descriptor::page(address, MemoryType::Normal, PageFlags::USER)
    }

    #[test]
    fn what_is_set_is_found_and_tables_come_back() {
        with_memory(|| {
            let before = crate::mm::free_frames();
            let mut table = PageTable::new(Purpose::Tables).unwrap();
            let places = [0x1_0000, 0x20_0000, 0x4000_0000, 0x7fff_ffff_f000];
            for (number, place) in (1..).zip(places) {
                let old = table.set(place, page(number << 12)).unwrap();
                assert!(!old.is_valid());
            }
            for (number, place) in (1..).zip(places) {
                assert_eq!(table.lookup(place).address(), number << 12);
                assert!(!table.lookup(place + PAGE).is_valid());
            }
            let mut seen = Vec::new();
            let _ = table.for_each_page(0, 1 << 47, |address, _, _| {
                seen.push(address);
                ControlFlow::<()>::Continue(())
            });
            assert_eq!(seen, places);
            table.entry(places[1]).unwrap().set(Descriptor::INVALID);
            assert!(!table.lookup(places[1]).is_valid());
            assert!(table.entry(1 << 46).is_none());
            assert_eq!(before - crate::mm::free_frames(), table.table_pages());
            drop(table);
            assert_eq!(crate::mm::free_frames(), before);
        });
    }

    #[test]
    fn permissions_may_change_in_place() {
        with_memory(|| {
            let mut table = PageTable::new(Purpose::Tables).unwrap();
            table.set(0x1000, page(0x5000)).unwrap();
            let flags = PageFlags::USER | PageFlags::WRITE;
            let writable = Descriptor::page(0x5000, MemoryType::Normal, flags);
            let entry = table.entry(0x1000).unwrap();
            entry.set(writable);
            entry.set(writable.without_write());
            entry.set(Descriptor::INVALID);
            entry.set(page(0x6000));
        });
    }

    #[test]
    #[should_panic(expected = "without a break")]
    fn another_page_needs_a_break() {
        check_change(page(0x5000), page(0x6000));
    }

    #[test]
    #[should_panic(expected = "without a break")]
    fn another_kind_of_memory_needs_a_break() {
        let device = Descriptor::page(0x5000, MemoryType::Device, PageFlags::USER);
        check_change(page(0x5000), device);
    }

    #[test]
    fn more_tables_than_the_root_lists_come_back_too() {
        with_memory(|| {
            let before = crate::mm::free_frames();
            let mut table = PageTable::new(Purpose::Tables).unwrap();
            for number in 0..600u64 {
                table.set(number << 21, page(0x1000)).unwrap();
            }
            assert!(table.table_pages() > 600);
            assert_eq!(before - crate::mm::free_frames(), table.table_pages());
            drop(table);
            assert_eq!(crate::mm::free_frames(), before);
        });
    }

    #[test]
    fn a_walk_keeps_to_its_range_and_stops_when_told() {
        with_memory(|| {
            let mut table = PageTable::new(Purpose::Tables).unwrap();
            for number in [0u64, 1, 9, 510, 511, 512, 513, 1023, 1024] {
                table.set(number * PAGE, page(0x1000)).unwrap();
            }
            let seen = |from: u64, to: u64, most: usize| {
                let mut seen = Vec::new();
                let _ = table.for_each_page(from * PAGE, to * PAGE, |address, _, _| {
                    seen.push(address / PAGE);
                    if seen.len() < most {
                        ControlFlow::Continue(())
                    } else {
                        ControlFlow::Break(())
                    }
                });
                seen
            };
            assert_eq!(seen(1, 1024, 99), [1, 9, 510, 511, 512, 513, 1023]);
            assert_eq!(seen(10, 512, 99), [510, 511]);
            assert_eq!(seen(9, 10, 99), [9]);
            assert_eq!(seen(2, 9, 99), []);
            assert_eq!(seen(0, 2000, 3), [0, 1, 9]);
        });
    }
}
