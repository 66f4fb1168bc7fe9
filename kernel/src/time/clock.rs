//! Conversions between the counter, ns since boot and the wall clock.

use crate::arch;
use crate::sync::Once;
use crate::sync::atomic::{AtomicU64, Ordering};

/// Counter value at boot and the factors between ticks and ns, as 32.32 fixed point.
#[derive(Clone, Copy, Debug)]
struct Scale {
    start: u64,
    ns_per_tick: u64,
    ticks_per_ns: u64,
}

const NS_PER_SECOND: u64 = 1_000_000_000;

impl Scale {
    fn new(start: u64, hz: u64) -> Scale {
        let ratio = |a: u64, b: u64| {
            let quotient = (u128::from(a) << 32).checked_div(u128::from(b));
            quotient
                .and_then(|ratio| u64::try_from(ratio).ok())
                .unwrap_or(u64::MAX)
        };
        Scale {
            start,
            ns_per_tick: ratio(NS_PER_SECOND, hz),
            // Rounded up: an alarm may be a trifle late, never early.
            ticks_per_ns: ratio(hz, NS_PER_SECOND).saturating_add(1),
        }
    }

    fn ns(&self, ticks: u64) -> u64 {
        self.length_ns(ticks.saturating_sub(self.start))
    }

    fn length_ns(&self, ticks: u64) -> u64 {
        let since = u128::from(ticks);
        u64::try_from(since.saturating_mul(u128::from(self.ns_per_tick)) >> 32).unwrap_or(u64::MAX)
    }

    fn ticks(&self, ns: u64) -> u64 {
        // One tick later rather than one too early.
        let since = (product(ns, self.ticks_per_ns) >> 32).saturating_add(1);
        u64::try_from(since)
            .unwrap_or(u64::MAX)
            .saturating_add(self.start)
    }
}

/// Two numbers of 64 bits have a product of 128, so nothing is lost.
fn product(a: u64, b: u64) -> u128 {
    u128::from(a).wrapping_mul(u128::from(b))
}

static SCALE: Once<Scale> = Once::new();
static WALL_OFFSET_NS: AtomicU64 = AtomicU64::new(0);

fn scale() -> &'static Scale {
    SCALE.call_once(|| Scale::new(arch::counter(), arch::counter_hz()))
}

/// Makes this moment 0 ns.
pub fn init_clock() {
    scale();
}

/// ns since boot.
#[inline]
pub fn now_ns() -> u64 {
    scale().ns(arch::counter())
}

/// ns since boot at a counter value.
pub fn ns_since_boot(ticks: u64) -> u64 {
    scale().ns(ticks)
}

/// Counter value at a point in time; the largest for a time that never comes.
pub fn ticks_at(ns: u64) -> u64 {
    scale().ticks(ns)
}

/// ns since 1970-01-01 UTC.
pub fn wall_ns() -> u64 {
    WALL_OFFSET_NS
        .load(Ordering::Relaxed)
        .saturating_add(now_ns())
}

/// Sets the wall clock.
pub fn set_wall_ns(ns: u64) {
    WALL_OFFSET_NS.store(ns.saturating_sub(now_ns()), Ordering::Relaxed);
}

/// Length of `ticks` of the counter, in ns.
pub fn ns_of_ticks(ticks: u64) -> u64 {
    scale().length_ns(ticks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversions_are_exact_enough_over_years() {
        let scale = Scale::new(1000, 62_500_000);
        assert_eq!(scale.ns(1000), 0);
        assert_eq!(scale.ns(1000 + 62_500_000), NS_PER_SECOND);
        let year = 31_557_600 * NS_PER_SECOND;
        let ticks = scale.ticks(year) - 1001;
        assert!(ticks.abs_diff(31_557_600 * 62_500_000) < 62_500_000 * 10);
    }

    #[test]
    fn a_deadline_is_never_met_early() {
        for hz in [1_000_000, 19_200_000, 24_000_000, 62_500_000, NS_PER_SECOND] {
            let scale = Scale::new(7, hz);
            for ns in [0, 1, 15, 16, 17, 999, 1_000_000, NS_PER_SECOND, 1 << 40] {
                // The fixed point is exact to 2^-32 of the counter.
                assert!(
                    scale.ns(scale.ticks(ns)) + 1 + (ns >> 32) >= ns,
                    "{hz} Hz, {ns} ns"
                );
            }
        }
    }

    #[test]
    fn the_edges_do_not_overflow() {
        let scale = Scale::new(0, 62_500_000);
        assert_eq!(scale.ns(u64::MAX), u64::MAX);
        assert!(scale.ticks(u64::MAX) > 1 << 59);
        let slow = Scale::new(u64::MAX, 1);
        assert_eq!(slow.ns(0), 0);
        assert_eq!(slow.ticks(u64::MAX), u64::MAX);
    }
}
