//! A lock whose holder runs as urgently as those that wait for it.
//!
//! The word has the holder's number, and a bit where others may wait. Without those neither
//! side makes a call. The kernel hands a freed lock to the most urgent one that waits.
#![allow(unsafe_code, reason = "passes addresses of atomics to the kernel")]

use core::sync::atomic::{AtomicU32, Ordering};

use abi::Error;
use abi::lock::{HOLDER, WAITED_FOR};

use crate::{Result, stub, thread};

/// How a lock was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It was free, or handed over.
    Free,
    /// Its holder had ended; what it guards may be half changed.
    Abandoned,
}

/// The lock, without a value.
#[derive(Debug, Default)]
pub struct RawLock {
    word: AtomicU32,
}

impl RawLock {
    /// A free one.
    pub const fn new() -> RawLock {
        RawLock {
            word: AtomicU32::new(0),
        }
    }

    /// Whether nobody holds the lock just now.
    pub fn is_free(&self) -> bool {
        self.word.load(Ordering::Relaxed) == 0
    }

    /// Takes the lock if nobody holds it.
    pub fn try_lock(&self) -> bool {
        let me = thread::holder_number();
        self.word
            .compare_exchange(0, me, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
    }

    /// Takes the lock, waiting until `deadline` (ns since boot) at most.
    ///
    /// # Errors
    ///
    /// `TimedOut`; `BadState` where its holder waits for the caller, or is the caller;
    /// `LimitReached` where too many wait for one another; `NoMemory`.
    pub fn lock(&self, deadline: u64) -> Result<Taken> {
        loop {
            match self.lock_once(deadline) {
                Err(Error::WouldBlock | Error::Cancelled) => {}
                result => return result,
            }
        }
    }

    /// As [`RawLock::lock`], waiting at most once.
    ///
    /// # Errors
    ///
    /// As [`RawLock::lock`]; `WouldBlock` where the lock has changed meanwhile, `Cancelled`
    /// where the wait was.
    pub fn lock_once(&self, deadline: u64) -> Result<Taken> {
        if self.try_lock() {
            return Ok(Taken::Free);
        }
        let me = thread::holder_number();
        let held = self.word.load(Ordering::Relaxed);
        if held & HOLDER == me {
            return Err(Error::BadState);
        }
        let wanted = held | WAITED_FOR;
        if held == 0 || !self.change(held, wanted) {
            return Err(Error::WouldBlock);
        }
        match wait_for(self, wanted, deadline) {
            Ok(()) => {
                // Acquired from who handed it over.
                self.word.load(Ordering::Acquire);
                Ok(Taken::Free)
            }
            Err(Error::PeerClosed) if self.change(wanted, me | WAITED_FOR) => Ok(Taken::Abandoned),
            Err(Error::PeerClosed) => Err(Error::WouldBlock),
            Err(error) => Err(error),
        }
    }

    fn change(&self, from: u32, to: u32) -> bool {
        self.word
            .compare_exchange(from, to, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
    }

    /// Frees the lock, which the caller holds.
    pub fn unlock(&self) {
        let me = thread::holder_number();
        let freed = self
            .word
            .compare_exchange(me, 0, Ordering::Release, Ordering::Relaxed);
        if freed.is_err() {
            let _ = hand_over(self);
        }
    }
}

/// Waits for a lock while its word is `expected`; see `futex_lock` in the table of calls.
///
/// # Errors
///
/// As in the table.
pub fn wait_for(lock: &RawLock, expected: u32, deadline: u64) -> Result<()> {
    let address = lock.word.as_ptr() as u64;
    // SAFETY: the kernel writes the word only as the lock's holder asks it to.
    unsafe { stub::futex_lock(address, u64::from(expected), deadline) }.map(|_| ())
}

/// Hands the caller's lock to who waits; see `futex_unlock` in the table of calls.
///
/// # Errors
///
/// As in the table.
pub fn hand_over(lock: &RawLock) -> Result<()> {
    // SAFETY: the word is the lock's, which the kernel writes only for its holder.
    unsafe { stub::futex_unlock(lock.word.as_ptr() as u64) }.map(|_| ())
}
