//! Getting memory back from caches when it runs out.
#![forbid(unsafe_code)]

use crate::sync::Once;

static RECLAIMER: Once<fn() -> u64> = Once::new();

/// Registers who gives clean cached pages back; it returns how many it gave.
pub fn set_reclaimer(reclaimer: fn() -> u64) {
    RECLAIMER.call_once(|| reclaimer);
}

/// Asks for memory back; returns whether there is more than before.
///
/// Called where memory was refused, with no lock of a Memory or an address space held.
pub fn reclaim() -> bool {
    RECLAIMER.get().is_some_and(|reclaimer| reclaimer() > 0)
}
