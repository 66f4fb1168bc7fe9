//! Waiting for a word of a program's memory to change.
//!
//! Threads wait in buckets by the name of the word, which is the same in every process that
//! maps it. A waiter looks at the word under its bucket's lock, and a waker takes that
//! lock, so no wake-up between look and wait is lost.

use abi::Error;

use crate::arch;
use crate::mm::WordKey;
use crate::sched::{Thread, WaitTarget, Waiter};
use crate::sync::atomic::Ordering;
use crate::sync::{Borrowed, SpinLock, WaitList, planted, sched_point};

const BUCKETS: usize = 64;

struct Bucket {
    waiting: SpinLock<WaitList<Thread>>,
}

static TABLE: [Bucket; BUCKETS] = [const {
    Bucket {
        waiting: SpinLock::new(WaitList::new()),
    }
}; BUCKETS];

fn bucket(key: WordKey) -> &'static Bucket {
    let mixed = (key.of ^ (key.at >> 2)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    TABLE.get((mixed >> 58) as usize).unwrap_or(&TABLE[0])
}

fn is_for(thread: &Thread, key: WordKey) -> bool {
    let [of, at] = thread.wait_tag();
    of.load(Ordering::Relaxed) == key.of && at.load(Ordering::Relaxed) == key.at
}

impl Waiter for Bucket {
    fn cancel(&self, thread: &Thread) {
        self.waiting.lock().remove(thread);
    }
}

/// What a wait came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FutexOutcome {
    /// The thread waits; its results come later.
    Waits,
    /// The word has another value.
    Changed,
    /// The word is not in memory just now; the caller brings it in and tries again.
    NotPresent,
    /// The wait could not begin.
    Failed(Error),
}

/// Makes the running thread wait while the word at `address`, named by `key`, is
/// `expected`. Interrupts are masked.
pub fn futex_wait(
    thread: &Borrowed<'_, Thread>,
    key: WordKey,
    address: u64,
    expected: u32,
    deadline: u64,
) -> FutexOutcome {
    let bucket = bucket(key);
    let [of, at] = thread.wait_tag();
    of.store(key.of, Ordering::Relaxed);
    at.store(key.at, Ordering::Relaxed);
    if let Err(error) = thread.open_wait(WaitTarget::Static(bucket), deadline) {
        return FutexOutcome::Failed(error.into());
    }
    let early = planted("futex-look").then(|| arch::load_user_u32(address));
    sched_point!();
    let outcome = {
        let mut waiting = bucket.waiting.lock_masked();
        match early.unwrap_or_else(|| arch::load_user_u32(address)) {
            None => FutexOutcome::NotPresent,
            Some(value) if value != expected => FutexOutcome::Changed,
            // Who ends a wait takes the thread off the list under this lock: where that
            // has been already, nobody would take it off again.
            Some(_) if !thread.waits() => FutexOutcome::Changed,
            Some(_) if waiting.push(thread) => FutexOutcome::Waits,
            Some(_) => FutexOutcome::Failed(Error::BadState),
        }
    };
    if outcome != FutexOutcome::Waits && !thread.close_wait() {
        // Somebody ended the wait meanwhile, and wrote why.
        return FutexOutcome::Waits;
    }
    outcome
}

/// Wakes up to `limit` threads that wait for the word; returns how many.
pub fn futex_wake(key: WordKey, limit: u64) -> u64 {
    let bucket = bucket(key);
    let mut woken = 0;
    while woken < limit {
        let mut waiting = bucket.waiting.lock();
        let Some(thread) = waiting.take_first(|thread| is_for(thread, key)) else {
            break;
        };
        // Under the lock, so that the thread does not go: who cancels a wait comes here.
        if thread.complete_listed() {
            woken = woken.saturating_add(1);
        }
    }
    woken
}
