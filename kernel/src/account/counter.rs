//! One resource of one account.

use crate::sync::atomic::{AtomicU64, Ordering};

/// What is taken from the parent, and how much of it is not used.
///
/// `spare <= taken` at all times: what is taken is counted before it becomes spare, and
/// what is spare is taken away before it is given back.
#[derive(Debug)]
pub(super) struct Counter {
    spare: AtomicU64,
    taken: AtomicU64,
    limit: AtomicU64,
    refusals: AtomicU64,
}

impl Counter {
    pub(super) const fn new() -> Counter {
        Counter {
            spare: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            limit: AtomicU64::new(u64::MAX),
            refusals: AtomicU64::new(0),
        }
    }

    pub(super) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    pub(super) fn spare(&self) -> u64 {
        self.spare.load(Ordering::Relaxed)
    }

    pub(super) fn limit(&self) -> u64 {
        self.limit.load(Ordering::Relaxed)
    }

    pub(super) fn set_limit(&self, limit: u64) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    pub(super) fn refusals(&self) -> u64 {
        self.refusals.load(Ordering::Relaxed)
    }

    pub(super) fn count_refusal(&self) {
        self.refusals.fetch_add(1, Ordering::Relaxed);
    }

    /// Uses some of what is spare, if there is enough.
    #[inline]
    pub(super) fn take_spare(&self, amount: u64) -> bool {
        self.spare
            .fetch_update(Ordering::SeqCst, Ordering::Relaxed, |spare| {
                spare.checked_sub(amount)
            })
            .is_ok()
    }

    /// Takes away everything that is spare.
    pub(super) fn take_all_spare(&self) -> u64 {
        self.spare.swap(0, Ordering::SeqCst)
    }

    /// Takes away what is spare beyond `keep`.
    pub(super) fn take_spare_above(&self, keep: u64) -> u64 {
        self.spare
            .fetch_update(Ordering::SeqCst, Ordering::Relaxed, |spare| {
                (spare > keep).then_some(keep)
            })
            .map_or(0, |before| before.saturating_sub(keep))
    }

    /// Adds spare; returns how much there is then.
    #[inline]
    pub(super) fn add_spare(&self, amount: u64) -> u64 {
        let before = self.spare.fetch_add(amount, Ordering::SeqCst);
        before.saturating_add(amount)
    }

    /// Counts more as taken, unless it exceeds the limit.
    pub(super) fn raise(&self, amount: u64) -> bool {
        let limit = self.limit();
        self.taken
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |taken| {
                taken.checked_add(amount).filter(|sum| *sum <= limit)
            })
            .is_ok()
    }

    /// Counts more as taken, whatever the limit.
    pub(super) fn raise_anyway(&self, amount: u64) {
        self.taken.fetch_add(amount, Ordering::Relaxed);
    }

    /// Counts less as taken.
    pub(super) fn lower(&self, amount: u64) {
        let before = self.taken.fetch_sub(amount, Ordering::Relaxed);
        debug_assert!(before >= amount, "returned what was never charged");
    }
}
