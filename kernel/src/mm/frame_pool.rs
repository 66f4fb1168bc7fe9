//! The pool of physical pages.
//!
//! Whole 2 MiB blocks come from `buddy_system_allocator`, whose lists live in the free
//! memory itself; single pages and small runs from the bitmap of a block that was
//! taken apart. A block whose pages are all back returns to the buddy system.
//! Returning a page allocates nothing. Single pages pass through the caches of the CPUs
//! ([`frame_cache`](super::frame_cache)).
//!
//! Lock order: the pool's lock is a leaf.
#![allow(unsafe_code, reason = "the physical map is raw memory")]

use core::alloc::Layout;
use core::ptr::NonNull;

use abi::PAGE_SIZE;
use buddy_system_allocator::Heap;

use crate::arch::{phys_to_virt, virt_to_phys};
use crate::limits::{KERNEL_RESERVE_PAGES_MAX, KERNEL_RESERVE_PAGES_MIN, KERNEL_RESERVE_SHARE};
use crate::sync::SpinLock;
use crate::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use crate::word;

use super::PAGE;
use super::block_map::{BLOCK_PAGES, BlockMap};
use super::frame::{PURPOSES, Purpose, set_frames};
use super::frame_cache::{self, give_page, take_page};

const BLOCK_SIZE: usize = BLOCK_PAGES * PAGE_SIZE;
const BLOCK_BYTES: u64 = BLOCK_SIZE as u64;
/// Largest run that comes from a block's bitmap, as a power of two of pages.
const SMALL_ORDER_MAX: u32 = 6;
const NO_BLOCK: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Block {
    map: BlockMap,
    previous: u32,
    next: u32,
    listed: bool,
}

struct Pool {
    buddies: Heap<32>,
    blocks: &'static mut [Block],
    /// First of the blocks that are taken apart and have free pages.
    partial: u32,
    start: u64,
    free: u64,
}

static POOL: SpinLock<Option<Pool>> = SpinLock::new(None);
static TOTAL: AtomicU64 = AtomicU64::new(0);
static KERNEL: AtomicU64 = AtomicU64::new(0);
/// The pool has less than the kernel's reserve.
static LOW: AtomicBool = AtomicBool::new(false);

impl Pool {
    fn block(&mut self, index: u32) -> Option<&mut Block> {
        self.blocks.get_mut(index as usize)
    }

    fn list(&mut self, index: u32) {
        let head = self.partial;
        let Some(block) = self.block(index) else {
            return;
        };
        if core::mem::replace(&mut block.listed, true) {
            return;
        }
        (block.previous, block.next) = (NO_BLOCK, head);
        if let Some(old) = self.block(head) {
            old.previous = index;
        }
        self.partial = index;
    }

    fn unlist(&mut self, index: u32) {
        let Some(block) = self.block(index) else {
            return;
        };
        if !core::mem::replace(&mut block.listed, false) {
            return;
        }
        let (previous, next) = (block.previous, block.next);
        match self.block(previous) {
            Some(before) => before.next = next,
            None => self.partial = next,
        }
        if let Some(after) = self.block(next) {
            after.previous = previous;
        }
    }

    fn block_start(&self, index: u32) -> u64 {
        let offset = u64::from(index).saturating_mul(BLOCK_BYTES);
        self.start.saturating_add(offset)
    }

    fn block_of(&self, address: u64) -> Option<u32> {
        u32::try_from(address.checked_sub(self.start)? / BLOCK_BYTES).ok()
    }

    fn layout(blocks: usize) -> Option<Layout> {
        let bytes = BLOCK_SIZE.checked_mul(blocks.next_power_of_two())?;
        Layout::from_size_align(bytes, bytes).ok()
    }

    fn take_blocks(&mut self, count: usize) -> Option<u64> {
        let place = self.buddies.alloc(Self::layout(count)?).ok()?;
        self.free = self.free.saturating_sub(pages_in(count));
        Some(virt_to_phys(place.as_ptr()))
    }

    /// Gives whole blocks to the buddy system for the first time.
    fn add_blocks(&mut self, start: u64, end: u64) {
        let Some(bytes) = end.checked_sub(start).filter(|bytes| *bytes > 0) else {
            return;
        };
        self.free = self.free.saturating_add(bytes / PAGE);
        let place = phys_to_virt(start) as usize;
        let behind = place.saturating_add(word::index(bytes));
        // SAFETY: free, mapped memory that is given to the buddy system once.
        unsafe { self.buddies.add_to_heap(place, behind) };
    }

    fn give_blocks(&mut self, address: u64, count: usize) {
        let Some(layout) = Self::layout(count) else {
            return;
        };
        let Some(place) = NonNull::new(phys_to_virt(address)) else {
            return;
        };
        self.free = self.free.saturating_add(pages_in(count));
        // SAFETY: the blocks were taken with this layout, or are given for the first
        // time at boot; nobody uses them any more.
        unsafe { self.buddies.dealloc(place, layout) };
    }

    fn take_small(&mut self, order: u32) -> Option<u64> {
        let mut index = self.partial;
        while let Some(block) = self.block(index) {
            let next = block.next;
            if let Some(page) = block.map.take(order) {
                if block.map.free() == 0 {
                    self.unlist(index);
                }
                self.free = self.free.saturating_sub(1 << order);
                let offset = (page as u64).saturating_mul(PAGE);
                return Some(self.block_start(index).saturating_add(offset));
            }
            index = next;
        }
        let address = self.take_blocks(1)?;
        let index = self.block_of(address)?;
        self.block(index)?.map.set_all_free();
        self.free = self.free.saturating_add(BLOCK_PAGES as u64);
        self.list(index);
        self.take_small(order)
    }

    /// Takes up to `most` single pages of one block; returns how many.
    fn take_singles(&mut self, most: usize, take: &mut dyn FnMut(u64)) -> usize {
        let index = self.partial;
        let start = self.block_start(index);
        let Some(block) = self.block(index) else {
            // No block is taken apart: this takes the next one apart.
            return self.take_small(0).map_or(0, |page| {
                take(page);
                1
            });
        };
        let taken = block.map.take_singles(most, |page| {
            take(start | ((page as u64) << PAGE.trailing_zeros()))
        });
        if block.map.free() == 0 {
            self.unlist(index);
        }
        self.free = self.free.saturating_sub(taken as u64);
        taken
    }

    fn give_small(&mut self, address: u64, order: u32) {
        let Some(index) = self.block_of(address) else {
            return;
        };
        // Blocks start at multiples of their size.
        let page = (address % BLOCK_BYTES / PAGE) as usize;
        let Some(block) = self.block(index) else {
            return;
        };
        assert!(
            block.map.give(page, order),
            "physical page {address:#x} freed twice"
        );
        let whole = block.map.free() == BLOCK_PAGES;
        self.free = self.free.saturating_add(1 << order);
        if whole {
            self.unlist(index);
            if let Some(block) = self.block(index) {
                block.map = BlockMap::FULL;
            }
            self.free = self.free.saturating_sub(BLOCK_PAGES as u64);
            self.give_blocks(self.block_start(index), 1);
        } else {
            self.list(index);
        }
    }
}

/// Pages that the buddy system hands out for so many blocks.
fn pages_in(blocks: usize) -> u64 {
    (blocks.next_power_of_two() as u64).saturating_mul(BLOCK_PAGES as u64)
}

/// Makes physical memory available: `start..end`, less the `reserved` ranges.
///
/// Called once at boot, when the memory is in the physical map. The tables that this
/// needs are placed behind the end of `reserved[0]`, the kernel image.
///
/// # Errors
/// Words for a person where there is no room for the tables.
pub fn add_memory(start: u64, end: u64, reserved: &[(u64, u64)]) -> Result<(), &'static str> {
    let start = start.next_multiple_of(BLOCK_BYTES);
    let end = end & !(PAGE - 1);
    let pages = word::index(end.saturating_sub(start) / PAGE);
    let block_count = pages.div_ceil(BLOCK_PAGES);
    let bytes = table_bytes(block_count, pages).ok_or("too much memory")?;
    let after = reserved.first().map_or(start, |image| image.1);
    let tables = find_gap(after, end, bytes, reserved).ok_or("too little memory")?;
    let base = phys_to_virt(tables.0);
    // SAFETY: the range lies in mapped memory that overlaps nothing reserved, is aligned
    // to a page, and is large enough for both arrays, the blocks first.
    let (blocks, states) = unsafe {
        let blocks = base.cast::<Block>();
        for index in 0..block_count {
            blocks.add(index).write(Block {
                map: BlockMap::FULL,
                previous: NO_BLOCK,
                next: NO_BLOCK,
                listed: false,
            });
        }
        let states = blocks.add(block_count).cast::<AtomicU32>();
        states.write_bytes(0, pages);
        (
            core::slice::from_raw_parts_mut(blocks, block_count),
            core::slice::from_raw_parts(states.cast_const(), pages),
        )
    };
    let mut pool = Pool {
        buddies: Heap::empty(),
        blocks,
        partial: NO_BLOCK,
        start,
        free: 0,
    };
    let taken = |from: u64, to: u64| {
        let overlaps = |range: &(u64, u64)| range.0 < to && from < range.1;
        overlaps(&tables) || reserved.iter().any(overlaps)
    };
    // Neighbouring blocks are given together: the buddy system then keeps them as few
    // large ones, and touches one page of each.
    let mut run = start;
    for from in (start..end).step_by(BLOCK_SIZE) {
        let to = from.saturating_add(BLOCK_BYTES);
        if to <= end && !taken(from, to) {
            continue;
        }
        pool.add_blocks(run, from);
        run = to;
        for page in (from..to.min(end)).step_by(PAGE_SIZE) {
            if !taken(page, page.saturating_add(PAGE)) {
                pool.give_small(page, 0);
            }
        }
    }
    pool.add_blocks(run, end);
    TOTAL.store(pages as u64, Ordering::Relaxed);
    KERNEL.store((pages as u64).saturating_sub(pool.free), Ordering::Relaxed);
    set_frames(start, states);
    *POOL.lock() = Some(pool);
    Ok(())
}

/// Bytes of the tables about so many blocks and pages.
fn table_bytes(blocks: usize, pages: usize) -> Option<u64> {
    let blocks = blocks.checked_mul(size_of::<Block>())?;
    let pages = pages.checked_mul(size_of::<AtomicU32>())?;
    Some(blocks.checked_add(pages)? as u64)
}

/// The first whole pages with room for `bytes` that nothing has reserved.
fn find_gap(from: u64, end: u64, bytes: u64, reserved: &[(u64, u64)]) -> Option<(u64, u64)> {
    let mut place = from.next_multiple_of(PAGE);
    loop {
        let behind = place.checked_add(bytes)?;
        let blocking = reserved
            .iter()
            .find(|range| range.0 < behind && place < range.1);
        match blocking {
            Some(range) => place = range.1.next_multiple_of(PAGE),
            None if behind <= end => return Some((place, behind.next_multiple_of(PAGE))),
            None => return None,
        }
    }
}

/// The order of the run that is really taken: above a bitmap word, whole blocks.
const fn whole_order(order: u32) -> u32 {
    if order > SMALL_ORDER_MAX && order < BLOCK_PAGES.trailing_zeros() {
        BLOCK_PAGES.trailing_zeros()
    } else {
        order
    }
}

/// Pages that programs, their tables and cached files leave to the kernel itself, whose
/// filesystem and drivers must not run out: a share of the memory, within bounds.
fn kernel_reserve() -> u64 {
    (TOTAL.load(Ordering::Relaxed) / KERNEL_RESERVE_SHARE)
        .clamp(KERNEL_RESERVE_PAGES_MIN, KERNEL_RESERVE_PAGES_MAX)
}

impl Pool {
    /// Pages that may be taken for a purpose.
    fn available(&self, purpose: Purpose) -> u64 {
        match purpose {
            Purpose::Kernel | Purpose::Heap => self.free,
            _ => self.free.saturating_sub(kernel_reserve()),
        }
    }

    fn note_level(&self) {
        LOW.store(self.free < kernel_reserve(), Ordering::Relaxed);
    }
}

/// Whether the kernel's reserve is in use.
#[inline]
pub(super) fn pool_is_low() -> bool {
    LOW.load(Ordering::Relaxed)
}

/// Takes up to `most` single pages for a cache and hands each on; returns how many.
///
/// The kernel's reserve is handed out page by page, so that it does not end in a cache.
pub(super) fn take_from_pool(most: usize, purpose: Purpose, take: &mut dyn FnMut(u64)) -> usize {
    let mut pool = POOL.lock();
    let Some(pool) = pool.as_mut() else { return 0 };
    let most = match pool.available(purpose) {
        0 => return 0,
        _ => word::index(pool.free.saturating_sub(kernel_reserve())).clamp(1, most),
    };
    let mut taken = 0usize;
    while taken < most {
        match pool.take_singles(most.saturating_sub(taken), take) {
            0 => break,
            count => taken = taken.saturating_add(count),
        }
    }
    pool.note_level();
    taken
}

/// Returns single pages from a cache.
pub(super) fn give_to_pool(pages: &[u64]) {
    let mut pool = POOL.lock();
    let Some(pool) = pool.as_mut() else { return };
    for page in pages {
        pool.give_small(*page, 0);
    }
    pool.note_level();
}

/// Takes `1 << order` pages in a row, not zeroed; their physical address.
pub(super) fn take_pages(order: u32, purpose: Purpose) -> Option<u64> {
    if order == 0 {
        return take_page(purpose);
    }
    take_run(order, purpose).or_else(|| {
        // The pages at hand may be what breaks the only run there is.
        frame_cache::empty_own()
            .then(|| take_run(order, purpose))
            .flatten()
    })
}

fn take_run(order: u32, purpose: Purpose) -> Option<u64> {
    let order = whole_order(order);
    let address = {
        let mut pool = POOL.lock();
        let pool = pool.as_mut()?;
        if pool.available(purpose) < 1 << order {
            return None;
        }
        let address = if order <= SMALL_ORDER_MAX {
            pool.take_small(order)?
        } else {
            pool.take_blocks((1usize << order) / BLOCK_PAGES)?
        };
        pool.note_level();
        address
    };
    frame_cache::count_used(purpose, 1 << order);
    Some(address)
}

/// Returns what [`take_pages`] handed out.
pub(super) fn give_pages(address: u64, order: u32, purpose: Purpose) {
    if order == 0 {
        return give_page(address, purpose);
    }
    let order = whole_order(order);
    {
        let mut pool = POOL.lock();
        let Some(pool) = pool.as_mut() else { return };
        if order <= SMALL_ORDER_MAX {
            pool.give_small(address, order);
        } else {
            pool.give_blocks(address, (1usize << order) / BLOCK_PAGES);
        }
        pool.note_level();
    }
    frame_cache::count_used(purpose, (1u64 << order).wrapping_neg());
}

/// Number of free pages.
pub fn free_frames() -> u64 {
    let pool = POOL.lock();
    let cached = frame_cache::cached_pages();
    pool.as_ref()
        .map_or(0, |pool| pool.free.saturating_add(cached))
}

/// How physical memory is used, in pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryUse {
    /// All pages.
    pub total: u64,
    /// Free pages.
    pub free: u64,
    /// Pages by [`Purpose`].
    pub used: [u64; PURPOSES],
}

/// How physical memory is used just now.
pub fn memory_use() -> MemoryUse {
    let mut used: [u64; PURPOSES] = core::array::from_fn(frame_cache::used_pages);
    if let Some(kernel) = used.get_mut(Purpose::Kernel as usize) {
        *kernel = kernel.saturating_add(KERNEL.load(Ordering::Relaxed));
    }
    MemoryUse {
        total: TOTAL.load(Ordering::Relaxed),
        free: free_frames(),
        used,
    }
}
