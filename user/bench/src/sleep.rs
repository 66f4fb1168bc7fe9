//! How late a sleeper wakes.

use alloc::vec::Vec;

use viper::Failure;

use super::Cost;
use super::clock::Clock;

/// Sleeps that are measured.
const SLEEPS: usize = 1000;
/// Time from deadline to deadline, in ns.
const INTERVAL_NS: u64 = 1_000_000;

/// Sleeps to points in time 1 ms apart; by how much the first look at the clock after each
/// was late, in ns, sorted.
fn lateness() -> Result<Vec<u64>, Failure> {
    let mut late = Vec::with_capacity(SLEEPS);
    let mut deadline = rt::time::now()?.saturating_add(INTERVAL_NS);
    while late.len() < SLEEPS {
        rt::thread::sleep_until(deadline)?;
        let now = rt::time::now()?;
        let early = || Failure::new("a sleep ended before its time");
        late.push(now.checked_sub(deadline).ok_or_else(early)?);
        deadline = deadline.saturating_add(INTERVAL_NS);
        if deadline <= now {
            // Slept through a deadline, on a busy host: it cannot be slept to.
            deadline = now.saturating_add(INTERVAL_NS);
        }
    }
    late.sort_unstable();
    Ok(late)
}

/// The lateness that `share` in a thousand of the sleeps do not exceed.
fn late(clock: &Clock, share: usize) -> Result<Cost, Failure> {
    let late = lateness()?;
    let index = (late.len() * share / 1000).min(late.len().saturating_sub(1));
    Ok(clock.of_ns(late.get(index).copied().unwrap_or(0)))
}

/// The least.
pub fn late_min(clock: &Clock) -> Result<Cost, Failure> {
    late(clock, 0)
}

/// The median.
pub fn late_p50(clock: &Clock) -> Result<Cost, Failure> {
    late(clock, 500)
}

/// What one in a hundred exceeds.
pub fn late_p99(clock: &Clock) -> Result<Cost, Failure> {
    late(clock, 990)
}

/// The most.
pub fn late_max(clock: &Clock) -> Result<Cost, Failure> {
    late(clock, 1000)
}
