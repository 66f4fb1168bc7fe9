//! Waiting, with and without kernel frames.

use abi::{Error, Signals};

use crate::arch;
use crate::cap::{Heard, KernelObject, Observer, ObserverKey};
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Parked, Ref};
use crate::time::now_ns;

use super::cpu;
use super::switch::{current, park_current};
use super::thread::{Thread, claim, state};
use super::timer;

/// A list of waiting threads that is not an object's signals.
pub trait Waiter: Send + Sync {
    /// Takes a thread off the list, if it is on it.
    fn cancel(&self, thread: &Thread);
}

/// Why a frameless wait did not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitError {
    /// No memory for the deadline.
    NoMemory,
    /// The thread is told to end; it will not see the answer of its call.
    Killed,
}

impl From<WaitError> for Error {
    fn from(error: WaitError) -> Self {
        match error {
            WaitError::NoMemory => Error::NoMemory,
            WaitError::Killed => Error::Cancelled,
        }
    }
}

/// What a frameless wait waits for.
pub enum WaitTarget {
    /// Nothing: no wait is open.
    None,
    /// Its deadline only, which is then no failure.
    Sleep,
    /// Signals of an object.
    Object(Ref<dyn KernelObject>),
    /// Another list.
    List(Ref<dyn Waiter>),
    /// A list that is not counted.
    Static(&'static dyn Waiter),
}

impl core::fmt::Debug for WaitTarget {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        out.write_str("WaitTarget")
    }
}

impl Ref<Thread> {
    /// Opens a frameless wait of the running thread; returns the key that names it.
    ///
    /// Called with interrupts masked, before the thread is put on any list. Then the
    /// system call either returns `BLOCKED`, or [`Thread::close_wait`] ends the wait.
    ///
    /// # Errors
    /// [`WaitError`]; the wait is not open.
    pub fn open_wait(&self, target: WaitTarget, deadline: u64) -> Result<ObserverKey, WaitError> {
        let key = self.wait_key.load(Ordering::Relaxed).wrapping_add(1);
        self.wait_key.store(key, Ordering::Relaxed);
        self.consumes.store(false, Ordering::Relaxed);
        self.restart.store(false, Ordering::Relaxed);
        *self.target.lock() = target;
        self.claim.store(claim::OPEN, Ordering::SeqCst);
        // `kill` marks the thread first and looks at the claim then; this is the other
        // order, so that one of the two sees the other.
        if self.killed.load(Ordering::SeqCst) {
            self.close_wait();
            return Err(WaitError::Killed);
        }
        if deadline != abi::NEVER && timer::insert(deadline, self).is_err() {
            self.close_wait();
            return Err(WaitError::NoMemory);
        }
        Ok(key)
    }
}

impl Ref<Thread> {
    /// Opens a wait for a point in time; when it comes the call has succeeded.
    ///
    /// # Errors
    /// [`WaitError`]; the wait is not open.
    pub fn open_sleep(&self, deadline: u64) -> Result<(), WaitError> {
        self.open_wait(WaitTarget::Sleep, deadline).map(|_| ())
    }
}

impl Thread {
    /// The open wait takes the signals it ends with, so that they are no longer raised.
    pub fn consume_signals(&self) {
        self.consumes.store(true, Ordering::Relaxed);
    }

    /// The open wait, if it ends without an error, makes the system call again with these
    /// arguments: for calls whose results the waker cannot write.
    pub fn restart_call(&self, number: u64, arguments: [u64; 6]) {
        for (place, value) in self.call.iter().zip(arguments) {
            place.store(value, Ordering::Relaxed);
        }
        self.call_number.store(number, Ordering::Relaxed);
        self.restart.store(true, Ordering::Relaxed);
    }

    /// Puts the arguments of a call that is made again back into the frame; done when the
    /// thread is switched to, after its entry into the kernel has finished with the frame.
    pub(super) fn apply_restart(&self) {
        if !self.restart.swap(false, Ordering::Relaxed) {
            return;
        }
        for (register, value) in self.call.iter().enumerate() {
            self.frame()
                .set_register(register, value.load(Ordering::Relaxed));
        }
        self.frame()
            .set_register(8, self.call_number.load(Ordering::Relaxed));
        self.frame().rewind_instruction();
    }

    /// Words by which a waiting list finds the thread.
    pub fn wait_tag(&self) -> &[AtomicU64; 2] {
        &self.tag
    }

    /// Ends a wait whose results the system call itself returns. False: somebody else
    /// has written results already, and the call returns `BLOCKED`.
    pub fn close_wait(&self) -> bool {
        let closed = self
            .claim
            .compare_exchange(
                claim::OPEN,
                claim::NONE,
                Ordering::AcqRel,
                Ordering::Acquire,
            )
            .is_ok();
        if closed {
            timer::remove(self);
            *self.target.lock() = WaitTarget::None;
        }
        closed
    }

    /// As [`Thread::complete`], for whoever took the thread off its list: whichever wait is
    /// open is the one meant.
    pub fn complete_any(&self, error: Option<Error>, values: [u64; 3]) -> bool {
        self.complete(self.wait_key.load(Ordering::Relaxed), error, values)
    }

    /// Ends the frameless wait named by `key`, if it is still open: writes its results,
    /// takes it off its lists and lets the thread run. Returns whether it was open.
    pub fn complete(&self, key: ObserverKey, error: Option<Error>, values: [u64; 3]) -> bool {
        if self.wait_key.load(Ordering::Relaxed) != key {
            return false;
        }
        let claimed = self
            .claim
            .compare_exchange(
                claim::OPEN,
                claim::DONE,
                Ordering::AcqRel,
                Ordering::Acquire,
            )
            .is_ok();
        if !claimed {
            return false;
        }
        let slept = matches!(*self.target.lock(), WaitTarget::Sleep);
        let error = error.filter(|error| !(slept && *error == Error::TimedOut));
        self.frame()
            .set_result(error.map_or(0, |error| error as u64), values);
        if error.is_some() {
            self.restart.store(false, Ordering::Relaxed);
        }
        timer::remove(self);
        let target = core::mem::replace(&mut *self.target.lock(), WaitTarget::None);
        if error.is_some() {
            // Ended from outside: the list still has the thread.
            match &target {
                WaitTarget::None | WaitTarget::Sleep => {}
                WaitTarget::Object(object) => {
                    object.base().signals().forget(key, self);
                }
                WaitTarget::List(list) => list.cancel(self),
                WaitTarget::Static(list) => list.cancel(self),
            }
        }
        cpu::make_ready(self, state::WAITING);
        true
    }
}

impl Observer for Thread {
    fn raised(&self, key: ObserverKey, hit: Signals, all: Signals) -> Heard {
        let consumes = self.consumes.load(Ordering::Relaxed);
        let signals = if consumes { hit } else { all };
        if self.complete(key, None, [u64::from(signals.bits()), 0, 0]) && consumes {
            Heard::Take
        } else {
            Heard::Done
        }
    }
}

/// The running thread, for wait queues.
pub(super) fn current_parked() -> Option<Ref<dyn Parked>> {
    cpu::CURRENT
        .get()
        .map(|thread| thread.widen(|thread| thread as *mut dyn Parked))
}

/// Parks the running thread until it is unparked or until `deadline_ns`; returns whether
/// it was unparked.
pub fn park(deadline_ns: u64) -> bool {
    let thread = current();
    thread.expired.store(false, Ordering::Relaxed);
    if deadline_ns == abi::NEVER {
        park_current(&thread);
        return true;
    }
    if deadline_ns <= now_ns() {
        return thread.permit.swap(false, Ordering::AcqRel);
    }
    let irq = arch::irq_save();
    let armed = timer::insert(deadline_ns, &thread).is_ok();
    arch::irq_restore(irq);
    if armed {
        park_current(&thread);
        timer::remove(&thread);
    }
    armed && !thread.expired.swap(false, Ordering::AcqRel)
}

/// Sleeps with kernel frames until a point in time.
pub fn sleep_until(deadline_ns: u64) {
    while now_ns() < deadline_ns {
        park(deadline_ns);
    }
}
