//! How many bytes a second may go to the log.

use abi::job::NO_LIMIT;

/// Length of the time that is looked at, in ns.
const WINDOW_NS: u64 = 1_000_000_000;

/// A budget for each second.
#[derive(Debug)]
pub(super) struct LogBudget {
    limit: u64,
    window_start: u64,
    in_window: u64,
    total: u64,
    refusals: u64,
}

impl LogBudget {
    pub(super) const fn new() -> LogBudget {
        LogBudget {
            limit: NO_LIMIT,
            window_start: 0,
            in_window: 0,
            total: 0,
            refusals: 0,
        }
    }

    pub(super) fn set_limit(&mut self, limit: u64) {
        self.limit = limit;
    }

    /// Limit, bytes since the start, refusals.
    pub(super) fn state(&self) -> [u64; 3] {
        [self.limit, self.total, self.refusals]
    }

    /// Takes `bytes` out of this second's budget; false: there is not enough left.
    pub(super) fn take(&mut self, bytes: u64, now: u64) -> bool {
        if now.saturating_sub(self.window_start) >= WINDOW_NS {
            self.window_start = now;
            self.in_window = 0;
        }
        let sum = self.in_window.saturating_add(bytes);
        if sum > self.limit {
            self.refusals = self.refusals.saturating_add(1);
            return false;
        }
        self.in_window = sum;
        self.total = self.total.saturating_add(bytes);
        true
    }

    /// Puts back what was not written after all.
    pub(super) fn put_back(&mut self, bytes: u64) {
        self.in_window = self.in_window.saturating_sub(bytes);
        self.total = self.total.saturating_sub(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_its_budget_and_the_next_one_has_it_again() {
        let mut budget = LogBudget::new();
        assert!(budget.take(1 << 40, 5));
        budget.set_limit(100);
        let start = 10 * WINDOW_NS;
        assert!(budget.take(60, start) && budget.take(40, start + 1));
        assert!(!budget.take(1, start + WINDOW_NS - 1));
        budget.put_back(1);
        assert!(budget.take(1, start + WINDOW_NS - 1));
        assert!(budget.take(100, start + WINDOW_NS));
        assert_eq!(budget.state(), [100, (1 << 40) + 200, 1]);
    }
}
