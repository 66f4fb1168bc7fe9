//! Memory set aside for code whose collections cannot fail.
//!
//! A [`HeapReserve`] owns runs of pages that nobody else gets. Taking a
//! [`HeapReservation`] out of it, for the worst that one operation can need, is the point
//! that fails. While the reservation lives, allocations of the thread that took it are
//! served from the reserve when the pool has nothing left. What outlives the operation
//! leaves a hole; the next reservation puts a new run in the place of one with a hole.
//!
//! Objects in a reserve have slabs of their own ([`heap`](super::heap)), so that no other
//! thread uses the memory up.
//!
//! Lock order: behind the heap's slabs, before the pool.
#![cfg_attr(not(test), forbid(unsafe_code))]
#![cfg_attr(
    test,
    allow(unsafe_code, reason = "tests call the allocator themselves")
)]

use crate::arch::{phys_to_virt, stack_id, virt_to_phys};
use crate::limits::{HEAP_RESERVE_RUNS_MAX, HEAP_RESERVES_MAX};
use crate::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use crate::sync::{AllocError, SpinLock};

use super::PAGE;
use super::block_map::{aligned_run, ones};
use super::frame::Purpose;
use super::frame_pool::{give_pages, take_pages};
use super::shortage;

/// Size of a run as a power of two of pages: the longest block that a reserve can serve.
const RUN_ORDER: u32 = 6;
/// Bytes of a run.
pub const RESERVE_RUN_BYTES: usize = abi::PAGE_SIZE << RUN_ORDER;
/// Address bits of a run's start.
const RUN_MASK: u64 = !(RESERVE_RUN_BYTES as u64 - 1);
/// Where the heap's common objects live; reserves are the homes from 1 on.
pub(super) const COMMON: usize = 0;
/// Homes of objects.
pub(super) const HOMES: usize = HEAP_RESERVES_MAX + 1;

/// 64 pages; bit set = free. A run at 0 is none.
#[derive(Clone, Copy, Debug)]
struct Run {
    base: u64,
    free: u64,
}

impl Run {
    const NONE: Run = Run { base: 0, free: 0 };

    fn is_whole(&self) -> bool {
        self.free == u64::MAX
    }

    fn pages_out(&self) -> u64 {
        match self.base {
            0 => 0,
            _ => u64::from(self.free.count_zeros()),
        }
    }

    fn take(&mut self, order: u32) -> Option<u64> {
        let first = aligned_run(self.free, order)?;
        self.free &= !(ones(order)? << first);
        Some(self.base | (u64::from(first) << PAGE.trailing_zeros()))
    }

    /// False: the pages are not of this run.
    fn give(&mut self, address: u64, order: u32) -> bool {
        // Runs lie at multiples of their size.
        if self.base == 0 || address & RUN_MASK != self.base {
            return false;
        }
        let first = (address ^ self.base) >> PAGE.trailing_zeros();
        let bits = ones(order).unwrap_or(0) << first;
        assert!(
            self.free & bits == 0,
            "reserved page {address:#x} freed twice"
        );
        self.free |= bits;
        true
    }

    /// Gives the free pages to the pool; those in use go there when they are freed.
    fn dissolve(self) {
        for page in (0..u64::BITS).filter(|page| self.free.rotate_right(*page) & 1 == 1) {
            let offset = u64::from(page) << PAGE.trailing_zeros();
            give_pages(self.base | offset, 0, Purpose::Heap);
        }
    }
}

struct Store {
    claimed: AtomicBool,
    /// The thread that has the reservation; 0 is none.
    owner: AtomicU64,
    /// Runs it has.
    count: AtomicUsize,
    /// Pages that are handed out.
    out: AtomicU64,
    runs: SpinLock<[Run; HEAP_RESERVE_RUNS_MAX]>,
}

static STORES: [Store; HEAP_RESERVES_MAX] = [const {
    Store {
        claimed: AtomicBool::new(false),
        owner: AtomicU64::new(0),
        count: AtomicUsize::new(0),
        out: AtomicU64::new(0),
        runs: SpinLock::new([Run::NONE; HEAP_RESERVE_RUNS_MAX]),
    }
}; HEAP_RESERVES_MAX];

/// Pages of all reserves that are handed out: most of the time none, which makes it quick
/// to see that freed pages are the pool's.
static OUT: AtomicU64 = AtomicU64::new(0);
/// Reservations that live.
static OPEN: AtomicUsize = AtomicUsize::new(0);

impl Store {
    fn take(&self, order: u32) -> Option<u64> {
        let mut runs = self.runs.lock();
        let page = runs.iter_mut().find_map(|run| run.take(order))?;
        self.out.fetch_add(1 << order, Ordering::Relaxed);
        OUT.fetch_add(1 << order, Ordering::Relaxed);
        Some(page)
    }

    fn give(&self, address: u64, order: u32) -> bool {
        if self.out.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let mut runs = self.runs.lock();
        let ours = runs.iter_mut().any(|run| run.give(address, order));
        if ours {
            self.count_back(1 << order);
        }
        ours
    }

    fn count_back(&self, pages: u64) {
        self.out.fetch_sub(pages, Ordering::Relaxed);
        OUT.fetch_sub(pages, Ordering::Relaxed);
    }

    /// Makes `wanted` runs whole.
    fn fill(&self, wanted: usize) -> Result<(), AllocError> {
        let mut runs = self.runs.lock();
        if wanted > runs.len() {
            return Err(AllocError);
        }
        for place in runs.iter_mut().take(wanted).filter(|run| !run.is_whole()) {
            let base = take_pages(RUN_ORDER, Purpose::Heap).ok_or(AllocError)?;
            let free = u64::MAX;
            let old = core::mem::replace(place, Run { base, free });
            self.count_back(old.pages_out());
            old.dissolve();
        }
        self.count.fetch_max(wanted, Ordering::Relaxed);
        Ok(())
    }

    fn empty(&self) {
        let mut runs = self.runs.lock();
        for place in runs.iter_mut() {
            let old = core::mem::replace(place, Run::NONE);
            self.count_back(old.pages_out());
            old.dissolve();
        }
        self.count.store(0, Ordering::Relaxed);
    }
}

/// Memory set aside, for one user at a time.
#[derive(Debug)]
pub struct HeapReserve {
    index: usize,
}

impl HeapReserve {
    /// A reserve without memory yet: the first reservation fills it.
    ///
    /// # Errors
    /// [`AllocError`] where there are too many.
    pub fn new() -> Result<HeapReserve, AllocError> {
        let free = |store: &Store| !store.claimed.swap(true, Ordering::Acquire);
        let index = STORES.iter().position(free).ok_or(AllocError)?;
        Ok(HeapReserve { index })
    }

    fn store(&self) -> Option<&'static Store> {
        STORES.get(self.index)
    }

    /// Sets `bytes` aside for what this thread does until the reservation is dropped.
    ///
    /// # Errors
    /// [`AllocError`] where there is not so much memory, or somebody has a reservation.
    pub fn reserve(&self, bytes: usize) -> Result<HeapReservation<'_>, AllocError> {
        if shortage::strikes() {
            return Err(AllocError);
        }
        let store = self.store().ok_or(AllocError)?;
        let wanted = bytes.div_ceil(RESERVE_RUN_BYTES);
        let whole = store.out.load(Ordering::Relaxed) == 0;
        if !whole || store.count.load(Ordering::Relaxed) < wanted {
            store.fill(wanted)?;
        }
        let (free, me) = (0, stack_id());
        store
            .owner
            .compare_exchange(free, me, Ordering::Acquire, Ordering::Relaxed)
            .map_err(|_| AllocError)?;
        OPEN.fetch_add(1, Ordering::Relaxed);
        Ok(HeapReservation { reserve: self })
    }
}

impl Drop for HeapReserve {
    fn drop(&mut self) {
        if let Some(store) = self.store() {
            store.empty();
            store.claimed.store(false, Ordering::Release);
        }
    }
}

/// Memory for one operation of the thread that took it.
#[derive(Debug)]
pub struct HeapReservation<'r> {
    reserve: &'r HeapReserve,
}

impl Drop for HeapReservation<'_> {
    fn drop(&mut self) {
        if let Some(store) = self.reserve.store() {
            OPEN.fetch_sub(1, Ordering::Relaxed);
            store.owner.store(0, Ordering::Release);
        }
    }
}

/// The home of what this thread allocates when there is no other memory.
pub(super) fn home() -> Option<usize> {
    if OPEN.load(Ordering::Relaxed) == 0 {
        return None;
    }
    let me = stack_id();
    let owned = |store: &Store| store.owner.load(Ordering::Relaxed) == me;
    let index = STORES.iter().position(owned)?;
    Some(index.saturating_add(1))
}

/// Whether this thread has a reservation.
pub fn has_reservation() -> bool {
    home().is_some()
}

/// Takes pages for objects of a home.
pub(super) fn take_home_pages(home: usize, order: u32) -> Option<*mut u8> {
    let address = match home.checked_sub(1) {
        None => take_pages(order, Purpose::Heap)?,
        Some(index) => STORES.get(index)?.take(order)?,
    };
    Some(phys_to_virt(address))
}

/// Returns pages of the heap to where they belong.
pub(super) fn give_heap_pages(pages: *const u8, order: u32) {
    let address = virt_to_phys(pages);
    let reserved =
        OUT.load(Ordering::Relaxed) != 0 && STORES.iter().any(|store| store.give(address, order));
    if !reserved {
        give_pages(address, order, Purpose::Heap);
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use alloc::vec::Vec;
    use core::alloc::{GlobalAlloc, Layout};

    use super::*;
    use crate::mm::shortage::{Length, Shortage};
    use crate::mm::tests::with_memory;
    use crate::mm::{Frame, KernelHeap, free_frames};

    struct Block(*mut u8, Layout);

    impl Block {
        fn new(bytes: usize) -> Option<Block> {
            let layout = Layout::from_size_align(bytes, 8).unwrap();
            // SAFETY: the layout has a size, and the block is filled within it.
            unsafe {
                let block = KernelHeap.alloc(layout);
                if block.is_null() {
                    return None;
                }
                block.write_bytes(0xa5, bytes);
                Some(Block(block, layout))
            }
        }
    }

    impl Drop for Block {
        fn drop(&mut self) {
            // SAFETY: it was allocated with this layout.
            unsafe { KernelHeap.dealloc(self.0, self.1) };
        }
    }

    /// Takes every page, then calls `work`.
    fn with_empty_pool(work: impl FnOnce()) {
        let mut all = Vec::new();
        while let Some(frame) = Frame::zeroed(Purpose::Heap) {
            all.push(frame);
        }
        work();
    }

    #[test]
    fn an_empty_pool_does_not_hurt_who_has_a_reservation() {
        with_memory(|| {
            let before = free_frames();
            let reserve = HeapReserve::new().unwrap();
            drop(reserve.reserve(3 * RESERVE_RUN_BYTES).unwrap());
            assert_eq!(before - free_frames(), 3 * 64);
            with_empty_pool(|| {
                assert!(Block::new(100_000).is_none());
                let open = reserve.reserve(3 * RESERVE_RUN_BYTES).unwrap();
                let sizes = [1, 40, 4096, 5000, 131_072, 262_144];
                let blocks: Vec<Block> = sizes.into_iter().filter_map(Block::new).collect();
                assert_eq!(blocks.len(), sizes.len());
                std::thread::scope(|scope| {
                    let other = scope.spawn(|| Block::new(100_000).is_none());
                    assert!(other.join().unwrap(), "another thread got reserved memory");
                });
                drop(blocks);
                drop(open);
                assert_eq!(STORES[reserve.index].out.load(Ordering::Relaxed), 0);
                assert!(Block::new(100_000).is_none());
            });
            drop(reserve);
            assert_eq!(free_frames(), before);
        });
    }

    #[test]
    fn what_outlives_its_reservation_is_replaced_by_the_next() {
        with_memory(|| {
            let before = free_frames();
            let reserve = HeapReserve::new().unwrap();
            let mut kept = Vec::new();
            for _ in 0..5 {
                let _open = reserve.reserve(2 * RESERVE_RUN_BYTES).unwrap();
                let _shortage = Shortage::after(0, Length::Lasting);
                kept.push(Block::new(200_000).unwrap());
                kept.push(Block::new(100).unwrap());
            }
            drop(reserve.reserve(2 * RESERVE_RUN_BYTES).unwrap());
            with_empty_pool(|| {
                let open = reserve.reserve(2 * RESERVE_RUN_BYTES).unwrap();
                kept.push(Block::new(200_000).unwrap());
                drop(open);
                let refused = reserve.reserve(2 * RESERVE_RUN_BYTES);
                assert!(refused.is_err(), "there is nothing to fill the hole with");
                kept.pop();
                assert!(reserve.reserve(2 * RESERVE_RUN_BYTES).is_ok());
            });
            drop(reserve);
            drop(kept);
            assert_eq!(free_frames(), before);
        });
    }

    #[test]
    fn there_is_one_reservation_at_a_time_and_a_limit_to_its_size() {
        with_memory(|| {
            let reserve = HeapReserve::new().unwrap();
            let open = reserve.reserve(1).unwrap();
            assert!(has_reservation());
            assert!(reserve.reserve(1).is_err());
            drop(open);
            assert!(!has_reservation());
            let most = HEAP_RESERVE_RUNS_MAX * RESERVE_RUN_BYTES;
            assert!(reserve.reserve(most + 1).is_err());
        });
    }
}
