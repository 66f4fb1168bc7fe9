//! Giving the CPU from one thread to another.

use abi::trace::TraceEvent;

use crate::arch::{
    self, Access, PENDING_ATTENTION, PENDING_BLOCKED, PENDING_RESCHEDULE, PENDING_YIELD, ThisCpu,
};
use crate::sync::atomic::{Ordering, fence};
use crate::sync::{Borrowed, Ref, epoch, planted, sched_point};

use super::cpu::{CURRENT, CpuQueue, IDLE, make_ready, place, queue};
use super::heir;
use super::placement;
use super::run_queue::Arrival;
use super::thread::{Thread, state};
use super::timer;
use super::trace;
use super::urgency::Urgency;

/// The running thread.
///
/// # Panics
/// Before the scheduler runs on this CPU.
#[inline]
pub fn current() -> Borrowed<'static, Thread> {
    CURRENT
        .get()
        .expect("a thread runs on every CPU that schedules")
}

/// The running thread, if the scheduler runs on `cpu`, which is this one.
#[inline(always)]
pub fn current_on(cpu: ThisCpu) -> Option<Borrowed<'static, Thread>> {
    CURRENT.get_on(cpu)
}

/// What becomes of the thread that gives the CPU away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Departure {
    /// It could go on; only somebody who goes before it takes its place.
    Preempted,
    /// It is ready to run again, after others.
    Yields,
    /// It waits, with its state in its frame; ready where its results have come already.
    Waiting,
    /// It waits with its kernel frames; ready where it has been unparked already.
    Parked,
    /// It has ended.
    Dead,
}

impl Departure {
    /// What it is called in a trace, where the thread has left and `blocks` or does not.
    fn event(self, blocks: bool) -> TraceEvent {
        match self {
            Departure::Dead => TraceEvent::Exit,
            Departure::Yields => TraceEvent::Yield,
            _ if blocks => TraceEvent::Sleep,
            _ => TraceEvent::Preempt,
        }
    }

    /// Whether the thread is still to leave, seen under the lock of its queue.
    fn blocks(self, thread: &Thread) -> bool {
        match self {
            Departure::Preempted | Departure::Yields => false,
            Departure::Waiting => !thread.wait_is_finished(),
            Departure::Parked => {
                !thread.permit.swap(false, Ordering::AcqRel) || planted("park-permit")
            }
            Departure::Dead => true,
        }
    }
}

/// Drops a thread that ended on this CPU, outside the queue's lock.
pub(super) fn reap(me: usize) {
    let dead = queue(me).lock().dead.take();
    drop(dead);
}

/// Picks the next thread and makes it the running one; `None`: go on with the same.
///
/// Interrupts are masked. `previous` is where it belongs when this returns.
fn depart(previous: &Thread, how: Departure) -> Option<Borrowed<'static, Thread>> {
    let me = arch::cpu_id();
    heir::release(me);
    if placement::has_offers(me) {
        fetch_offers(me, how);
    }
    let mut queue = queue(me).lock_masked();
    let now = arch::counter();
    let blocks = how.blocks(previous);
    queue.count(previous, now);
    queue.look_again = false;
    let Some(next) = queue.choose(me, previous, how, blocks) else {
        queue
            .run
            .begin_turn((!previous.is_idle).then_some(previous), now);
        let alarm = queue.wants_alarm();
        queue.show(me);
        drop(queue);
        if alarm {
            timer::program();
        }
        return None;
    };
    let reaped = queue.dead.take();
    queue.begin(me, previous, &next, now);
    next.state.store(state::RUNNING, Ordering::Relaxed);
    next.set_home(me);
    next.context.set_on_cpu();
    let token = CURRENT.replace(Some(next));
    if let Some(token) = token {
        queue.put_away(me, previous, token, how, blocks);
    }
    let alarm = queue.wants_alarm();
    let measured = queue.is_measured();
    queue.show(me);
    drop(queue);
    drop(reaped);
    let next = current();
    if alarm || (cfg!(feature = "sched-fuzz") && previous.is_idle) {
        timer::program();
    }
    if !blocks {
        settle_elsewhere(me, previous, how);
    }
    prepare(&next, || {
        trace::switched(previous, how.event(blocks), &next)
    });
    if measured {
        measure(me, now);
    }
    Some(next)
}

/// Counts how long the switch has taken that began at `start`.
#[cold]
fn measure(me: usize, start: u64) {
    let mut queue = queue(me).lock_masked();
    let spent = arch::counter().saturating_sub(start);
    queue.measured = queue.measured.wrapping_add(spent);
}

/// Takes what other CPUs have for this one.
#[cold]
fn fetch_offers(me: usize, how: Departure) {
    let floor = match how {
        Departure::Preempted | Departure::Yields => queue(me).lock_masked().run.turn_urgency(),
        Departure::Waiting | Departure::Parked | Departure::Dead => Urgency::IDLE,
    };
    placement::fetch(me, floor);
}

/// Another CPU may be the better one for a thread that has lost this one.
fn settle_elsewhere(me: usize, previous: &Thread, how: Departure) {
    if previous.is_idle {
        return;
    }
    let urgency = previous.entity.urgency();
    if !previous.entity.allows(me) {
        placement::send_away(previous.entity.affinity());
    } else if urgency.is_real_time() {
        placement::send_on(previous, me);
    } else if how == Departure::Preempted {
        placement::balance(me, urgency.weight());
    }
}

/// What has to be right before a thread goes on; `trace` tells what happened, if that is
/// wanted.
#[inline(always)]
pub(super) fn prepare(next: &Thread, trace: impl FnOnce()) {
    next.apply_restart();
    if next.needs_a_look() {
        if next.needs_attention() {
            arch::raise_pending(PENDING_ATTENTION);
        }
        if next.is_traced() {
            trace();
        }
    }
    let cpu = arch::this_cpu();
    epoch::enter_domain(cpu, next.domain());
    let Some(translation) = next.translation() else {
        return fence(Ordering::SeqCst);
    };
    let claimed = translation.claim(cpu);
    sched_point!();
    fence(Ordering::SeqCst);
    next.context
        .set_translation(translation.confirm_or_renew(claimed));
}

/// Switches to the next thread, keeping the frames; returns when this one runs again.
fn switch_away(previous: &Thread, how: Departure) {
    if let Some(next) = depart(previous, how) {
        sched_point!();
        arch::switch(&previous.context, &next.context);
    }
}

/// Switches to the next thread for good; this one goes on in its program, if at all.
fn leave(previous: &Thread, how: Departure) -> ! {
    let next = depart(previous, how);
    sched_point!();
    match next {
        Some(next) => arch::leave(&previous.context, &next.context),
        None => {
            previous.apply_restart();
            arch::resume(&previous.context)
        }
    }
}

/// Goes from the running thread, whose wait is open, straight to one that was seized. No
/// run queue is touched, and `next` uses up the slice.
#[inline(always)]
pub fn switch_to(next: Ref<Thread>) -> ! {
    let cpu = arch::this_cpu();
    next.home.store(cpu.id(), Ordering::Relaxed);
    next.context.set_on_cpu();
    let (previous, next) = CURRENT.pass(cpu, next, |previous| &previous.held);
    previous.state.store(state::WAITING, Ordering::Relaxed);
    sched_point!();
    fence(Ordering::SeqCst);
    if previous.wait_is_finished() {
        // Somebody ended the wait meanwhile, and found the thread still here.
        make_ready(&previous, state::WAITING);
    }
    prepare(&next, || trace::switched_straight(&previous, &next));
    arch::leave(&previous.context, &next.context)
}

/// Lets a thread that was seized run when its turn comes.
pub fn enqueue(thread: Ref<Thread>) {
    let me = arch::cpu_id();
    let affinity = thread.entity.affinity();
    let (cpu, notice) = {
        let mut queue = queue(me).lock_masked();
        thread.set_home(me);
        thread.state.store(state::READY, Ordering::Relaxed);
        thread
            .statistics
            .wakes(arch::counter(), &mut queue.counters);
        if thread.is_traced() {
            trace::wakes(&thread);
        }
        place(thread, me, queue)
    };
    placement::tell(cpu, notice, affinity);
}

/// Lets another thread run; returns in turn.
pub fn yield_now() {
    let irq = arch::irq_save();
    switch_away(&current(), Departure::Yields);
    arch::irq_restore(irq);
}

/// The running thread's results are written; lets another thread run first.
pub fn yield_frameless() -> ! {
    arch::irq_disable();
    leave(&current(), Departure::Yields)
}

/// The running thread waits, with its state in its frame.
pub fn block_frameless() -> ! {
    arch::irq_disable();
    call_blocked()
}

/// As [`block_frameless`], with interrupts masked.
pub extern "C" fn call_blocked() -> ! {
    // The switch is what was asked for; what concerns a thread is raised when it goes on.
    let pending = arch::take_pending();
    if pending & !PENDING_BLOCKED == 0
        && let Some(heir) = heir::take(arch::cpu_id())
    {
        heir.state.store(state::RUNNING, Ordering::Relaxed);
        switch_to(heir);
    }
    leave(&current(), Departure::Waiting)
}

/// Goes on in the program with the registers of the running thread's frame; the frames of
/// its system call are dropped, and own nothing.
pub fn resume_current() -> ! {
    arch::irq_disable();
    arch::resume(&current().context)
}

/// Parks the running thread unless it has a permit; returns when it is unparked or its
/// deadline has expired.
pub(super) fn park_current(thread: &Thread) {
    let irq = arch::irq_save();
    switch_away(thread, Departure::Parked);
    thread.permit.store(false, Ordering::Relaxed);
    arch::irq_restore(irq);
}

/// Ends the running thread.
pub fn exit_current() -> ! {
    arch::irq_disable();
    leave(&current(), Departure::Dead)
}

/// On the way back to interrupted kernel code: another thread is due.
pub fn preempt_kernel() {
    let bits = arch::take_pending();
    arch::raise_pending(bits & !PENDING_RESCHEDULE);
    if let Some(thread) = CURRENT.get() {
        switch_away(&thread, preemption());
    }
}

/// How a thread leaves that is interrupted in the kernel.
fn preemption() -> Departure {
    #[cfg(feature = "sched-fuzz")]
    if crate::sync::sched_fuzz::takes_turn() {
        return Departure::Yields;
    }
    Departure::Preempted
}

/// On the way back to a program: bits are pending.
pub fn handle_user_pending() {
    let bits = arch::take_pending();
    let thread = current();
    if let Some(code) = thread.take_break()
        && let Some(owner) = thread.owner()
    {
        arch::irq_enable();
        owner.take_break(&thread, code);
        arch::irq_disable();
    }
    if thread.is_killed() {
        count_so_far(&thread);
        if let Some(owner) = thread.owner() {
            arch::irq_enable();
            // Closed here, where that may sleep, and not where the thread is dropped.
            drop(thread.take_parcel());
            owner.thread_ends(&thread.to_ref());
            arch::irq_disable();
        }
        exit_current();
    }
    if bits & PENDING_YIELD != 0 {
        leave(&thread, Departure::Yields);
    }
    let stays = thread.entity.allows(arch::cpu_id());
    if bits & PENDING_RESCHEDULE != 0 || !stays {
        leave(&thread, Departure::Preempted);
    }
}

/// Counts what the running thread has used of its turn, before its owner counts it out.
fn count_so_far(thread: &Thread) {
    let now = arch::counter();
    queue(arch::cpu_id()).lock_masked().count(thread, now);
}

/// Mends a page fault of the running thread's program if that needs no sleep.
///
/// Called with interrupts masked.
pub fn mend_fault(address: u64, access: Access) -> bool {
    let thread = CURRENT.get();
    thread
        .as_ref()
        .and_then(|thread| thread.owner())
        .is_some_and(|owner| owner.mend_fault(address, access))
}

/// Another CPU wants attention.
pub fn handle_ipi() {
    epoch::acknowledge();
    let me = arch::cpu_id();
    if let Some(thread) = CURRENT.get()
        && thread.needs_attention()
    {
        arch::raise_pending(PENDING_ATTENTION);
    }
    placement::take_share(me);
    let idle = IDLE.load(Ordering::Relaxed) & (1 << me) != 0;
    if idle || placement::has_offers(me) {
        arch::raise_pending(PENDING_RESCHEDULE);
    }
    if !idle {
        timer::program();
    }
}

impl CpuQueue {
    /// The next thread, out of its queue; `None`: the same goes on.
    #[inline]
    fn choose(
        &mut self,
        me: usize,
        previous: &Thread,
        how: Departure,
        blocks: bool,
    ) -> Option<Ref<Thread>> {
        let has_to_go = blocks || !previous.entity.allows(me);
        if !has_to_go && !previous.is_idle {
            return if how == Departure::Yields {
                self.run.pop_other(previous)
            } else {
                self.run.pop_better(previous)
            };
        }
        if let Some(next) = self.run.pop() {
            return Some(next);
        }
        if let Some(next) = placement::steal_for(me) {
            self.run.settle(&next, true);
            return Some(next);
        }
        (!previous.is_idle).then(|| self.idle.clone()).flatten()
    }

    /// Puts the thread that ran where it belongs.
    #[inline]
    fn put_away(
        &mut self,
        me: usize,
        previous: &Thread,
        token: Ref<Thread>,
        how: Departure,
        blocks: bool,
    ) {
        if previous.is_idle {
            return;
        }
        if !blocks {
            previous.state.store(state::READY, Ordering::Relaxed);
            let yields = how == Departure::Yields;
            let now = self.switched_at;
            previous
                .statistics
                .loses_cpu(yields, now, &mut self.counters);
            let arrival = if how == Departure::Yields {
                Arrival::Yielded
            } else {
                Arrival::Preempted
            };
            if previous.entity.allows(me) {
                self.run.push(token, arrival, self.switched_at);
            } else {
                self.run.push_leaving(token);
            }
            return;
        }
        if how == Departure::Dead {
            previous.state.store(state::DEAD, Ordering::Relaxed);
            self.dead = Some(token);
            return;
        }
        self.run.rest(previous);
        previous.statistics.sleeps(self.switched_at);
        let waits = if how == Departure::Waiting {
            state::WAITING
        } else {
            state::PARKED
        };
        previous.held.put(token);
        sched_point!();
        previous.state.store(waits, Ordering::Relaxed);
    }
}
