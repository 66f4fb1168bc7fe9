//! Clocks: the counter, time since boot, the wall clock.
#![allow(unsafe_code, reason = "reads a system register and makes system calls")]

use abi::Handle;

use crate::{Result, startup, stub};

/// Ticks of the machine's counter (`CNTVCT_EL0`).
#[inline(always)]
pub fn counter() -> u64 {
    #[cfg(target_os = "none")]
    {
        let ticks: u64;
        // SAFETY: reads a counter. `isb` keeps the read from being done early
        // (ARM ARM D12.2.1).
        unsafe {
            core::arch::asm!("isb", "mrs {}, cntvct_el0", out(reg) ticks, options(nostack));
        }
        ticks
    }
    #[cfg(not(target_os = "none"))]
    0
}

/// Ticks of [`counter`] in a second; never 0.
pub fn counter_hz() -> u64 {
    startup::get().map_or(1, |startup| startup.record().counter_hz.max(1))
}

/// ns since boot, the scale of every deadline.
///
/// # Errors
///
/// None on the machine.
pub fn now() -> Result<u64> {
    // SAFETY: the call takes no address.
    let [ns, ..] = unsafe { stub::time_now() }?;
    Ok(ns)
}

/// Reads a wall clock: ns since 1970-01-01 UTC.
///
/// # Errors
///
/// `AccessDenied` without the right `READ`.
pub fn clock_read(clock: Handle) -> Result<u64> {
    // SAFETY: the call takes no address.
    let [ns, ..] = unsafe { stub::clock_read(clock.0) }?;
    Ok(ns)
}

/// Sets a wall clock.
///
/// # Errors
///
/// `AccessDenied` without the right `MANAGE`.
pub fn clock_set(clock: Handle, ns: u64) -> Result<()> {
    // SAFETY: the call takes no address.
    unsafe { stub::clock_set(clock.0, ns) }.map(|_| ())
}
