//! What a CPU does when there is nothing to run, and how it begins to schedule.

use core::convert::Infallible;

use crate::arch;
use crate::sync::Ref;
use crate::sync::atomic::Ordering;
use crate::sync::{Parker, sched_point, set_parker};
use crate::time::now_ns;

use super::cpu::{CURRENT, IDLE, queue, set_running};
use super::entity::Turns;
use super::thread::{Thread, ThreadError, ThreadStart, state};
use super::{switch, timer, wait};

/// Body of the idle threads.
extern "C" fn idle(_argument: u64) -> ! {
    loop {
        idle_once();
    }
}

/// Sleeps until an interrupt, then lets others run.
pub(super) fn idle_once() {
    arch::irq_disable();
    let me = arch::cpu_id();
    // Announced first: a thread that becomes ready from here on interrupts the sleep.
    IDLE.fetch_or(1 << me, Ordering::AcqRel);
    sched_point!();
    switch::reap(me);
    if queue(me).lock().run.is_empty() {
        timer::program();
        sched_point!();
        arch::wait_for_interrupt();
    }
    arch::irq_enable();
    switch::yield_now();
}

pub(super) fn adopt_idle(me: usize, thread: Ref<Thread>) {
    thread.state.store(state::RUNNING, Ordering::Relaxed);
    thread.set_home(me);
    thread.context.set_on_cpu();
    {
        let mut queue = queue(me).lock();
        queue.idle = Some(thread.clone());
        queue.switched_at = arch::counter();
        queue.counters.set_up(arch::counter_hz());
        queue.run.set_up(me, Turns::at(arch::counter_hz()));
    }
    CURRENT.replace(Some(thread));
    set_running(me);
    crate::sync::epoch::join();
}

/// Begins to schedule on the boot CPU: `entry` becomes the first thread. The stack this
/// runs on is left for good. Returns only where it fails.
///
/// # Errors
/// [`ThreadError`] where there is no memory.
pub fn start_boot_cpu(
    entry: extern "C" fn(u64) -> !,
    argument: u64,
) -> Result<Infallible, ThreadError> {
    set_parker(Parker {
        current: wait::current_parked,
        park: wait::park,
        now: now_ns,
    });
    arch::irq_disable();
    let me = arch::cpu_id();
    adopt_idle(me, Thread::new(None, ThreadStart::Idle(idle))?);
    Thread::new(None, ThreadStart::Kernel(entry, argument))?.start();
    enter(me)
}

/// Begins to schedule on this CPU, which is not the boot CPU. Returns only where it fails.
///
/// # Errors
/// [`ThreadError`] where there is no memory.
pub fn start_this_cpu() -> Result<Infallible, ThreadError> {
    arch::irq_disable();
    let me = arch::cpu_id();
    adopt_idle(me, Thread::new(None, ThreadStart::Idle(idle))?);
    enter(me)
}

fn enter(me: usize) -> ! {
    IDLE.fetch_or(1 << me, Ordering::AcqRel);
    let thread = switch::current();
    // The idle thread is both what runs and what is switched to.
    arch::leave(&thread.context, &thread.context)
}
