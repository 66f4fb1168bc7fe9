//! Free pages at hand: a stack of single pages for each CPU, in front of the pool.
//!
//! Only its own CPU touches a cache, with interrupts masked, so neither taking nor giving
//! a page writes anything that another CPU writes. A cache is filled and emptied half a
//! stack at a time. The counts of pages in use are kept here for the same reason: one set
//! for each CPU, of which only the sum over all has a meaning.
//!
//! While the pool is below the kernel's reserve, pages that come back pass by the cache.
#![forbid(unsafe_code)]

use crate::arch::{cpu_id, irq_restore, irq_save};
use crate::limits::CPUS_MAX;
use crate::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::frame::{PURPOSES, Purpose};
use super::frame_pool::{give_to_pool, pool_is_low, take_from_pool};

/// Most pages in one cache.
const CAPACITY: usize = 64;
/// Pages that move between a cache and the pool at a time.
const BATCH: usize = CAPACITY / 2;

/// One CPU's free pages and counts. All accesses are by that CPU alone, but for the sums.
#[repr(align(64))]
struct FrameCache {
    count: AtomicUsize,
    pages: [AtomicU64; CAPACITY],
    used: [AtomicU64; PURPOSES],
}

static CACHES: [FrameCache; CPUS_MAX] = [const {
    FrameCache {
        count: AtomicUsize::new(0),
        pages: [const { AtomicU64::new(0) }; CAPACITY],
        used: [const { AtomicU64::new(0) }; PURPOSES],
    }
}; CPUS_MAX];

impl FrameCache {
    #[inline]
    fn pop(&self) -> Option<u64> {
        let last = self.count.load(Ordering::Relaxed).checked_sub(1)?;
        self.count.store(last, Ordering::Relaxed);
        self.pages
            .get(last)
            .map(|page| page.load(Ordering::Relaxed))
    }

    /// False: the stack is full.
    #[inline]
    fn push(&self, page: u64) -> bool {
        let count = self.count.load(Ordering::Relaxed);
        let Some(place) = self.pages.get(count) else {
            return false;
        };
        place.store(page, Ordering::Relaxed);
        self.count.store(count.wrapping_add(1), Ordering::Relaxed);
        true
    }

    #[inline]
    fn count_used(&self, purpose: Purpose, pages: u64) {
        if let Some(count) = self.used.get(purpose as usize) {
            let sum = count.load(Ordering::Relaxed).wrapping_add(pages);
            count.store(sum, Ordering::Relaxed);
        }
    }

    #[cold]
    fn refill(&self, purpose: Purpose) -> Option<u64> {
        // The lowest address is handed out first, so they go in from the top.
        let mut places = self.pages.iter().take(BATCH).rev();
        let taken = take_from_pool(BATCH, purpose, &mut |page| {
            if let Some(place) = places.next() {
                place.store(page, Ordering::Relaxed);
            }
        });
        if taken < BATCH {
            // Not from the bottom on: they are moved there.
            let start = BATCH.wrapping_sub(taken);
            for (to, from) in self
                .pages
                .iter()
                .zip(self.pages.iter().skip(start))
                .take(taken)
            {
                to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
            }
        }
        self.count.store(taken, Ordering::Relaxed);
        self.pop()
    }

    #[cold]
    fn empty(&self, pages: usize) {
        let mut batch = [0; CAPACITY];
        let mut places = batch.iter_mut().take(pages);
        while let Some(page) = self.pop() {
            match places.next() {
                Some(place) => *place = page,
                None => {
                    self.push(page);
                    break;
                }
            }
        }
        let count = pages.min(CAPACITY).saturating_sub(places.len());
        give_to_pool(batch.get(..count).unwrap_or(&[]));
    }
}

/// Runs `work` with this CPU's cache.
#[inline]
fn with_own<R>(work: impl FnOnce(&FrameCache) -> R) -> R {
    let irq = irq_save();
    // CPU numbers are below the limit.
    let result = work(CACHES.get(cpu_id()).unwrap_or(&CACHES[0]));
    irq_restore(irq);
    result
}

/// Takes a page.
#[inline]
pub(super) fn take_page(purpose: Purpose) -> Option<u64> {
    with_own(|cache| {
        let page = match cache.pop() {
            Some(page) => page,
            None => cache.refill(purpose)?,
        };
        cache.count_used(purpose, 1);
        Some(page)
    })
}

/// Returns a page.
#[inline]
pub(super) fn give_page(page: u64, purpose: Purpose) {
    with_own(|cache| {
        cache.count_used(purpose, 1u64.wrapping_neg());
        if pool_is_low() {
            give_to_pool(&[page]);
        } else if !cache.push(page) {
            cache.empty(BATCH);
            cache.push(page);
        }
    });
}

/// Counts pages that were taken from the pool itself, or with a negative number returned.
pub(super) fn count_used(purpose: Purpose, pages: u64) {
    with_own(|cache| cache.count_used(purpose, pages));
}

/// Gives this CPU's free pages back to the pool; returns whether there were any.
pub(super) fn empty_own() -> bool {
    with_own(|cache| {
        let any = cache.count.load(Ordering::Relaxed) != 0;
        cache.empty(CAPACITY);
        any
    })
}

/// Free pages in all caches.
pub(super) fn cached_pages() -> u64 {
    CACHES
        .iter()
        .map(|cache| cache.count.load(Ordering::Relaxed) as u64)
        .sum()
}

/// Pages in use for a purpose.
pub(super) fn used_pages(purpose: usize) -> u64 {
    CACHES
        .iter()
        .filter_map(|cache| cache.used.get(purpose))
        .map(|count| count.load(Ordering::Relaxed))
        .fold(0, u64::wrapping_add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mm::tests::with_memory;
    use crate::mm::{free_frames, memory_use};
    use alloc::vec::Vec;

    #[test]
    fn pages_are_handed_out_once_and_all_count_as_free_again() {
        with_memory(|| {
            let (free, used) = (free_frames(), memory_use().used);
            let mut pages: Vec<u64> = (0..1000)
                .map(|_| take_page(Purpose::User).unwrap())
                .collect();
            assert_eq!(free - free_frames(), 1000);
            assert_eq!(memory_use().used[Purpose::User as usize] - used[2], 1000);
            pages.sort_unstable();
            pages.dedup();
            assert_eq!(pages.len(), 1000);
            for page in pages {
                give_page(page, Purpose::User);
            }
            assert_eq!((free_frames(), memory_use().used), (free, used));
            assert!(cached_pages() <= CAPACITY as u64);
            empty_own();
            assert_eq!((free_frames(), cached_pages()), (free, 0));
        });
    }
}
