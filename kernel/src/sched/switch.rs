//! Giving the CPU from one thread to another.

use crate::arch::{self, Access, PENDING_ATTENTION, PENDING_RESCHEDULE};
use crate::limits::SLICE_NS;
use crate::sync::Ref;
use crate::sync::atomic::Ordering;
use crate::time::now_ns;

use super::cpu::{COUNTERS, CURRENT, IDLE, cpu_number, next_ready, queue};
use super::thread::{Thread, claim, state};
use super::timer;

/// The running thread.
///
/// # Panics
/// Before the scheduler runs on this CPU.
pub fn current() -> Ref<Thread> {
    CURRENT
        .get()
        .expect("a thread runs on every CPU that schedules")
}

/// Drops a thread that ended on this CPU, outside the queue's lock.
pub(super) fn reap(me: usize) {
    let dead = queue(me).lock().dead.take();
    drop(dead);
}

/// Picks the next thread and makes it the running one; `None`: go on with the same.
///
/// Interrupts are masked. The previous thread has been put where it belongs.
fn take_over(me: usize, previous: &Ref<Thread>) -> Option<()> {
    reap(me);
    let next = match next_ready(me) {
        Some(next) => next,
        None => queue(me)
            .lock()
            .idle
            .clone()
            .expect("an idle thread for each CPU"),
    };
    let now = now_ns();
    let idle = is_idle(me, previous);
    let (spent, busy_queue) = {
        let mut queue = queue(me).lock();
        let spent = now.saturating_sub(queue.switched_at);
        queue.switched_at = now;
        queue.slice_end = now.saturating_add(SLICE_NS);
        (spent, !queue.ready.is_empty())
    };
    if let Some(counters) = COUNTERS.get(me) {
        let time = if idle {
            &counters.idle_ns
        } else {
            &counters.busy_ns
        };
        time.fetch_add(spent, Ordering::Relaxed);
        counters.switches.fetch_add(1, Ordering::Relaxed);
    }
    previous.cpu_ns.fetch_add(spent, Ordering::Relaxed);
    if let Some(owner) = previous.owner() {
        owner.charge_time(spent);
    }
    if is_idle(me, &next) {
        IDLE.fetch_or(1 << me, Ordering::AcqRel);
    } else {
        IDLE.fetch_and(!(1 << me), Ordering::AcqRel);
    }
    if busy_queue {
        timer::program();
    }
    next.apply_restart();
    next.state.store(state::RUNNING, Ordering::Release);
    next.home.store(cpu_number(me), Ordering::Relaxed);
    if next.is_killed() {
        arch::raise_pending(PENDING_ATTENTION);
    }
    if next.same(previous) {
        return None;
    }
    next.context.set_on_cpu();
    if let Some(owner) = next.owner() {
        next.context.set_translation(owner.translation());
    }
    let old = CURRENT.replace(Some(next));
    if previous.state.load(Ordering::Relaxed) == state::DEAD {
        queue(me).lock().dead = old;
    }
    Some(())
}

fn is_idle(me: usize, thread: &Ref<Thread>) -> bool {
    queue(me)
        .lock()
        .idle
        .as_ref()
        .is_some_and(|idle| idle.same(thread))
}

/// Switches to the next thread, keeping the frames; returns when this one runs again.
fn switch_away(previous: &Ref<Thread>) {
    if take_over(arch::cpu_id(), previous).is_some() {
        CURRENT.with(|next| {
            if let Some(next) = next {
                arch::switch(&next.context);
            }
        });
    }
}

/// Switches to the next thread for good; this one goes on in its program, if at all.
fn leave(previous: Ref<Thread>) -> ! {
    let switched = take_over(arch::cpu_id(), &previous).is_some();
    drop(previous);
    CURRENT.with(|next| {
        let next = next.expect("a thread runs on every CPU that schedules");
        if switched {
            arch::leave(&next.context)
        } else {
            arch::resume(&next.context)
        }
    })
}

/// Puts the running thread at the end of its queue, unless it is the idle thread.
fn requeue(me: usize, thread: &Ref<Thread>) {
    if is_idle(me, thread) {
        return;
    }
    thread.state.store(state::READY, Ordering::Relaxed);
    let pushed = queue(me).lock().ready.push(thread.clone());
    debug_assert!(pushed.is_ok(), "the running thread was in a queue");
}

/// Lets another thread run; returns in turn.
pub fn yield_now() {
    let irq = arch::irq_save();
    let thread = current();
    requeue(arch::cpu_id(), &thread);
    switch_away(&thread);
    arch::irq_restore(irq);
}

/// The running thread's results are written; lets another thread run first.
pub fn yield_frameless() -> ! {
    arch::irq_disable();
    let thread = current();
    requeue(arch::cpu_id(), &thread);
    leave(thread)
}

/// The running thread waits, with its state in its frame.
pub fn block_frameless() -> ! {
    arch::irq_disable();
    let thread = current();
    {
        let queue = queue(arch::cpu_id()).lock();
        // Results that came already are not waited for.
        if thread.claim.load(Ordering::Acquire) == claim::OPEN {
            *thread.held.lock() = Some(thread.clone());
            thread.state.store(state::WAITING, Ordering::Relaxed);
        } else {
            thread.state.store(state::READY, Ordering::Relaxed);
        }
        drop(queue);
    }
    if thread.state.load(Ordering::Relaxed) == state::READY {
        // Not blocked after all: in line like the others.
        let pushed = queue(arch::cpu_id()).lock().ready.push(thread.clone());
        debug_assert!(pushed.is_ok(), "the running thread was in a queue");
    }
    leave(thread)
}

/// Parks the running thread unless it has a permit; returns when it is unparked or its
/// deadline has expired.
pub(super) fn park_current(thread: &Ref<Thread>) {
    let irq = arch::irq_save();
    let parked = {
        let _queue = queue(arch::cpu_id()).lock();
        let permit = thread.permit.swap(false, Ordering::AcqRel);
        if !permit {
            *thread.held.lock() = Some(thread.clone());
            thread.state.store(state::PARKED, Ordering::Relaxed);
        }
        !permit
    };
    if parked {
        switch_away(thread);
        thread.permit.store(false, Ordering::Relaxed);
    }
    arch::irq_restore(irq);
}

/// Ends the running thread.
pub fn exit_current() -> ! {
    arch::irq_disable();
    let thread = current();
    thread.state.store(state::DEAD, Ordering::Relaxed);
    leave(thread)
}

/// On the way back to interrupted kernel code: another thread is due.
pub fn preempt_kernel() {
    let bits = arch::take_pending();
    arch::raise_pending(bits & !PENDING_RESCHEDULE);
    if CURRENT.with(|thread| thread.is_some()) {
        let thread = current();
        requeue(arch::cpu_id(), &thread);
        switch_away(&thread);
    }
}

/// On the way back to a program: bits are pending.
pub fn handle_user_pending() {
    let bits = arch::take_pending();
    let thread = current();
    if thread.is_killed() {
        if let Some(owner) = thread.owner() {
            arch::irq_enable();
            owner.thread_ends(&thread);
            arch::irq_disable();
        }
        drop(thread);
        exit_current();
    }
    if bits & PENDING_RESCHEDULE != 0 {
        requeue(arch::cpu_id(), &thread);
        leave(thread);
    }
}

/// Mends a page fault of the running thread's program if that needs no sleep.
///
/// Called with interrupts masked.
pub fn mend_fault(address: u64, access: Access) -> bool {
    CURRENT.with(|thread| {
        thread
            .and_then(|thread| thread.owner())
            .is_some_and(|owner| owner.mend_fault(address, access))
    })
}

/// Another CPU wants attention.
pub fn handle_ipi() {
    let me = arch::cpu_id();
    let killed = CURRENT.with(|thread| thread.is_some_and(|thread| thread.is_killed()));
    if killed {
        arch::raise_pending(PENDING_ATTENTION);
    }
    if IDLE.load(Ordering::Relaxed) & (1 << me) != 0 {
        arch::raise_pending(PENDING_RESCHEDULE);
    } else {
        timer::program();
    }
}
