//! Waiting for a word of a program's memory to change.
//!
//! Threads wait in buckets by address space and address. A waiter looks at the word under
//! its bucket's lock, and a waker takes that lock, so no wake-up between look and wait is
//! lost.

use abi::Error;

use crate::arch;
use crate::sched::{Thread, WaitTarget, Waiter};
use crate::sync::atomic::Ordering;
use crate::sync::{Borrowed, Queue, SpinLock, planted, sched_point};

const BUCKETS: usize = 64;

struct Bucket {
    waiting: SpinLock<Queue<Thread>>,
}

static TABLE: [Bucket; BUCKETS] = [const {
    Bucket {
        waiting: SpinLock::new(Queue::new()),
    }
}; BUCKETS];

fn bucket(space: u64, address: u64) -> &'static Bucket {
    let mixed = (space ^ (address >> 2)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    TABLE.get((mixed >> 58) as usize).unwrap_or(&TABLE[0])
}

fn is_for(thread: &Thread, space: u64, address: u64) -> bool {
    let [of_space, of_address] = thread.wait_tag();
    of_space.load(Ordering::Relaxed) == space && of_address.load(Ordering::Relaxed) == address
}

impl Waiter for Bucket {
    fn cancel(&self, thread: &Thread) {
        let removed = self.waiting.lock().remove(thread);
        drop(removed);
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

/// Makes the running thread wait while the word at `address` is `expected`.
///
/// `space` names its address space. Interrupts are masked.
pub fn futex_wait(
    thread: &Borrowed<'_, Thread>,
    space: u64,
    address: u64,
    expected: u32,
    deadline: u64,
) -> FutexOutcome {
    let bucket = bucket(space, address);
    let [of_space, of_address] = thread.wait_tag();
    of_space.store(space, Ordering::Relaxed);
    of_address.store(address, Ordering::Relaxed);
    if let Err(error) = thread.open_wait(WaitTarget::Static(bucket), deadline) {
        return FutexOutcome::Failed(error.into());
    }
    let early = planted("futex-look").then(|| arch::load_user_u32(address));
    sched_point!();
    let outcome = {
        let mut waiting = bucket.waiting.lock();
        match early.unwrap_or_else(|| arch::load_user_u32(address)) {
            None => FutexOutcome::NotPresent,
            Some(value) if value != expected => FutexOutcome::Changed,
            // Who ends a wait takes the thread off the list under this lock: where that
            // has been already, nobody would take it off again.
            Some(_) if !thread.waits() => FutexOutcome::Changed,
            Some(_) => match waiting.push(thread.to_ref()) {
                Ok(()) => FutexOutcome::Waits,
                Err(_) => FutexOutcome::Failed(Error::BadState),
            },
        }
    };
    if outcome != FutexOutcome::Waits && !thread.close_wait() {
        // Somebody ended the wait meanwhile, and wrote why.
        return FutexOutcome::Waits;
    }
    outcome
}

/// Wakes up to `limit` threads that wait for the word; returns how many.
pub fn futex_wake(space: u64, address: u64, limit: u64) -> u64 {
    let bucket = bucket(space, address);
    let mut woken = 0;
    while woken < limit {
        let next = bucket
            .waiting
            .lock()
            .pop_if(|thread| is_for(thread, space, address));
        let Some(thread) = next else { break };
        if thread.complete_any(None, [0; 3]) {
            woken = woken.saturating_add(1);
        }
    }
    woken
}
