//! The only door to atomics, counted references and locks.
//!
//! - [`Ref`]: a counted reference whose creation can fail and whose count saturates;
//! - [`SpinLock`]: short critical sections, interrupts masked;
//! - [`Mutex`]: long ones, the waiter sleeps;
//! - [`Queue`]: a first-in first-out queue of [`Ref`]s that allocates nothing;
//! - [`WaitQueue`]: threads that wait with their kernel frames;
//! - [`CpuCell`]: one reference for each CPU.
//!
//! No input or output and no sleeping under a [`SpinLock`]. `docs/locking.md` has the order.
#![allow(unsafe_code, reason = "locks and counted references")]

mod boxed;
mod cpu_cell;
mod mutex;
mod queue;
mod reference;
mod spin_lock;
mod wait_queue;

pub use core::sync::atomic;
pub use spin::Once;

pub use boxed::try_box;
pub use cpu_cell::CpuCell;
pub use mutex::{Mutex, MutexGuard};
pub use queue::{Link, Linked, Queue};
pub use reference::{AllocError, Ref};
pub use spin_lock::{SpinGuard, SpinLock};
pub use wait_queue::{Parked, Parker, WaitQueue, set_parker};
