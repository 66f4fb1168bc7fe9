//! What time is counted in, and how long an operation takes.

use alloc::format;
use alloc::string::String;

use viper::Failure;

use super::Cost;

/// Instructions in one tick of the counter where the machine counts them: 1 ns each
/// at 62.5 MHz.
const INSTRUCTIONS_PER_TICK: u64 = 16;
/// Instructions of the loop that tells which it is.
const PROBE_INSTRUCTIONS: u64 = 1_600_000;
/// Passes of which the best counts, where time passes as on the host.
const WALL_PASSES: u32 = 3;

/// How the machine counts time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// By instructions.
    Instructions,
    /// By the clock of the host.
    Wall { counter_hz: u64 },
}

impl Clock {
    /// Times a loop of known length: only where instructions are counted does it take
    /// the same, expected time again and again.
    pub fn find_out() -> Clock {
        let counter_hz = rt::time::counter_hz();
        let expected = PROBE_INSTRUCTIONS / INSTRUCTIONS_PER_TICK;
        let is_exact = (0..3).all(|_| {
            let start = rt::time::counter();
            rt::probe::count_down(PROBE_INSTRUCTIONS / 2);
            let ticks = rt::time::counter().wrapping_sub(start);
            ticks.abs_diff(expected) < expected / 100
        });
        match is_exact && counter_hz == 62_500_000 {
            true => Clock::Instructions,
            false => Clock::Wall { counter_hz },
        }
    }

    /// Name of the unit of [`Clock::per_operation`].
    pub const fn unit(&self) -> &'static str {
        match self {
            Clock::Instructions => "insn",
            Clock::Wall { .. } => "ns",
        }
    }

    /// The cost of one operation, with two decimals.
    pub fn per_operation(&self, cost: Cost) -> String {
        let (factor, divisor) = match self {
            Clock::Instructions => (INSTRUCTIONS_PER_TICK, 1),
            Clock::Wall { counter_hz } => (1_000_000_000, *counter_hz),
        };
        let total = u128::from(cost.ticks).saturating_mul(u128::from(factor)) * 100;
        let divisor = u128::from(divisor.max(1)).saturating_mul(u128::from(cost.operations.max(1)));
        let hundredths = total / divisor;
        format!("{}.{:02}", hundredths / 100, hundredths % 100)
    }

    /// Measures `operations` runs of a loop body, after a warm-up of a tenth.
    pub fn measure(
        &self,
        operations: u64,
        mut pass: impl FnMut(u64) -> Result<(), Failure>,
    ) -> Result<Cost, Failure> {
        pass((operations / 10).max(1))?;
        self.measure_warm(operations, |count| {
            let start = rt::time::counter();
            pass(count)?;
            Ok(rt::time::counter().wrapping_sub(start))
        })
    }

    /// A single operation that took so many ns.
    pub fn of_ns(&self, ns: u64) -> Cost {
        let counter_hz = match self {
            Clock::Instructions => 62_500_000,
            Clock::Wall { counter_hz } => *counter_hz,
        };
        let ticks = u128::from(ns).saturating_mul(u128::from(counter_hz)) / 1_000_000_000;
        Cost {
            ticks: u64::try_from(ticks).unwrap_or(u64::MAX),
            operations: 1,
        }
    }

    /// Takes the ticks of passes that time themselves: of one, or the best of several.
    pub fn measure_warm(
        &self,
        operations: u64,
        mut pass: impl FnMut(u64) -> Result<u64, Failure>,
    ) -> Result<Cost, Failure> {
        let passes = match self {
            Clock::Instructions => 1,
            Clock::Wall { .. } => WALL_PASSES,
        };
        let mut ticks = u64::MAX;
        for _ in 0..passes {
            ticks = ticks.min(pass(operations)?);
        }
        Ok(Cost { ticks, operations })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_have_two_decimals() {
        let cost = Cost {
            ticks: 1000,
            operations: 300,
        };
        assert_eq!(Clock::Instructions.per_operation(cost), "53.33");
        let wall = Clock::Wall {
            counter_hz: 62_500_000,
        };
        assert_eq!(wall.per_operation(cost), "53.33");
        assert_eq!(
            Clock::Wall {
                counter_hz: 1_000_000_000
            }
            .per_operation(cost),
            "3.33"
        );
    }

    #[test]
    fn times_become_ticks() {
        assert_eq!(Clock::Instructions.of_ns(1600).ticks, 100);
        let wall = Clock::Wall {
            counter_hz: 1_000_000_000,
        };
        let cost = wall.of_ns(1234);
        assert_eq!(wall.per_operation(cost), "1234.00");
    }

    #[test]
    fn the_best_of_three_counts_on_the_wall_clock() {
        let mut left = alloc::vec![5, 3, 4];
        let wall = Clock::Wall { counter_hz: 1 };
        let cost = wall
            .measure_warm(1, |_| Ok(left.pop().unwrap_or(0)))
            .unwrap();
        assert_eq!((cost.ticks, left.len()), (3, 0));
    }
}
