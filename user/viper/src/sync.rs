//! Mutual exclusion and condition variables for threads of one process.

use core::sync::atomic::{AtomicU32, Ordering};

pub use rt::lock::{Mutex, MutexGuard};

/// A place where threads wait until another one says that something has changed.
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
