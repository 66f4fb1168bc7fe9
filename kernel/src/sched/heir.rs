//! The thread that a CPU goes on with when its running one waits.
//!
//! A thread that wakes another mostly waits for it next. So one that is woken on its own
//! CPU, where nobody else is ready and no CPU is idle, goes into a place of that CPU
//! instead of its queue; the running thread gives the CPU to it straight when it waits.
//! Whoever comes to the queue in any other way moves it there first, and so does the end
//! of every interrupt. An alarm bounds how long it can be in the place; until then no
//! other CPU finds it.
//!
//! The place is the CPU's own, used with interrupts masked.

use crate::arch;
use crate::limits::{CPUS_MAX, HEIR_WAIT_NS};
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Ref, RefSlot, sched_point};
use crate::time::now_ns;

use super::cpu::{IDLE, make_ready};
use super::placement;
use super::switch::enqueue;
use super::thread::{Thread, state};
use super::timer;

/// No alarm is set for the place.
const UNBOUND: u64 = u64::MAX;

/// What a CPU keeps for itself, on a cache line of its own.
#[repr(align(64))]
struct Place {
    heir: RefSlot<Thread>,
    /// When the alarm goes off that was set for the place, in ns.
    bound: AtomicU64,
}

static PLACES: [Place; CPUS_MAX] = [const {
    Place {
        heir: RefSlot::new(),
        bound: AtomicU64::new(UNBOUND),
    }
}; CPUS_MAX];

#[inline(always)]
fn place(cpu: usize) -> &'static Place {
    PLACES.get(cpu).unwrap_or(&PLACES[0])
}

/// Lets a thread run whose frameless wait was ended, and whose results are written, by the
/// caller.
pub(super) fn wake(thread: &Thread) {
    let irq = arch::irq_save();
    wake_masked(thread);
    arch::irq_restore(irq);
}

/// As [`wake`], with interrupts masked.
#[inline]
pub(super) fn wake_masked(thread: &Thread) {
    if !inherit(thread) {
        make_ready(thread, state::WAITING);
    }
}

/// Puts a thread into this CPU's place, if it may be there.
#[inline(always)]
fn inherit(thread: &Thread) -> bool {
    let me = arch::this_cpu().id();
    let Some(place) = PLACES.get(me as usize) else {
        return false;
    };
    // A thread that has not left its CPU has to find that its wait is finished. One whose
    // home this is has left it here.
    let rests = thread.home.load(Ordering::Relaxed) == me
        && !thread.context.is_used()
        && thread.state.load(Ordering::Relaxed) == state::WAITING;
    let me = me as usize;
    let suits = rests
        && thread.entity.allows(me)
        && IDLE.load(Ordering::Relaxed) == 0
        && placement::nobody_waits(me, thread.entity.urgency())
        && place.heir.is_empty();
    if !suits {
        return false;
    }
    sched_point!();
    // Whoever ends its wait is alone with a thread that has left its CPU.
    let Some(token) = thread.held.take_alone() else {
        return false;
    };
    thread.state.store(state::READY, Ordering::Relaxed);
    place.heir.fill(token);
    if place.bound.load(Ordering::Relaxed) == UNBOUND {
        set_bound(place);
    }
    true
}

#[cold]
fn set_bound(place: &Place) {
    let bound = now_ns().saturating_add(HEIR_WAIT_NS);
    place.bound.store(bound, Ordering::Relaxed);
    timer::program();
}

/// When this CPU's place has to be looked at, in ns.
pub(super) fn bound(me: usize) -> Option<u64> {
    let bound = place(me).bound.load(Ordering::Relaxed);
    (bound != UNBOUND).then_some(bound)
}

/// The thread to go on with, if the queue has nobody else by now.
#[inline]
pub(super) fn take(me: usize) -> Option<Ref<Thread>> {
    let place = place(me);
    if place.heir.is_empty() || !placement::is_queue_empty(me) {
        return None;
    }
    place.heir.take_alone()
}

/// Moves a thread from the place to the queue. Interrupts are masked, no lock is held.
#[inline]
pub(super) fn release(me: usize) {
    let place = place(me);
    if !place.heir.is_empty()
        && let Some(thread) = place.heir.take_alone()
    {
        enqueue(thread);
    }
}

/// The alarm has gone off.
pub(super) fn release_in_time(me: usize) {
    place(me).bound.store(UNBOUND, Ordering::Relaxed);
    release(me);
}

/// At the end of an interrupt: what it has woken is for the queue to judge.
pub fn end_interrupt() {
    release(arch::cpu_id());
}
