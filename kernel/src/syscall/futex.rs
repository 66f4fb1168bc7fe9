//! Futexes.

use abi::{Error, NOW};

use crate::arch;
use crate::ipc::{self, FutexOutcome};
use crate::mm::load_user_u32;
use crate::time::now_ns;

use super::Args;
use super::context::{Context, Outcome};

fn check_word(word: u64) -> Result<(), Error> {
    if !word.is_multiple_of(4) {
        return Err(Error::InvalidArgument);
    }
    Ok(())
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
            let outcome = ipc::futex_wait(cx.thread, cx.process.id(), word, expected, deadline);
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
        Ok(Outcome::value(ipc::futex_wake(
            cx.process.id(),
            word,
            limit,
        )))
    };
    Outcome::from(wake())
}
