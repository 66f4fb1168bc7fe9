//! Deadlines of threads, and the CPUs' alarms.

use abi::Error;

use crate::arch::{self, PENDING_RESCHEDULE};
use crate::limits::CPUS_MAX;
use crate::sync::atomic::Ordering;
use crate::sync::{AllocError, Parked, Ref, SpinLock};
use crate::time::{DeadlineHeap, now_ns, ticks_at};

use super::alarm;
use super::cpu::{cpu_number, queue};
use super::heir;
use super::thread::Thread;

static HEAPS: [SpinLock<DeadlineHeap<Thread>>; CPUS_MAX] =
    [const { SpinLock::new(DeadlineHeap::new()) }; CPUS_MAX];

fn heap(cpu: usize) -> &'static SpinLock<DeadlineHeap<Thread>> {
    HEAPS.get(cpu).unwrap_or(&HEAPS[0])
}

/// Sets this CPU's alarm for the next deadline or the time the scheduler has to look again.
/// Where that has come already, the running thread gives way at the next chance.
pub(super) fn program() {
    let irq = arch::irq_save();
    let me = arch::cpu_id();
    let deadline = heap(me).lock_masked().next_deadline();
    let deadline = deadline
        .into_iter()
        .chain(alarm::next_deadline(me))
        .chain(heir::bound(me))
        .min();
    let mut queue = queue(me).lock_masked();
    let look = queue.run.next_look();
    let due = core::mem::take(&mut queue.look_again) || look <= arch::counter();
    let look = if due { u64::MAX } else { look };
    let next = deadline.map_or(u64::MAX, ticks_at).min(look);
    queue.alarm = next;
    if next == u64::MAX {
        arch::disarm_timer();
    } else {
        arch::arm_timer(next);
    }
    drop(queue);
    #[cfg(feature = "sched-fuzz")]
    if super::cpu::IDLE.load(Ordering::Relaxed) & (1 << me) == 0 {
        crate::sync::sched_fuzz::arm_tick(next);
    }
    if due {
        arch::raise_pending(PENDING_RESCHEDULE);
    }
    arch::irq_restore(irq);
}

/// Gives a thread a deadline on this CPU. Interrupts are masked.
pub(super) fn insert(deadline: u64, thread: &Ref<Thread>) -> Result<(), AllocError> {
    let me = arch::cpu_id();
    thread.timer_cpu.store(cpu_number(me), Ordering::Relaxed);
    let first = {
        let mut heap = heap(me).lock();
        heap.insert(deadline, thread.clone())?;
        heap.next_deadline() == Some(deadline)
    };
    if first {
        program();
    }
    Ok(())
}

/// Takes a thread's deadline back.
#[inline(always)]
pub(super) fn remove(thread: &Thread) {
    if thread.timer_slot.is_used() {
        remove_used(thread);
    }
}

fn remove_used(thread: &Thread) {
    let cpu = thread.timer_cpu.load(Ordering::Relaxed) as usize;
    heap(cpu).lock().remove(thread);
}

/// This CPU's alarm went off.
pub fn handle_timer() {
    let me = arch::cpu_id();
    #[cfg(feature = "sched-fuzz")]
    crate::sync::sched_fuzz::tick();
    loop {
        let due = {
            let mut heap = heap(me).lock_masked();
            // The wait is looked at before the deadline is taken out: a deadline in the
            // heap belongs to the wait that is open now.
            let wait = heap
                .first()
                .map(|thread| thread.wait.load(Ordering::Acquire));
            wait.zip(heap.pop_due(now_ns()))
        };
        let Some((wait, thread)) = due else { break };
        thread.expired.store(true, Ordering::Release);
        if !thread.complete(wait, Some(Error::TimedOut), [0; 3]) {
            thread.unpark();
        }
    }
    alarm::ring_due(me);
    heir::release_in_time(me);
    program();
}
