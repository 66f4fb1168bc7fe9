//! The scheduler: threads, run queues of the CPUs, waiting and waking.
//!
//! Each CPU has a queue of ready threads and runs them in turn, a slice each; a CPU
//! without work takes a thread from another. A thread waits in one of two ways:
//!
//! - *frameless*, in a system call: its registers are in its frame, [`Thread::complete`]
//!   writes the results there, and it goes on in its program;
//! - *parked*, with kernel frames, through [`crate::sync::WaitQueue`].
//!
//! Invariants: a thread is in one run queue at most, that of its home CPU; only ready
//! threads that no CPU uses change their home. A state change from or to blocked
//! happens under the home queue's lock, so no wake-up is lost. Lock order: an object's
//! lock, then a timer heap, then a run queue.
#![forbid(unsafe_code)]

mod alarm;
mod budget;
mod cpu;
mod entity;
mod handover;
mod heir;
mod idle;
mod parameters;
mod placement;
mod run_queue;
mod statistics;
mod switch;
mod thread;
mod timer;
mod trace;
mod upcall;
mod urgency;
mod wait;

#[cfg(all(test, feature = "model"))]
pub(crate) mod models;

pub use alarm::{Alarm, AlarmPlace, cancel_alarm, reserve_alarm, set_alarm};
pub use budget::Budget;
pub use cpu::{CpuTimes, cpu_times, cpus_running};
pub use handover::{go_slowly, hand_over};
pub use heir::end_interrupt;
pub use idle::{start_boot_cpu, start_this_cpu};
pub use parameters::Parameters;
pub use switch::{
    block_frameless, call_blocked, current, current_on, enqueue, exit_current, handle_ipi,
    handle_user_pending, mend_fault, preempt_kernel, resume_current, switch_to, yield_frameless,
    yield_now,
};
pub use thread::{Owner, Thread, ThreadError, ThreadStart, Used, spawn_kernel_thread};
pub use timer::handle_timer;
pub use trace::{trace_idle_threads, trace_thread};
pub use upcall::Upcall;
pub use urgency::Urgency;
pub use wait::{Ending, WaitError, WaitTarget, Waiter, park, sleep_until};
