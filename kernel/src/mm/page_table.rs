//! Four-level page tables: walking, filling, emptying.
#![allow(unsafe_code, reason = "table entries are raw memory")]

#[cfg(feature = "ktest")]
use crate::arch::PageFlags;
use crate::arch::{Descriptor, TABLE_ENTRIES, phys_to_virt};
use crate::sync::atomic::{AtomicU64, Ordering};

use super::PAGE;
use super::frame::{Frame, Purpose};

/// Levels of a table; level 3 holds pages.
const LAST_LEVEL: u32 = 3;

/// A table page had to be made and there was none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoTable;

/// The root of a tree of tables. Table pages are owned by the tree.
#[derive(Debug)]
pub(super) struct PageTable {
    root: u64,
    purpose: Purpose,
    /// Table pages below the root.
    tables: u64,
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

fn load(table: u64, index: usize) -> Descriptor {
    Descriptor(entry(table, index).load(Ordering::Relaxed))
}

impl PageTable {
    /// An empty tree.
    pub(super) fn new(purpose: Purpose) -> Result<Self, NoTable> {
        let root = Frame::zeroed(purpose).ok_or(NoTable)?.into_address();
        Ok(PageTable {
            root,
            purpose,
            tables: 0,
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
                self.tables = self.tables.saturating_add(1);
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
        let table = self.table_at(address, LAST_LEVEL)?;
        let old = entry(table, index(address, LAST_LEVEL)).swap(descriptor.0, Ordering::AcqRel);
        Ok(Descriptor(old))
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

    /// Clears the entry of a page; returns the old one, invalid where there was none.
    pub(super) fn clear(&mut self, address: u64) -> Descriptor {
        let mut table = self.root;
        for level in 0..LAST_LEVEL {
            let descriptor = load(table, index(address, level));
            if !descriptor.is_table() {
                return Descriptor::INVALID;
            }
            table = descriptor.address();
        }
        Descriptor(entry(table, index(address, LAST_LEVEL)).swap(0, Ordering::AcqRel))
    }

    /// Calls `visit` with the address and entry of every page mapped in a range, skipping
    /// what has no table. An entry that `visit` returns replaces the old one.
    pub(super) fn for_each_page(
        &mut self,
        start: u64,
        end: u64,
        visit: &mut dyn FnMut(u64, Descriptor) -> Option<Descriptor>,
    ) {
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
            if level < LAST_LEVEL {
                address = (address | !(u64::MAX << shift(level))).saturating_add(1);
                continue;
            }
            let slot = entry(table, index(address, LAST_LEVEL));
            let descriptor = Descriptor(slot.load(Ordering::Relaxed));
            if descriptor.is_valid()
                && let Some(new) = visit(address, descriptor)
            {
                slot.store(new.0, Ordering::Release);
            }
            address = address.saturating_add(PAGE);
        }
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

    fn free_tables(table: u64, level: u32) {
        if level < LAST_LEVEL {
            for at in 0..TABLE_ENTRIES {
                let descriptor = load(table, at);
                if descriptor.is_table() {
                    Self::free_tables(descriptor.address(), level.saturating_add(1));
                }
            }
        }
        drop(Frame::from_address(table));
    }
}

impl Drop for PageTable {
    /// Returns the table pages. What the last level maps must have been unmapped before.
    fn drop(&mut self) {
        Self::free_tables(self.root, 0);
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
            table.for_each_page(0, 1 << 47, &mut |address, _| {
                seen.push(address);
                None
            });
            assert_eq!(seen, places);
            assert!(table.clear(places[1]).is_valid());
            assert!(!table.clear(places[1]).is_valid());
            assert_eq!(before - crate::mm::free_frames(), table.table_pages());
            drop(table);
            assert_eq!(crate::mm::free_frames(), before);
        });
    }
}
