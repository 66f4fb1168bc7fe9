//! Waiting on a 32-bit word of memory.
#![allow(unsafe_code, reason = "passes addresses of atomics to the kernel")]

use core::sync::atomic::AtomicU32;

use crate::handle::length;
use crate::{Result, stub};

/// Waits while `word` has the value `expected`.
///
/// # Errors
///
/// `WouldBlock` where it has another value already; `TimedOut` when `deadline` passes.
pub fn wait(word: &AtomicU32, expected: u32, deadline: u64) -> Result<()> {
    let address = word.as_ptr() as u64;
    // SAFETY: the kernel only reads the word.
    unsafe { stub::futex_wait(address, u64::from(expected), deadline) }.map(|_| ())
}

/// Wakes up to `limit` threads that wait on `word`; returns how many.
///
/// # Errors
///
/// `Fault` cannot happen with a live word; see the table.
pub fn wake(word: &AtomicU32, limit: u32) -> Result<usize> {
    // SAFETY: the kernel takes the address as a key and reads nothing but the word.
    let [woken, ..] = unsafe { stub::futex_wake(word.as_ptr() as u64, u64::from(limit)) }?;
    length(woken)
}
