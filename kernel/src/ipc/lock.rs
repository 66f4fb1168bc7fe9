//! Locks of programs whose holder runs as urgently as those that wait for it.
//!
//! A lock is a word of memory: the number of the thread that holds it, and a bit that says
//! that others may wait. A program takes and frees it by itself while nobody waits. Who
//! waits is listed here with the holder, which is lent the urgency of the most urgent of
//! them; a holder that waits for another lock passes that on, along a chain of at most
//! [`CHAIN_MAX`]. Freed, a lock is handed to the most urgent one. The word is written only
//! by the holder's own call then, while no other thread has a reason to change it.
//!
//! All locks of a process are in one bucket, so that a chain lies under one lock. Lock
//! order: a bucket, then the scheduler's locks.

use alloc::vec::Vec;

use abi::Error;
use abi::lock::{HOLDER, WAITED_FOR};

use crate::arch;
use crate::sched::{Thread, WaitTarget, Waiter};
use crate::sync::atomic::{Ordering, fence};
use crate::sync::{Borrowed, Ref, SpinLock, sched_point};

use super::FutexOutcome;

const BUCKETS: usize = 64;

/// Threads that wait for one another at most.
pub const CHAIN_MAX: usize = 16;

/// A thread that waits.
struct Wait {
    waiter: Ref<Thread>,
    holder: Ref<Thread>,
    /// Address of the word.
    address: u64,
}

struct Bucket {
    waits: SpinLock<Vec<Wait>>,
}

static TABLE: [Bucket; BUCKETS] = [const {
    Bucket {
        waits: SpinLock::new(Vec::new()),
    }
}; BUCKETS];

fn bucket(process: u64) -> &'static Bucket {
    let index = usize::try_from(process).unwrap_or(0) % BUCKETS;
    TABLE.get(index).unwrap_or(&TABLE[0])
}

/// What freeing a lock came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passed {
    /// It is another thread's, or nobody's.
    Done,
    /// The caller does not hold it.
    NotHeld,
    /// The word is not in memory just now, or cannot be written.
    NotPresent,
}

/// The holder of the lock that a thread waits for.
fn holder_for<'a>(waits: &'a [Wait], thread: &Thread) -> Option<&'a Ref<Thread>> {
    let is_it = |wait: &&Wait| core::ptr::eq(&raw const *wait.waiter, thread);
    waits.iter().find(is_it).map(|wait| &wait.holder)
}

/// Whether `thread` may begin to wait for `holder`.
fn check_chain(waits: &[Wait], thread: &Thread, holder: &Ref<Thread>) -> Result<(), Error> {
    let mut next = holder;
    for _ in 0..CHAIN_MAX {
        if core::ptr::eq(&raw const **next, thread) {
            return Err(Error::BadState);
        }
        match holder_for(waits, next) {
            Some(holder) => next = holder,
            None => return Ok(()),
        }
    }
    Err(Error::LimitReached)
}

/// Lends a thread what those that wait for it have, and so on along its chain.
fn lend(waits: &[Wait], holder: &Ref<Thread>) {
    let mut next = holder;
    for _ in 0..CHAIN_MAX {
        let of_it = waits.iter().filter(|wait| wait.holder.same(next));
        let most = of_it.max_by_key(|wait| wait.waiter.full_urgency());
        next.lend(most.map(|wait| &*wait.waiter));
        match holder_for(waits, next) {
            Some(holder) => next = holder,
            None => return,
        }
    }
}

impl Waiter for Bucket {
    fn cancel(&self, thread: &Thread) {
        let gone = {
            let mut waits = self.waits.lock();
            let is_it = |wait: &Wait| core::ptr::eq(&raw const *wait.waiter, thread);
            let index = waits.iter().position(is_it);
            let gone = index.map(|index| waits.remove(index));
            if let Some(wait) = &gone {
                lend(&waits, &wait.holder);
            }
            gone
        };
        drop(gone);
    }
}

/// Makes the running thread wait for the lock at `address`, whose word is to be `expected`
/// and which `holder`, a thread of its process, holds. Interrupts are masked.
pub fn lock_wait(
    thread: &Borrowed<'_, Thread>,
    process: u64,
    holder: &Ref<Thread>,
    address: u64,
    expected: u32,
    deadline: u64,
) -> FutexOutcome {
    let bucket = bucket(process);
    if let Err(error) = thread.open_wait(WaitTarget::Static(bucket), deadline) {
        return FutexOutcome::Failed(error.into());
    }
    let outcome = {
        let mut waits = bucket.waits.lock_masked();
        match arch::load_user_u32(address) {
            None => FutexOutcome::NotPresent,
            Some(value) if value != expected => FutexOutcome::Changed,
            // Somebody has ended the wait and has taken the thread off the list already.
            Some(_) if !thread.waits() => FutexOutcome::Changed,
            Some(_) => match enlist(&mut waits, thread, holder, address) {
                Ok(()) => FutexOutcome::Waits,
                Err(error) => FutexOutcome::Failed(error),
            },
        }
    };
    if outcome != FutexOutcome::Waits && !thread.close_wait() {
        return FutexOutcome::Waits;
    }
    outcome
}

fn enlist(
    waits: &mut Vec<Wait>,
    thread: &Borrowed<'_, Thread>,
    holder: &Ref<Thread>,
    address: u64,
) -> Result<(), Error> {
    check_chain(waits, thread, holder)?;
    waits.try_reserve(1).map_err(|_| Error::NoMemory)?;
    waits.push(Wait {
        waiter: thread.to_ref(),
        holder: holder.clone(),
        address,
    });
    lend(waits, holder);
    sched_point!();
    // A thread that ends is marked first, and then looks whether it was lent something;
    // here it is the other way round, so that one of the two sees the other.
    fence(Ordering::SeqCst);
    if holder.is_killed() {
        // The caller has both references still.
        waits.pop();
        lend(waits, holder);
        return Err(Error::PeerClosed);
    }
    Ok(())
}

/// Hands the lock at `address`, which the running thread holds, to the most urgent thread
/// that waits for it; with none the word becomes 0. Interrupts are masked.
pub fn lock_pass(thread: &Ref<Thread>, process: u64, address: u64) -> Passed {
    let bucket = bucket(process);
    loop {
        let mut waits = bucket.waits.lock_masked();
        match arch::load_user_u32(address) {
            None => return Passed::NotPresent,
            Some(value) if value & HOLDER != thread.number() => return Passed::NotHeld,
            Some(_) => {}
        }
        let is_for = |wait: &&Wait| wait.address == address && wait.holder.same(thread);
        let count = waits.iter().filter(is_for).count();
        let most = waits
            .iter()
            .filter(is_for)
            .map(|wait| wait.waiter.full_urgency());
        let Some(most) = most.max() else {
            return write(address, 0);
        };
        let is_next = |wait: &Wait| is_for(&wait) && wait.waiter.full_urgency() == most;
        let Some(index) = waits.iter().position(is_next) else {
            return write(address, 0);
        };
        let waited_for = if count > 1 { WAITED_FOR } else { 0 };
        let next = waits.remove(index);
        // The lock is its own before it runs.
        if write(address, next.waiter.number() | waited_for) != Passed::Done {
            // There was room for it a moment ago.
            waits.insert(index, next);
            return Passed::NotPresent;
        }
        sched_point!();
        let taken = next.waiter.complete_listed();
        if taken {
            for wait in waits.iter_mut() {
                if wait.address == address && wait.holder.same(thread) {
                    // Not the last reference: it is the running thread's.
                    wait.holder = next.waiter.clone();
                }
            }
            lend(&waits, &next.waiter);
            lend(&waits, thread);
        } else if write(address, thread.number() | WAITED_FOR) != Passed::Done {
            return Passed::NotPresent;
        }
        drop(waits);
        drop(next);
        if taken {
            return Passed::Done;
        }
        // Its deadline or its end was faster: the one after it is next.
    }
}

fn write(address: u64, value: u32) -> Passed {
    if arch::copy_to_user(address, &value.to_le_bytes()) == 0 {
        Passed::Done
    } else {
        Passed::NotPresent
    }
}

/// A thread of a process ends: those that wait for locks it holds are told.
pub fn holder_ends(thread: &Ref<Thread>, process: u64) {
    fence(Ordering::SeqCst);
    if !thread.is_lent() {
        return;
    }
    loop {
        let next = {
            let mut waits = bucket(process).waits.lock();
            let index = waits.iter().position(|wait| wait.holder.same(thread));
            index.map(|index| waits.remove(index))
        };
        let Some(wait) = next else { return };
        wait.waiter.complete_any(Some(Error::PeerClosed), [0; 3]);
    }
}
