//! Mistakes that a model has to find.
//!
//! Each has a name and stands where the code does the right thing. In a kernel without the
//! feature `model` no mistake is ever made, and the compiler knows it.

use super::atomic::Ordering;

/// Whether the mistake `name` is to be made.
#[cfg(feature = "model")]
pub fn planted(name: &str) -> bool {
    crate::arch::model::planted(name)
}

/// Whether the mistake `name` is to be made: never.
#[cfg(not(feature = "model"))]
#[inline(always)]
pub const fn planted(_name: &str) -> bool {
    false
}

/// `order`, or none at all if the mistake `name` is to be made.
#[inline(always)]
pub fn unless_planted(name: &str, order: Ordering) -> Ordering {
    if planted(name) {
        Ordering::Relaxed
    } else {
        order
    }
}
