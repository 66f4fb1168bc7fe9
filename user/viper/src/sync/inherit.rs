//! Mutual exclusion that lends the holder the urgency of those that wait.

use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use rt::inherit::{RawLock, Taken};

use super::{Mutex, MutexGuard};
use crate::io::Result;

/// A value that one thread at a time can reach; who holds it runs at least as urgently as
/// the most urgent thread that waits for it.
///
/// For threads of different classes or priorities. Between equal ones
/// [`Mutex`](super::Mutex) does the same for less.
#[derive(Debug, Default)]
pub struct PiMutex<T> {
    raw: RawLock,
    abandoned: AtomicBool,
    /// Never waited for: `raw` lets one thread through.
    value: Mutex<T>,
}

impl<T> PiMutex<T> {
    /// A free one.
    pub const fn new(value: T) -> PiMutex<T> {
        PiMutex {
            raw: RawLock::new(),
            abandoned: AtomicBool::new(false),
            value: Mutex::new(value),
        }
    }

    /// Takes the lock.
    ///
    /// # Errors
    ///
    /// `BadState` where that would never end: the holder is the caller, or waits for it,
    /// perhaps by way of others. `PeerClosed` where a holder has ended without freeing it.
    /// `LimitReached`, `NoMemory`.
    pub fn lock(&self) -> Result<PiGuard<'_, T>> {
        self.lock_until(abi::NEVER)
    }

    /// As [`PiMutex::lock`], until `deadline` (ns since boot) at the latest.
    ///
    /// # Errors
    ///
    /// As [`PiMutex::lock`], and `TimedOut`.
    pub fn lock_until(&self, deadline: u64) -> Result<PiGuard<'_, T>> {
        if self.raw.lock(deadline)? == Taken::Abandoned {
            self.abandoned.store(true, Ordering::Relaxed);
        }
        self.guard()
    }

    /// Takes the lock if it is free.
    pub fn try_lock(&self) -> Option<PiGuard<'_, T>> {
        if !self.raw.try_lock() {
            return None;
        }
        self.guard().ok()
    }

    /// The lock is taken. What a thread held that has ended nobody gets, for it may be half
    /// changed.
    fn guard(&self) -> Result<PiGuard<'_, T>> {
        let value = self.value.try_lock();
        let whole = value.filter(|_| !self.abandoned.load(Ordering::Relaxed));
        let Some(value) = whole else {
            self.raw.unlock();
            return Err(abi::Error::PeerClosed);
        };
        Ok(PiGuard {
            lock: self,
            value: Some(value),
        })
    }
}

/// Access to the value of a [`PiMutex`], until it goes out of scope.
#[derive(Debug)]
pub struct PiGuard<'a, T> {
    lock: &'a PiMutex<T>,
    /// There but while a [`PiCondvar`] is waited for.
    value: Option<MutexGuard<'a, T>>,
}

impl<T> Deref for PiGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_ref().expect("a guard has its value")
    }
}

impl<T> DerefMut for PiGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.value.as_mut().expect("a guard has its value")
    }
}

impl<T> Drop for PiGuard<'_, T> {
    fn drop(&mut self) {
        if self.value.take().is_some() {
            self.lock.raw.unlock();
        }
    }
}

/// As [`Condvar`](super::Condvar), for a [`PiMutex`].
#[derive(Debug, Default)]
pub struct PiCondvar {
    /// Counts notifications; a waiter sleeps while it stays the same.
    sequence: AtomicU32,
}

impl PiCondvar {
    /// A condition variable nobody waits on.
    pub const fn new() -> PiCondvar {
        PiCondvar {
            sequence: AtomicU32::new(0),
        }
    }

    /// Frees the lock, waits for a notification, takes the lock again. May return without a
    /// notification: check the condition in a loop.
    ///
    /// # Errors
    ///
    /// As [`PiMutex::lock`]; the guard is gone then.
    pub fn wait<'a, T>(&self, guard: PiGuard<'a, T>) -> Result<PiGuard<'a, T>> {
        let seen = self.sequence.load(Ordering::Relaxed);
        let lock = guard.lock;
        drop(guard);
        // Woken, changed meanwhile, or cancelled: the caller looks for itself.
        let _ = rt::futex::wait(&self.sequence, seen, abi::NEVER);
        lock.lock()
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
