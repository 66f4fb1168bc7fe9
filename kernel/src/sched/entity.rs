//! What the run queues keep in each thread.

use crate::limits::{REQUEST_MIN_NS, SLICE_NS};
use crate::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use crate::sync::{HeapLinked, Linked, Ref};

use super::budget::Budget;
use super::urgency::Urgency;

/// Virtual time of one tick at the weight of 1.
const VIRTUAL_TICK: u64 = 1 << 20;

/// The virtual time that `ticks` are for a thread or threads of this weight. At the usual
/// weight a tick is 1024, so that heavy threads do not lose what is left of a division.
#[inline]
pub(super) fn virtual_time(ticks: u64, weight: u64) -> u64 {
    ticks
        .saturating_mul(VIRTUAL_TICK)
        .checked_div(weight)
        .unwrap_or(0)
}

/// An element of the run queues.
pub(super) trait Schedulable: Linked + HeapLinked {
    /// What the run queues keep in it.
    fn entity(&self) -> &Entity;

    /// What its real-time turns are charged to.
    fn budget(&self) -> Option<Ref<Budget>>;

    /// Whether a CPU still uses it.
    fn is_on_cpu(&self) -> bool;
}

/// Lengths of turns in ticks of the counter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turns {
    /// The shortest.
    pub(super) least: u64,
    /// The longest, a slice.
    pub(super) most: u64,
}

impl Turns {
    /// The lengths for a counter with this frequency.
    pub(super) fn at(counter_hz: u64) -> Turns {
        let ticks = |ns: u64| {
            let ticks = u128::from(ns).saturating_mul(u128::from(counter_hz)) / 1_000_000_000;
            u64::try_from(ticks).unwrap_or(u64::MAX).max(1)
        };
        Turns {
            least: ticks(REQUEST_MIN_NS),
            most: ticks(SLICE_NS),
        }
    }
}

/// State of a thread for scheduling. Urgency and affinity may be read at any time; all else
/// is guarded by the lock of the queue of its home.
#[derive(Debug)]
pub(super) struct Entity {
    /// The greater of the next two.
    full: AtomicU32,
    /// What it was given.
    own: AtomicU32,
    /// What those that wait for it have.
    lent: AtomicU32,
    affinity: AtomicU32,
    /// Its budget is used up: it runs in the fair class.
    throttled: AtomicBool,
    /// CPU whose virtual clock the next two are on.
    clock: AtomicU32,
    /// Virtual time that it has had.
    vruntime: AtomicU64,
    /// Virtual time by which it is to have had its request.
    deadline: AtomicU64,
    /// Ticks that it asks for at a time.
    request: AtomicU64,
    /// Ticks of the request that it has not had.
    left: AtomicU64,
    /// Ticks since it last woke, and a mean of how long it runs from wake to wait.
    burst: AtomicU64,
    usual_burst: AtomicU64,
}

fn get(place: &AtomicU64) -> u64 {
    place.load(Ordering::Relaxed)
}

fn set(place: &AtomicU64, value: u64) {
    place.store(value, Ordering::Relaxed);
}

impl Entity {
    /// A usual thread that may run everywhere.
    pub(super) const fn new() -> Entity {
        Entity {
            full: AtomicU32::new(Urgency::USUAL.code()),
            own: AtomicU32::new(Urgency::USUAL.code()),
            lent: AtomicU32::new(Urgency::IDLE.code()),
            affinity: AtomicU32::new(u32::MAX),
            throttled: AtomicBool::new(false),
            clock: AtomicU32::new(u32::MAX),
            vruntime: AtomicU64::new(0),
            deadline: AtomicU64::new(0),
            request: AtomicU64::new(0),
            left: AtomicU64::new(0),
            burst: AtomicU64::new(0),
            usual_burst: AtomicU64::new(0),
        }
    }

    /// What it was given.
    pub(super) fn own(&self) -> Urgency {
        Urgency::from_code(self.own.load(Ordering::Relaxed))
    }

    pub(super) fn set_own(&self, urgency: Urgency) {
        self.own.store(urgency.code(), Ordering::Relaxed);
        self.set_full();
    }

    /// What others lend it; that of an idle CPU: nothing.
    pub(super) fn lent(&self) -> Urgency {
        Urgency::from_code(self.lent.load(Ordering::Relaxed))
    }

    pub(super) fn set_lent(&self, urgency: Urgency) {
        self.lent.store(urgency.code(), Ordering::Relaxed);
        self.set_full();
    }

    fn set_full(&self) {
        let full = self.own().max(self.lent());
        self.full.store(full.code(), Ordering::Relaxed);
    }

    /// What it was given, or what others lend it, where that is more.
    #[inline]
    pub(super) fn full(&self) -> Urgency {
        Urgency::from_code(self.full.load(Ordering::Relaxed))
    }

    /// What counts: all it has, unless the budget for that is used up.
    #[inline]
    pub(super) fn urgency(&self) -> Urgency {
        let full = self.full();
        if full.is_real_time() && self.is_throttled() {
            Urgency::USUAL
        } else {
            full
        }
    }

    pub(super) fn is_throttled(&self) -> bool {
        self.throttled.load(Ordering::Relaxed)
    }

    pub(super) fn set_throttled(&self, throttled: bool) {
        self.throttled.store(throttled, Ordering::Relaxed);
    }

    pub(super) fn affinity(&self) -> u32 {
        self.affinity.load(Ordering::Relaxed)
    }

    pub(super) fn set_affinity(&self, cpus: u32) {
        self.affinity.store(cpus, Ordering::Relaxed);
    }

    /// Whether it may run on a CPU.
    #[inline]
    pub(super) fn allows(&self, cpu: usize) -> bool {
        self.affinity() & (1 << cpu) != 0
    }

    pub(super) fn deadline(&self) -> u64 {
        get(&self.deadline)
    }

    /// Ticks until its request is served.
    pub(super) fn left(&self) -> u64 {
        get(&self.left)
    }

    /// CPU on whose clock its times are.
    pub(super) fn clock(&self) -> usize {
        self.clock.load(Ordering::Relaxed) as usize
    }

    /// Comes to a queue after a wait, or from another CPU. `now` is that queue's clock, and
    /// `before` the clock its times are on, if there is one.
    ///
    /// What it had too much or too little against the others it keeps, up to one request.
    pub(super) fn arrive(&self, cpu: u32, now: u64, before: Option<u64>, turns: Turns) {
        let weight = self.urgency().weight();
        let request = get(&self.request).clamp(turns.least, turns.most);
        let ahead = before.map_or(0, |before| get(&self.vruntime).wrapping_sub(before));
        let is_behind = ahead >> 63 == 1;
        let bound = if is_behind { request } else { turns.most };
        let bound = virtual_time(bound, weight);
        let ahead = if is_behind {
            0u64.wrapping_sub(0u64.wrapping_sub(ahead).min(bound))
        } else {
            ahead.min(bound)
        };
        self.clock.store(cpu, Ordering::Relaxed);
        set(&self.vruntime, now.wrapping_add(ahead));
        self.ask(request, weight);
    }

    fn ask(&self, request: u64, weight: u64) {
        set(&self.request, request);
        set(&self.left, request);
        let by = get(&self.vruntime).wrapping_add(virtual_time(request, weight));
        set(&self.deadline, by);
    }

    /// The same request once more, from now on: it gave up what was left of the last.
    pub(super) fn ask_again(&self, turns: Turns) {
        let request = get(&self.request).clamp(turns.least, turns.most);
        self.ask(request, self.urgency().weight());
    }

    /// Counts `ticks` of a turn with a weight.
    pub(super) fn count(&self, ticks: u64, weight: u64, turns: Turns) {
        let runtime = get(&self.vruntime).wrapping_add(virtual_time(ticks, weight));
        set(&self.vruntime, runtime);
        set(&self.burst, get(&self.burst).saturating_add(ticks));
        let left = get(&self.left).saturating_sub(ticks);
        set(&self.left, left);
        if left == 0 {
            // It runs for longer than it asked: it asks for more at a time.
            let request = get(&self.request).saturating_mul(2);
            self.ask(request.clamp(turns.least, turns.most), weight);
        }
    }

    /// It waits: next time it asks for what it needs from wake to wait, and half as much
    /// again, so that it seldom has to ask twice.
    pub(super) fn rest(&self, turns: Turns) {
        let burst = get(&self.burst);
        let usual = get(&self.usual_burst)
            .saturating_mul(3)
            .saturating_add(burst)
            / 4;
        set(&self.usual_burst, usual);
        set(&self.burst, 0);
        let request = usual.saturating_add(usual / 2);
        set(&self.request, request.clamp(turns.least, turns.most));
    }
}
