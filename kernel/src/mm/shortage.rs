//! Shortage of memory on demand: tests have one chosen request refused.
//!
//! Only requests of the thread that asked for the shortage count. Inside of a reservation
//! nothing is refused; there the pool counts as empty, so that all comes from the reserve.
#![forbid(unsafe_code)]

use crate::arch::stack_id;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::reservation::home;

/// The kernel that people run has none of this.
const BUILT_IN: bool = cfg!(any(
    feature = "ktest",
    not(any(target_os = "none", feature = "model"))
));

/// The thread that wants it; 0 is none.
static WHO: AtomicU64 = AtomicU64::new(0);
/// Requests that are still granted.
static LEFT: AtomicU64 = AtomicU64::new(0);
static LASTING: AtomicBool = AtomicBool::new(false);
/// Of so many requests one is refused at random; 0 is none.
static ONE_IN: AtomicU64 = AtomicU64::new(0);
static RANDOM: AtomicU64 = AtomicU64::new(0);
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
        ONE_IN.store(0, Ordering::Relaxed);
        Self::begin()
    }

    /// Refuses one of `one_in` requests, which ones `seed` decides.
    pub fn at_random(seed: u64, one_in: u64) -> Shortage {
        RANDOM.store(seed, Ordering::Relaxed);
        ONE_IN.store(one_in.max(1), Ordering::Relaxed);
        Self::begin()
    }

    fn begin() -> Shortage {
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
    let strikes = match ONE_IN.load(Ordering::Relaxed) {
        0 => is_next(),
        one_in => is_chosen(one_in),
    };
    if strikes {
        REFUSED.fetch_add(1, Ordering::Relaxed);
    }
    strikes
}

fn is_next() -> bool {
    let left = LEFT.load(Ordering::Relaxed);
    LEFT.store(left.saturating_sub(1), Ordering::Relaxed);
    let lasting = LASTING.load(Ordering::Relaxed);
    left == 0 && (lasting || REFUSED.load(Ordering::Relaxed) == 0)
}

fn is_chosen(one_in: u64) -> bool {
    // A linear congruential generator; its high bits are random enough.
    let random = RANDOM
        .load(Ordering::Relaxed)
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    RANDOM.store(random, Ordering::Relaxed);
    (random >> 33).checked_rem(one_in) == Some(0)
}
