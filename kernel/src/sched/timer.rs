//! Deadlines of threads, and the CPUs' alarms.

use abi::Error;

use crate::arch::{self, PENDING_RESCHEDULE};
use crate::limits::CPUS_MAX;
use crate::sync::atomic::Ordering;
use crate::sync::{AllocError, Parked, Ref, SpinLock};
use crate::time::{DeadlineHeap, now_ns, ticks_at};

use super::cpu::{cpu_number, queue};
use super::thread::Thread;

static HEAPS: [SpinLock<DeadlineHeap<Thread>>; CPUS_MAX] =
    [const { SpinLock::new(DeadlineHeap::new()) }; CPUS_MAX];

fn heap(cpu: usize) -> &'static SpinLock<DeadlineHeap<Thread>> {
    HEAPS.get(cpu).unwrap_or(&HEAPS[0])
}

/// Sets this CPU's alarm for the next deadline or the end of the slice. A slice that is
/// over already needs no alarm: the running thread gives way at the next chance.
pub(super) fn program() {
    let me = arch::cpu_id();
    let deadline = heap(me).lock().next_deadline();
    let slice = {
        let queue = queue(me).lock();
        (!queue.ready.is_empty()).then_some(queue.slice_end)
    };
    let over = slice.is_some_and(|end| end <= now_ns());
    if over {
        arch::raise_pending(PENDING_RESCHEDULE);
    }
    let slice = slice.filter(|_| !over);
    match (deadline, slice) {
        (None, None) => arch::disarm_timer(),
        (a, b) => {
            let next = a.unwrap_or(u64::MAX).min(b.unwrap_or(u64::MAX));
            arch::arm_timer(ticks_at(next));
        }
    }
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
pub(super) fn remove(thread: &Thread) {
    let cpu = thread.timer_cpu.load(Ordering::Relaxed) as usize;
    heap(cpu).lock().remove(thread);
}

/// This CPU's alarm went off.
pub fn handle_timer() {
    let me = arch::cpu_id();
    loop {
        let due = heap(me).lock().pop_due(now_ns());
        let Some(thread) = due else { break };
        thread.expired.store(true, Ordering::Release);
        let key = thread.wait_key.load(Ordering::Relaxed);
        if !thread.complete(key, Some(Error::TimedOut), [0; 3]) {
            thread.unpark();
        }
    }
    program();
}
