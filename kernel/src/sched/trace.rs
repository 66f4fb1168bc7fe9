//! What the scheduler tells the trace.
//!
//! A thread that is traced has a flag, which is looked at together with others that a switch
//! looks at anyhow; and its calls go the strict way, on which they are recorded and no call
//! goes from thread to thread without the scheduler. A thread gets the flag when the trace
//! begins or when it starts, and loses it at the first switch to it after the end.

use abi::trace::TraceEvent;

use crate::arch;
use crate::sync::atomic::{Ordering, fence};
use crate::trace::{is_on, record};

use super::cpu::{CURRENT, cpu_number, queue, running_cpus};
use super::thread::{Thread, flag};

/// From here on it is recorded what a thread does, as long as the trace is on.
pub fn trace_thread(thread: &Thread) {
    thread.set_flag(flag::TRACED, true);
    if thread.owner().is_some() {
        thread.make_strict();
    }
}

/// As [`trace_thread`], for what the CPUs do without work.
pub fn trace_idle_threads() {
    for cpu in running_cpus() {
        let idle = queue(cpu).lock().idle.clone();
        if let Some(idle) = idle {
            trace_thread(&idle);
        }
    }
}

/// A traced thread has become ready after a wait.
#[cold]
pub(super) fn wakes(thread: &Thread) {
    let by = CURRENT.get().map_or(0, |current| current.id());
    record(TraceEvent::Wakeup, thread.id(), by);
}

/// The CPU goes on with `next`, which is traced; what became of `previous` is an event.
#[cold]
pub(super) fn switched(previous: &Thread, event: TraceEvent, next: &Thread) {
    if !is_on() {
        return forget(next);
    }
    if !previous.is_idle {
        record(event, previous.id(), next.id());
    }
    begins(previous, next);
}

/// `previous`, which waits, has woken `next`, which is traced, and gives it the CPU.
#[cold]
pub(super) fn switched_straight(previous: &Thread, next: &Thread) {
    if is_on() {
        wakes(next);
    }
    switched(previous, TraceEvent::Sleep, next);
}

fn begins(previous: &Thread, next: &Thread) {
    let cpu = cpu_number(arch::cpu_id()).saturating_add(1);
    let before = next.traced_on.swap(cpu, Ordering::Relaxed);
    if before != cpu
        && let Some(before) = before.checked_sub(1)
    {
        record(TraceEvent::Migrate, next.id(), u64::from(before));
    }
    let event = if next.is_idle {
        TraceEvent::Idle
    } else {
        TraceEvent::Pick
    };
    record(event, next.id(), previous.id());
}

/// The trace has ended.
fn forget(thread: &Thread) {
    thread.set_flag(flag::TRACED, false);
    thread.traced_on.store(0, Ordering::Relaxed);
    // A trace that begins now sets the flag after it has said so.
    fence(Ordering::SeqCst);
    if is_on() {
        thread.set_flag(flag::TRACED, true);
    }
}
