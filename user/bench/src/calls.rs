//! Single system calls.

use core::hint::black_box;
use core::sync::atomic::AtomicU32;

use abi::{Rights, Signals};
use rt::probe;
use viper::Failure;

use super::Cost;
use super::clock::Clock;

/// The reference: a counted loop with nothing in it.
pub fn loop_overhead(clock: &Clock) -> Result<Cost, Failure> {
    clock.measure(100_000, |count| {
        probe::count_down(count);
        Ok(())
    })
}

/// Into the kernel and back.
pub fn null(clock: &Clock) -> Result<Cost, Failure> {
    clock.measure(100_000, |count| {
        for _ in 0..count {
            probe::null_call();
        }
        Ok(())
    })
}

/// Reads the time through the kernel into 16 bytes of memory.
pub fn clock_read(clock: &Clock) -> Result<Cost, Failure> {
    let mut time = [0u64; 2];
    clock.measure(100_000, |count| {
        for _ in 0..count {
            probe::clock_call(black_box(&mut time));
        }
        Ok(())
    })
}

/// Another handle to an object, closed again.
pub fn duplicate_close(clock: &Clock) -> Result<Cost, Failure> {
    let event = rt::event::create()?;
    clock.measure(10_000, |count| {
        for _ in 0..count {
            drop(rt::handle::duplicate(event.get(), Rights::WAIT)?);
        }
        Ok(())
    })
}

/// Signals an event nobody waits for.
pub fn event_signal(clock: &Clock) -> Result<Cost, Failure> {
    let event = rt::event::create()?;
    clock.measure(10_000, |count| {
        for _ in 0..count {
            rt::event::signal(event.get(), Signals::empty(), Signals::USER_0)?;
        }
        Ok(())
    })
}

/// Waits for a signal that is there: signal and wait, less the signal alone.
pub fn event_wait_pending(clock: &Clock) -> Result<Cost, Failure> {
    let signal = event_signal(clock)?;
    let event = rt::event::create()?;
    let both = clock.measure(10_000, |count| {
        for _ in 0..count {
            rt::event::signal(event.get(), Signals::empty(), Signals::USER_0)?;
            rt::event::wait(event.get(), Signals::USER_0, abi::NEVER)?;
        }
        Ok(())
    })?;
    Ok(Cost {
        ticks: both.ticks.saturating_sub(signal.ticks),
        operations: both.operations,
    })
}

/// Wakes on a word nobody waits on.
pub fn futex_wake_none(clock: &Clock) -> Result<Cost, Failure> {
    let word = AtomicU32::new(0);
    clock.measure(10_000, |count| {
        for _ in 0..count {
            rt::futex::wake(&word, 1)?;
        }
        Ok(())
    })
}

/// Yields with nothing else to run.
pub fn yield_alone(clock: &Clock) -> Result<Cost, Failure> {
    clock.measure(10_000, |count| {
        for _ in 0..count {
            rt::thread::yield_now();
        }
        Ok(())
    })
}
