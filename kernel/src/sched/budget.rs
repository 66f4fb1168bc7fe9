//! Time that real-time threads may use of each period.
//!
//! Budgets form a tree as jobs do: what a thread uses counts in the budget of its job and
//! in all above it, and it is over when one of them is. Use beyond a budget, by a turn that
//! went on for longer, is taken off the next periods'.

use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{AllocError, Ref, SpinLock};

#[derive(Clone, Copy, Debug, Default)]
struct Spent {
    /// Number of the period.
    period: u64,
    /// Ticks used of its budget.
    ticks: u64,
}

/// A share of each period; all times in ticks of the counter.
#[derive(Debug)]
pub struct Budget {
    above: Option<Ref<Budget>>,
    period: u64,
    limit: AtomicU64,
    spent: SpinLock<Spent>,
    /// Used since it was made.
    total: AtomicU64,
}

impl Budget {
    /// A budget of `limit` ticks in each `period`, within that of `above`.
    ///
    /// # Errors
    /// [`AllocError`] where there is no memory.
    pub fn new(
        above: Option<Ref<Budget>>,
        period: u64,
        limit: u64,
    ) -> Result<Ref<Budget>, AllocError> {
        Ref::new(Budget {
            above,
            period: period.max(1),
            limit: AtomicU64::new(limit),
            spent: SpinLock::new(Spent::default()),
            total: AtomicU64::new(0),
        })
    }

    /// Changes the budget from this period on.
    pub fn set_limit(&self, ticks: u64) {
        self.limit.store(ticks, Ordering::Relaxed);
    }

    /// Ticks used since it was made.
    pub fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    /// This budget and all above it.
    fn chain(&self) -> impl Iterator<Item = &Budget> {
        core::iter::successors(Some(self), |budget| budget.above.as_deref())
    }

    /// Counts `ticks` that were used up to `now`.
    pub(super) fn spend(&self, ticks: u64, now: u64) {
        for budget in self.chain() {
            budget.total.fetch_add(ticks, Ordering::Relaxed);
            let mut spent = budget.spent.lock();
            spent.ticks = spent.ticks.saturating_add(ticks);
            budget.renew(&mut spent, now);
        }
    }

    /// What may still be used in this period.
    pub(super) fn left(&self, now: u64) -> u64 {
        let left = |budget: &Budget| {
            let mut spent = budget.spent.lock();
            budget.renew(&mut spent, now);
            budget
                .limit
                .load(Ordering::Relaxed)
                .saturating_sub(spent.ticks)
        };
        self.chain().map(left).min().unwrap_or(0)
    }

    /// Whether something could ever be used.
    pub fn is_any(&self) -> bool {
        self.chain()
            .all(|budget| budget.limit.load(Ordering::Relaxed) > 0)
    }

    /// When the period after the one of `now` begins.
    pub(super) fn next_period(&self, now: u64) -> u64 {
        let begun = now.checked_rem(self.period).unwrap_or(0);
        now.saturating_sub(begun).saturating_add(self.period)
    }

    fn renew(&self, spent: &mut Spent, now: u64) {
        let period = now.checked_div(self.period).unwrap_or(0);
        let passed = period.saturating_sub(spent.period);
        let limit = self.limit.load(Ordering::Relaxed);
        spent.ticks = spent.ticks.saturating_sub(passed.saturating_mul(limit));
        spent.period = period.max(spent.period);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_period_brings_the_budget_anew() {
        let budget = Budget::new(None, 1000, 300).unwrap();
        assert_eq!(budget.left(0), 300);
        budget.spend(200, 200);
        assert_eq!(budget.left(300), 100);
        budget.spend(100, 400);
        assert_eq!(budget.left(400), 0);
        assert_eq!(budget.left(999), 0);
        assert_eq!(budget.next_period(999), 1000);
        assert_eq!(budget.left(1000), 300);
        assert_eq!(budget.next_period(1000), 2000);
    }

    #[test]
    fn what_is_overdrawn_is_missing_later() {
        let budget = Budget::new(None, 1000, 300).unwrap();
        budget.spend(800, 900);
        assert_eq!(budget.left(1000), 0);
        assert_eq!(budget.left(2000), 100);
        assert_eq!(budget.left(3000), 300);
        assert_eq!(budget.left(900_000), 300);
    }

    #[test]
    fn the_budget_above_counts_too() {
        let above = Budget::new(None, 1000, 300).unwrap();
        let first = Budget::new(Some(above.clone()), 1000, 200).unwrap();
        let second = Budget::new(Some(above.clone()), 1000, 200).unwrap();
        first.spend(200, 200);
        assert_eq!(first.left(200), 0);
        assert_eq!(second.left(200), 100);
        second.spend(100, 300);
        assert_eq!(second.left(300), 0);
        assert_eq!(above.total(), 300);
        above.set_limit(0);
        assert!(!second.is_any() && second.left(5000) == 0);
    }
}
