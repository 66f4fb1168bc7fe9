//! Shortage of memory on demand: tests have one chosen request refused.
//!
//! Only requests of the thread that asked for the shortage count. Inside of a reservation
//! nothing is refused; there the pool counts as empty, so that all comes from the reserve.
#![forbid(unsafe_code)]

use crate::arch::stack_id;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::reservation::home;

/// The kernel that people run has none of this.
const BUILT_IN: bool = cfg!(any(feature = "ktest", not(target_os = "none")));

/// The thread that wants it; 0 is none.
static WHO: AtomicU64 = AtomicU64::new(0);
/// Requests that are still granted.
static LEFT: AtomicU64 = AtomicU64::new(0);
static LASTING: AtomicBool = AtomicBool::new(false);
static REFUSED: AtomicU64 = AtomicU64::new(0);

/// How long it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// One request is refused.
    Once,
    /// Every further request is refused as well.
    Lasting,
}

/// A shortage for this thread, until it is dropped.
#[derive(Debug)]
pub struct Shortage(());

impl Shortage {
    /// Grants `granted` requests and refuses the next.
    pub fn after(granted: u64, length: Length) -> Shortage {
        LEFT.store(granted, Ordering::Relaxed);
        LASTING.store(length == Length::Lasting, Ordering::Relaxed);
        REFUSED.store(0, Ordering::Relaxed);
        WHO.store(stack_id(), Ordering::Release);
        Shortage(())
    }

    /// Requests refused so far.
    pub fn refused(&self) -> u64 {
        REFUSED.load(Ordering::Relaxed)
    }
}

impl Drop for Shortage {
    fn drop(&mut self) {
        WHO.store(0, Ordering::Release);
    }
}

fn is_on() -> bool {
    let who = WHO.load(Ordering::Relaxed);
    who != 0 && who == stack_id()
}

/// What a request to the heap meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scarce {
    /// Only what this thread has reserved is left.
    Pool,
    /// Nothing is left.
    All,
}

/// What a request to the heap meets that is being made; `None` when there is no shortage.
#[inline]
pub fn of_heap() -> Option<Scarce> {
    if !BUILT_IN || !is_on() {
        return None;
    }
    if home().is_some() {
        return Some(Scarce::Pool);
    }
    strikes().then_some(Scarce::All)
}

/// Whether the request that is being made is to be refused.
#[inline]
pub(super) fn strikes() -> bool {
    if !BUILT_IN || !is_on() {
        return false;
    }
    let left = LEFT.load(Ordering::Relaxed);
    LEFT.store(left.saturating_sub(1), Ordering::Relaxed);
    let lasting = LASTING.load(Ordering::Relaxed);
    let strikes = left == 0 && (lasting || REFUSED.load(Ordering::Relaxed) == 0);
    if strikes {
        REFUSED.fetch_add(1, Ordering::Relaxed);
    }
    strikes
}
