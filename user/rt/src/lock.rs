//! A mutual exclusion lock whose waiters sleep in the kernel.
#![allow(unsafe_code, reason = "implements the unsafe trait of lock_api")]

use core::sync::atomic::{AtomicU32, Ordering};

use crate::futex;

/// Nobody holds the lock.
const FREE: u32 = 0;
/// Somebody holds it and nobody waits.
const HELD: u32 = 1;
/// Somebody holds it and somebody may wait.
const CONTENDED: u32 = 2;

/// The raw lock; use it through [`Mutex`].
#[derive(Debug)]
pub struct RawFutexMutex {
    state: AtomicU32,
}

/// A value that one thread at a time can reach.
pub type Mutex<T> = lock_api::Mutex<RawFutexMutex, T>;
/// Access to the value of a [`Mutex`], until it goes out of scope.
pub type MutexGuard<'a, T> = lock_api::MutexGuard<'a, RawFutexMutex, T>;

// SAFETY: `lock` and `try_lock` return only after moving the state from FREE, with
// acquire ordering, and only `unlock` sets FREE again, with release ordering; so at
// most one holder exists between the two.
unsafe impl lock_api::RawMutex for RawFutexMutex {
    const INIT: RawFutexMutex = RawFutexMutex {
        state: AtomicU32::new(FREE),
    };

    type GuardMarker = lock_api::GuardSend;

    #[inline]
    fn lock(&self) {
        if !self.try_lock() {
            self.lock_contended();
        }
    }

    #[inline]
    fn try_lock(&self) -> bool {
        self.state
            .compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
    }

    #[inline]
    unsafe fn unlock(&self) {
        if self.state.swap(FREE, Ordering::Release) == CONTENDED {
            let _ = futex::wake(&self.state, 1);
        }
    }
}

impl RawFutexMutex {
    /// Sleeps until the lock is free, then takes it, marked as contended.
    #[cold]
    fn lock_contended(&self) {
        while self.state.swap(CONTENDED, Ordering::Acquire) != FREE {
            // Whatever the answer (woken, changed meanwhile, no kernel on the host),
            // the state decides.
            let _ = futex::wait(&self.state, CONTENDED, abi::NEVER);
            core::hint::spin_loop();
        }
    }
}
