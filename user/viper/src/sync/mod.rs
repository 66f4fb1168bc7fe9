//! Mutual exclusion and condition variables for threads of one process.

use core::sync::atomic::{AtomicU32, Ordering};

mod inherit;

pub use inherit::{PiCondvar, PiGuard, PiMutex};
pub use rt::lock::{Mutex, MutexGuard};

/// A place where threads wait until another one says that something has changed.
///
/// A waiter looks at the count of notifications while it holds the lock, and sleeps only as
/// long as that has not changed. Who changes what is waited for does so under the lock and
/// counts after that: either the waiter sees the change, or the count is another one by the
/// time it would sleep. So no notification is lost between unlocking and sleeping.
#[derive(Debug, Default)]
pub struct Condvar {
    /// Counts notifications; a waiter sleeps while it stays the same.
    sequence: AtomicU32,
}

impl Condvar {
    /// A condition variable nobody waits on.
    pub const fn new() -> Condvar {
        Condvar {
            sequence: AtomicU32::new(0),
        }
    }

    /// Releases the lock, waits for a notification, takes the lock again.
    ///
    /// May return without a notification: check the condition in a loop.
    pub fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        let seen = self.sequence.load(Ordering::Relaxed);
        MutexGuard::unlocked(guard, || {
            // Woken, changed meanwhile, or cancelled: the caller looks for itself.
            let _ = rt::futex::wait(&self.sequence, seen, abi::NEVER);
        });
    }

    /// As [`Condvar::wait`], until `deadline` (ns since boot) at the latest; false where that
    /// has passed.
    pub fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, deadline: u64) -> bool {
        let seen = self.sequence.load(Ordering::Relaxed);
        MutexGuard::unlocked(guard, || {
            rt::futex::wait(&self.sequence, seen, deadline) != Err(abi::Error::TimedOut)
        })
    }

    /// Wakes one thread that waits.
    pub fn notify_one(&self) {
        self.notify(1);
    }

    /// Wakes every thread that waits.
    pub fn notify_all(&self) {
        self.notify(u32::MAX);
    }

    fn notify(&self, limit: u32) {
        self.sequence.fetch_add(1, Ordering::Relaxed);
        let _ = rt::futex::wake(&self.sequence, limit);
    }
}
