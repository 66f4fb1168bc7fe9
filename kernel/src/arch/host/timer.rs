//! The host's clock.

#[cfg(not(feature = "model"))]
use super::std::sync::OnceLock;
#[cfg(not(feature = "model"))]
use super::std::time::Instant;

#[cfg(not(feature = "model"))]
static START: OnceLock<Instant> = OnceLock::new();

/// Nanoseconds since first use.
pub fn counter() -> u64 {
    #[cfg(feature = "model")]
    return super::model::cpu::steps();
    #[cfg(not(feature = "model"))]
    elapsed()
}

#[cfg(not(feature = "model"))]
fn elapsed() -> u64 {
    let elapsed = START.get_or_init(Instant::now).elapsed().as_nanos();
    u64::try_from(elapsed).unwrap_or(u64::MAX)
}

/// One tick is one nanosecond.
pub fn counter_hz() -> u64 {
    1_000_000_000
}

/// No alarm.
pub fn arm_timer(_ticks: u64) {}
/// No alarm.
pub fn disarm_timer() {}
/// No alarm.
pub fn init_timer() {}
