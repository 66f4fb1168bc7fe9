//! Futexes.

use abi::lock::{HOLDER, WAITED_FOR};
use abi::{Error, NEVER, NOW};

use crate::arch;
use crate::ipc::{self, FutexOutcome, Passed};
use crate::mm::{is_user_word, load_present_u32, load_to_write_u32, load_user_u32};
use crate::time::now_ns;

use super::Args;
use super::context::{Context, Outcome, Short};

/// Threads that are woken with interrupts masked.
const AT_ONCE_MAX: u64 = 4;

fn check_word(word: u64) -> Result<(), Error> {
    if !word.is_multiple_of(4) {
        return Err(Error::InvalidArgument);
    }
    Ok(())
}

/// The short way of [`futex_wait`]: without a deadline, for a word that is in memory.
#[inline(always)]
pub(super) fn futex_wait_at_once(
    short: Short<'_>,
    [word, expected, deadline, ..]: Args,
) -> Option<Result<u64, Error>> {
    check_word(word).ok()?;
    let expected = u32::try_from(expected).ok()?;
    if deadline != NEVER || !is_user_word(word) {
        return None;
    }
    let thread = short.thread();
    let key = thread.owner()?.word_key(word);
    match ipc::futex_wait(&thread, key, word, expected, NEVER) {
        FutexOutcome::Waits => Some(short.blocked()),
        FutexOutcome::Changed => Some(Err(Error::WouldBlock)),
        FutexOutcome::Failed(error) => Some(Err(error)),
        FutexOutcome::NotPresent => None,
    }
}

/// The short way of [`futex_wake`].
#[inline(always)]
pub(super) fn futex_wake_at_once(
    short: Short<'_>,
    [word, limit, ..]: Args,
) -> Option<Result<u64, Error>> {
    check_word(word).ok()?;
    load_present_u32(word)?;
    if limit > AT_ONCE_MAX {
        return None;
    }
    let key = short.thread().owner()?.word_key(word);
    Some(Ok(ipc::futex_wake(key, limit)))
}

pub(super) fn futex_wait(cx: &Context, [word, expected, deadline, ..]: Args) -> Outcome {
    let wait = || {
        check_word(word)?;
        let expected = u32::try_from(expected).map_err(|_| Error::InvalidArgument)?;
        loop {
            // Brings the page in; the look that counts is under the bucket's lock.
            if load_user_u32(cx.process.space(), word)? != expected {
                return Err(Error::WouldBlock);
            }
            if deadline == NOW || deadline <= now_ns() {
                return Err(Error::TimedOut);
            }
            arch::irq_disable();
            let key = cx.process.space().word_key(word);
            let outcome = ipc::futex_wait(cx.thread, key, word, expected, deadline);
            if outcome == FutexOutcome::Waits {
                return Ok(Outcome::Blocked);
            }
            arch::irq_enable();
            match outcome {
                FutexOutcome::Changed => return Err(Error::WouldBlock),
                FutexOutcome::Failed(error) => return Err(error),
                FutexOutcome::NotPresent | FutexOutcome::Waits => {}
            }
        }
    };
    Outcome::from(wait())
}

pub(super) fn futex_wake(cx: &Context, [word, limit, ..]: Args) -> Outcome {
    let wake = || {
        check_word(word)?;
        // A word that nobody could wait on is a mistake worth telling.
        load_user_u32(cx.process.space(), word)?;
        let key = cx.process.space().word_key(word);
        Ok(Outcome::value(ipc::futex_wake(key, limit)))
    };
    Outcome::from(wake())
}

pub(super) fn futex_lock(cx: &Context, [word, expected, deadline, ..]: Args) -> Outcome {
    let lock = || {
        check_word(word)?;
        let expected = u32::try_from(expected).map_err(|_| Error::InvalidArgument)?;
        if expected & WAITED_FOR == 0 || expected & HOLDER == 0 {
            return Err(Error::InvalidArgument);
        }
        loop {
            // Brings the page in; the look that counts is under the bucket's lock.
            if load_user_u32(cx.process.space(), word)? != expected {
                return Err(Error::WouldBlock);
            }
            let holder = cx.process.thread_by_number(expected & HOLDER);
            let holder = holder.ok_or(Error::PeerClosed)?;
            if deadline == NOW || deadline <= now_ns() {
                return Err(Error::TimedOut);
            }
            arch::irq_disable();
            let process = cx.process.id();
            let outcome = ipc::lock_wait(cx.thread, process, &holder, word, expected, deadline);
            if outcome == FutexOutcome::Waits {
                return Ok(Outcome::Blocked);
            }
            arch::irq_enable();
            match outcome {
                FutexOutcome::Changed => return Err(Error::WouldBlock),
                FutexOutcome::Failed(error) => return Err(error),
                FutexOutcome::NotPresent | FutexOutcome::Waits => {}
            }
        }
    };
    Outcome::from(lock())
}

pub(super) fn futex_unlock(cx: &Context, [word, ..]: Args) -> Outcome {
    let unlock = || {
        check_word(word)?;
        let thread = cx.thread.to_ref();
        loop {
            // Also brings the page in, to be written.
            if load_to_write_u32(cx.process.space(), word)? & HOLDER != thread.number() {
                return Err(Error::BadState);
            }
            arch::irq_disable();
            let passed = ipc::lock_pass(&thread, cx.process.id(), word);
            arch::irq_enable();
            match passed {
                Passed::Done => return Ok(Outcome::OK),
                Passed::NotHeld => return Err(Error::BadState),
                Passed::NotPresent => {}
            }
        }
    };
    Outcome::from(unlock())
}
