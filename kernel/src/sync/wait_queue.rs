//! Waiting with kernel frames, through the interface that the scheduler registers.

use core::fmt;

use alloc::vec::Vec;

use super::{Once, Ref, SpinLock, planted};

/// A thread as wait queues see it.
pub trait Parked: Send + Sync {
    /// Ends the thread's park, or the next one if it is not parked just now.
    fn unpark(&self);
}

/// How the running thread parks.
#[derive(Clone, Copy, Debug)]
pub struct Parker {
    /// The running thread; `None` while the scheduler does not run on this CPU.
    pub current: fn() -> Option<Ref<dyn Parked>>,
    /// Parks the running thread until it is unparked or the time is `deadline_ns`;
    /// returns whether it was unparked.
    pub park: fn(deadline_ns: u64) -> bool,
    /// ns since boot.
    pub now: fn() -> u64,
}

/// Park time of a waiter that could not be registered for lack of memory.
const RETRY_NS: u64 = 1_000_000;

static PARKER: Once<Parker> = Once::new();

/// Registers the scheduler's interface.
pub fn set_parker(parker: Parker) {
    PARKER.call_once(|| parker);
}

/// Threads that wait for something, with their kernel frames.
pub struct WaitQueue {
    waiters: SpinLock<Vec<Ref<dyn Parked>>>,
}

impl WaitQueue {
    /// Nobody waits.
    pub const fn new() -> Self {
        WaitQueue {
            waiters: SpinLock::new(Vec::new()),
        }
    }

    /// Waits until `ready` returns something, asking again after each wake; `None` where
    /// `deadline_ns` passed first.
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn wait_until<R>(
        &self,
        deadline_ns: u64,
        mut ready: impl FnMut() -> Option<R>,
    ) -> Option<R> {
        super::check_sleep();
        loop {
            if let Some(result) = ready() {
                return Some(result);
            }
            let Some((parker, me)) = PARKER.get().and_then(|p| Some((p, (p.current)()?))) else {
                // Before the scheduler runs there is one thread, and interrupts do the work.
                crate::arch::spin_hint();
                continue;
            };
            sched_point!();
            let registered = self.register(me.clone());
            // Registered before asking again: an unpark in between ends the park at once.
            let result = if planted("queue-look-again") {
                None
            } else {
                ready()
            };
            let mut expired = false;
            sched_point!();
            if result.is_none() {
                let limit = if registered {
                    deadline_ns
                } else {
                    deadline_ns.min((parker.now)().saturating_add(RETRY_NS))
                };
                let unparked = (parker.park)(limit);
                expired = !unparked && limit == deadline_ns;
            }
            self.waiters.lock().retain(|waiter| !waiter.same(&me));
            if result.is_some() || expired {
                return result.or_else(ready);
            }
        }
    }

    fn register(&self, me: Ref<dyn Parked>) -> bool {
        let mut waiters = self.waiters.lock();
        if waiters.try_reserve(1).is_err() {
            return false;
        }
        waiters.push(me);
        true
    }

    /// Wakes all that wait; they ask again whether they are ready.
    pub fn wake_all(&self) {
        while self.wake_one() {}
    }

    /// Wakes the one that waits longest; returns whether there was one.
    pub fn wake_one(&self) -> bool {
        let waiter = {
            let mut waiters = self.waiters.lock();
            if waiters.is_empty() {
                None
            } else {
                Some(waiters.remove(0))
            }
        };
        // Outside the lock: unparking takes the scheduler's.
        waiter
            .inspect(|waiter| {
                if !planted("queue-wake") {
                    waiter.unpark();
                }
            })
            .is_some()
    }
}

impl Default for WaitQueue {
    fn default() -> Self {
        WaitQueue::new()
    }
}

impl fmt::Debug for WaitQueue {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("WaitQueue")
    }
}
