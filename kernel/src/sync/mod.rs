//! The only door to atomics, counted references and locks.
//!
//! - [`Ref`]: a counted reference whose creation can fail and whose count saturates;
//! - [`SpinLock`]: short critical sections, interrupts masked;
//! - [`Mutex`]: long ones, the waiter sleeps;
//! - [`Queue`]: a first-in first-out queue of [`Ref`]s that allocates nothing;
//! - [`Heap`]: the same by key, the least first;
//! - [`Slot`]: a place for one such element;
//! - [`OnceRef`]: a reference that is set once;
//! - [`WaitList`]: a list that does not count its elements, which leave it before they end;
//! - [`WaitQueue`]: threads that wait with their kernel frames;
//! - [`RunningCell`]: what runs on this CPU;
//! - [`Borrowed`]: a reference that is not counted because something else keeps the value;
//! - [`Published`]: numbered values that are read without a lock;
//! - [`epoch`]: when a reader without locks is done.
//!
//! No input or output and no sleeping under a [`SpinLock`]. `docs/locking.md` has the order.
#![allow(unsafe_code, reason = "locks and counted references")]

/// A point at which a kernel with the feature `sched-fuzz` changes the schedule.
macro_rules! sched_point {
    () => {
        #[cfg(feature = "sched-fuzz")]
        $crate::sync::sched_fuzz::pass()
    };
}
pub(crate) use sched_point;

mod borrowed;
mod boxed;
pub mod epoch;
mod heap;
#[cfg(all(debug_assertions, not(feature = "model")))]
mod lock_class;
mod mutex;
mod once_ref;
mod plant;
mod published;
mod queue;
mod ref_slot;
mod reference;
mod running;
#[cfg(feature = "sched-fuzz")]
pub mod sched_fuzz;
mod seat;
mod slot;
mod spin_lock;
mod tie;
mod wait_list;
mod wait_queue;

#[cfg(all(test, feature = "model"))]
mod models;

pub use crate::arch::atomic;
pub use spin::Once;

pub use borrowed::Borrowed;
pub use boxed::{try_box, try_box_with};
pub use heap::{Heap, HeapLink, HeapLinked, is_before};
#[cfg(all(debug_assertions, not(feature = "model")))]
use lock_class::check_sleep;
pub use mutex::{Mutex, MutexGuard};
pub use once_ref::OnceRef;
#[cfg(feature = "sched-fuzz")]
pub use plant::plant;
pub use plant::{planted, unless_planted};
pub use published::{Published, Stamped};
pub use queue::{Link, Linked, Queue};
pub use ref_slot::RefSlot;
pub use reference::{AllocError, Ref};
pub use running::{RunningCell, Runs};
pub use seat::Seat;
pub use slot::Slot;
pub use spin_lock::{MaskedGuard, SpinGuard, SpinLock};
pub use tie::Tie;

pub use wait_list::WaitList;
pub use wait_queue::{Parked, Parker, WaitQueue, set_parker};

/// Sleeping is always allowed for a kernel that does not check.
#[cfg(not(all(debug_assertions, not(feature = "model"))))]
#[inline(always)]
const fn check_sleep() {}
