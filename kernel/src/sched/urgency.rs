//! How urgent a thread is: its class and its priority in one number.

use abi::scheduling::{FAIR_PRIORITY_MAX, FAIR_PRIORITY_MIN, REAL_TIME_PRIORITY_MAX};

/// Priorities of the fair class.
const FAIR_LEVELS: usize = 40;
/// Priorities of the real-time class.
pub(super) const REAL_TIME_LEVELS: usize = 32;
/// The least urgent real-time thread is above every fair one.
const REAL_TIME_FIRST: u32 = 64;

const _: () = assert!(FAIR_PRIORITY_MIN + 39 == FAIR_PRIORITY_MAX);
const _: () = assert!(REAL_TIME_PRIORITY_MAX == 31);

/// The weight of a fair thread with priority 0.
pub(super) const WEIGHT_USUAL: u64 = 1024;

/// Weights from the lowest priority up, each 5/4 of the one before: a step moves a tenth of
/// a CPU between two threads.
const WEIGHTS: [u64; FAIR_LEVELS] = weights();

#[allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "evaluated when the kernel is built"
)]
const fn weights() -> [u64; FAIR_LEVELS] {
    let mut table = [0; FAIR_LEVELS];
    // With 20 more bits, so that rounding does not add up.
    let mut weight = WEIGHT_USUAL << 20;
    let mut level = 20;
    while level < FAIR_LEVELS {
        table[level] = (weight + (1 << 19)) >> 20;
        weight = weight * 5 / 4;
        level += 1;
    }
    weight = WEIGHT_USUAL << 20;
    level = 20;
    while level > 0 {
        level -= 1;
        weight = weight * 4 / 5;
        table[level] = (weight + (1 << 19)) >> 20;
    }
    table
}

/// Class and priority; what is greater goes first.
///
/// 0: nothing to do; 1 to 40: the fair class; from 64 on: the real-time class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Urgency(u32);

impl Urgency {
    /// That of an idle CPU.
    pub const IDLE: Urgency = Urgency(0);
    /// That of a thread nobody said anything about.
    pub const USUAL: Urgency = Urgency(21);

    /// The fair class; `None` for a priority that it does not have.
    pub fn fair(priority: i32) -> Option<Urgency> {
        let level = priority.checked_sub(FAIR_PRIORITY_MIN)?;
        let level = u32::try_from(level).ok()?;
        ((level as usize) < FAIR_LEVELS).then(|| Urgency(level.saturating_add(1)))
    }

    /// The real-time class; `None` for a priority that it does not have.
    pub fn real_time(priority: i32) -> Option<Urgency> {
        let level = u32::try_from(priority).ok()?;
        ((level as usize) < REAL_TIME_LEVELS)
            .then(|| Urgency(REAL_TIME_FIRST.saturating_add(level)))
    }

    /// What [`Urgency::code`] gave.
    #[inline]
    pub(super) const fn from_code(code: u32) -> Urgency {
        Urgency(code)
    }

    #[inline]
    pub(super) const fn code(self) -> u32 {
        self.0
    }

    /// Whether it is of the real-time class.
    #[inline]
    pub const fn is_real_time(self) -> bool {
        self.0 >= REAL_TIME_FIRST
    }

    /// The priority in its class.
    pub fn priority(self) -> i32 {
        let level = self.0.checked_sub(REAL_TIME_FIRST);
        let fair = || self.0.saturating_sub(1);
        let number = i32::try_from(level.unwrap_or_else(fair)).unwrap_or(0);
        if level.is_some() {
            number
        } else {
            number.saturating_add(FAIR_PRIORITY_MIN)
        }
    }

    /// Number of its queue in the real-time class.
    #[inline]
    pub(super) const fn level(self) -> u32 {
        self.0.saturating_sub(REAL_TIME_FIRST)
    }

    /// That of a queue in the real-time class.
    pub(super) const fn of_level(level: u32) -> Urgency {
        Urgency(REAL_TIME_FIRST.saturating_add(level))
    }

    /// Share of a CPU against other fair threads; a real-time thread has none.
    #[inline]
    pub(super) fn weight(self) -> u64 {
        let level = (self.0 as usize).wrapping_sub(1);
        WEIGHTS.get(level).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_grow_by_a_quarter() {
        assert_eq!(Urgency::USUAL.weight(), WEIGHT_USUAL);
        assert_eq!(Urgency::fair(0), Some(Urgency::USUAL));
        for priority in FAIR_PRIORITY_MIN..FAIR_PRIORITY_MAX {
            let weight = Urgency::fair(priority).unwrap().weight() as f64;
            let next = Urgency::fair(priority + 1).unwrap().weight() as f64;
            // Each is rounded to a whole number.
            let rounding = 0.5 + 0.5 * 1.25;
            assert!((next - weight * 1.25).abs() <= rounding, "{priority}");
        }
    }

    #[test]
    fn classes_and_priorities_are_in_order() {
        let fair: alloc::vec::Vec<_> = (-20..20).map(|p| Urgency::fair(p).unwrap()).collect();
        let real: alloc::vec::Vec<_> = (0..32).map(|p| Urgency::real_time(p).unwrap()).collect();
        assert!(fair.is_sorted() && real.is_sorted() && fair[39] < real[0]);
        assert!(Urgency::IDLE < fair[0]);
        for (index, urgency) in fair.iter().enumerate() {
            assert_eq!(urgency.priority(), index as i32 - 20);
            assert!(!urgency.is_real_time() && urgency.weight() > 0);
        }
        for (index, urgency) in real.iter().enumerate() {
            assert_eq!(urgency.priority(), index as i32);
            assert!(urgency.is_real_time() && urgency.weight() == 0);
            assert_eq!(Urgency::of_level(urgency.level()), *urgency);
        }
        for priority in [-21, 20, i32::MIN, i32::MAX] {
            assert_eq!(Urgency::fair(priority), None);
        }
        for priority in [-1, 32, i32::MIN, i32::MAX] {
            assert_eq!(Urgency::real_time(priority), None);
        }
    }
}
