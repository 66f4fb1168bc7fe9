//! Mistakes that a test has to find.
//!
//! Each has a name and stands where the code does the right thing. A kernel with the feature
//! `model` takes the name from its environment, one with the feature `sched-fuzz` from the
//! boot argument `plant=NAME`. In any other no mistake is ever made, and the compiler knows
//! it.

use super::atomic::Ordering;

#[cfg(all(feature = "sched-fuzz", not(feature = "model")))]
pub use chosen::{plant, planted};

/// Whether the mistake `name` is to be made.
#[cfg(feature = "model")]
pub fn planted(name: &str) -> bool {
    crate::arch::model::planted(name)
}

/// Whether the mistake `name` is to be made: never.
#[cfg(not(any(feature = "model", feature = "sched-fuzz")))]
#[inline(always)]
pub const fn planted(_name: &str) -> bool {
    false
}

/// `order`, or none at all if the mistake `name` is to be made.
#[inline(always)]
pub fn unless_planted(name: &str, order: Ordering) -> Ordering {
    // An emulator shows no weak order: only models ask.
    if cfg!(feature = "model") && planted(name) {
        Ordering::Relaxed
    } else {
        order
    }
}

/// The mistake of a kernel that was booted with one.
#[cfg(all(feature = "sched-fuzz", not(feature = "model")))]
mod chosen {
    use crate::sync::Once;
    use crate::sync::atomic::{AtomicBool, Ordering};

    /// The mistakes that a booted kernel can be made to make.
    const KNOWN: [&str; 9] = [
        "wait-finished",
        "wait-kill",
        "wait-claim",
        "futex-look",
        "queue-look-again",
        "park-permit",
        "epoch-quiesce",
        "stack-in-use",
        "lock-order",
    ];

    static IS_CHOSEN: AtomicBool = AtomicBool::new(false);
    static CHOSEN: Once<&'static str> = Once::new();

    /// Makes the mistake `name` from now on; false where there is no such mistake.
    pub fn plant(name: &str) -> bool {
        let Some(known) = KNOWN.iter().find(|known| **known == name) else {
            return false;
        };
        CHOSEN.call_once(|| known);
        IS_CHOSEN.store(true, Ordering::Release);
        true
    }

    /// Whether the mistake `name` is to be made.
    #[inline]
    pub fn planted(name: &str) -> bool {
        IS_CHOSEN.load(Ordering::Relaxed) && CHOSEN.get().is_some_and(|chosen| *chosen == name)
    }
}
