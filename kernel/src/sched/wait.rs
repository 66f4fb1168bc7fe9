//! Waiting, with and without kernel frames.

use abi::{Error, Signals};

use crate::arch::{self, UserFrame};
use crate::cap::{Capability, Heard, KernelObject, Observer, ObserverKey};
use crate::sync::atomic::{AtomicU64, Ordering, fence};
use crate::sync::{Borrowed, Parked, Ref, planted, sched_point};
use crate::time::now_ns;

use super::cpu;
use super::heir;
use super::switch::{current, park_current};
use super::thread::{Thread, state};
use super::timer;

/// A list of waiting threads that is not an object's signals.
pub trait Waiter: Send + Sync {
    /// Takes a thread off the list, if it is on it.
    fn cancel(&self, thread: &Thread);

    /// Takes a thread out of a slot, if it is in one.
    fn withdraw(&self, _thread: &Thread) -> bool {
        false
    }
}

/// Why a frameless wait did not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitError {
    /// No memory for the deadline.
    NoMemory,
    /// The thread is told to end, and will not see the answer of its call; or a break is
    /// due.
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

/// Low bits of a thread's wait word: how the wait stands. Above them is its number.
mod stage {
    pub const NONE: u64 = 0;
    pub const OPEN: u64 = 1;
    /// Somebody ends it and writes the results.
    pub const CLAIMED: u64 = 2;
    /// The results are there.
    pub const FINISHED: u64 = 3;
    /// It is in a slot: whoever takes the thread out of it ends the wait.
    pub const SLOTTED: u64 = 4;
    pub const MASK: u64 = 7;
}

/// The wait word of a new thread: no two threads have the same numbers, as long as there
/// were fewer than 2^29 threads and 2^32 waits of each.
pub(super) const fn first_wait(thread: u64) -> u64 {
    thread << 35
}

/// What the end of a wait comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending(u32);

impl Ending {
    /// Whoever ends it writes the results.
    pub const RESULTS: Ending = Ending(0);
    /// The same, and takes the signals it ends with, so that they are no longer raised.
    pub const TAKEN_SIGNALS: Ending = Ending(option::CONSUMES);
    /// Without an error the call is made again, with the arguments that were set.
    pub const CALL_AGAIN: Ending = Ending(option::RESTART);
    /// The same, and what the thread takes along stays with it until then.
    pub const CALL_AGAIN_WITH_PARCEL: Ending = Ending(option::RESTART | option::KEEPS_PARCEL);
}

/// Bits of a thread's wait options.
mod option {
    /// The wait takes the signals it ends with.
    pub const CONSUMES: u32 = 1 << 0;
    /// The call is made again when the wait ends without an error.
    pub const RESTART: u32 = 1 << 1;
    /// Nothing but the deadline ends the wait, and that is no failure.
    pub const SLEEPS: u32 = 1 << 2;
    /// The call that is made again has taken its handle out of the table before.
    pub const KEEPS_PARCEL: u32 = 1 << 3;
}

/// Whether a wait word is that of an open wait.
fn is_open(word: u64) -> bool {
    word & stage::MASK == stage::OPEN
}

impl Borrowed<'_, Thread> {
    /// As [`Borrowed::open_wait_ending`], for a wait whose results are written by whoever
    /// ends it.
    ///
    /// # Errors
    /// [`WaitError`]; the wait is not open.
    #[inline(always)]
    pub fn open_wait(&self, target: WaitTarget, deadline: u64) -> Result<ObserverKey, WaitError> {
        self.open_wait_ending(target, deadline, Ending::RESULTS)
    }

    /// Opens a frameless wait of the running thread; returns the key that names it.
    ///
    /// Called with interrupts masked, before the thread is put on any list. Then the
    /// system call either blocks, or [`Thread::close_wait`] ends the wait.
    ///
    /// # Errors
    /// [`WaitError`]; the wait is not open.
    #[inline(always)]
    pub fn open_wait_ending(
        &self,
        target: WaitTarget,
        deadline: u64,
        ending: Ending,
    ) -> Result<ObserverKey, WaitError> {
        let number = (self.wait.load(Ordering::Relaxed) | stage::MASK).wrapping_add(1);
        let key = number | stage::OPEN;
        self.options.store(ending.0, Ordering::Relaxed);
        self.set_target(target);
        sched_point!();
        self.wait.store(key, Ordering::SeqCst);
        sched_point!();
        // `kill` marks the thread first and looks at the wait then; this is the other
        // order, so that one of the two sees the other.
        fence(Ordering::SeqCst);
        if self.may_not_wait() && !planted("wait-kill") {
            self.close_wait();
            return Err(WaitError::Killed);
        }
        if deadline != abi::NEVER {
            self.set_deadline(deadline)?;
        }
        Ok(key)
    }

    #[cold]
    fn set_deadline(&self, deadline: u64) -> Result<(), WaitError> {
        timer::insert(deadline, &self.to_ref()).map_err(|_| {
            self.close_wait();
            WaitError::NoMemory
        })
    }

    /// Opens a wait for a point in time; when it comes the call has succeeded.
    ///
    /// # Errors
    /// [`WaitError`]; the wait is not open.
    pub fn open_sleep(&self, deadline: u64) -> Result<(), WaitError> {
        let ending = Ending(option::SLEEPS);
        self.open_wait_ending(WaitTarget::Sleep, deadline, ending)
            .map(|_| ())
    }
}

impl Thread {
    /// Remembers what the wait that is being opened is for.
    #[inline(always)]
    fn set_target(&self, target: WaitTarget) {
        let mut place = self.target.lock_masked();
        if matches!(*place, WaitTarget::None) {
            // Nothing to drop, and the compiler need not look.
            core::mem::forget(core::mem::replace(&mut *place, target));
        } else {
            *place = target;
        }
    }

    /// Takes out what the wait was for; by whoever has claimed it.
    #[inline(always)]
    fn take_target(&self) -> WaitTarget {
        core::mem::replace(&mut *self.target.lock(), WaitTarget::None)
    }

    fn has_option(&self, bit: u32) -> bool {
        self.options.load(Ordering::Relaxed) & bit != 0
    }

    /// Sets what a wait that ends with [`Ending::CALL_AGAIN`] calls; before it is opened.
    pub fn set_call(&self, number: u64, arguments: [u64; 6]) {
        for (place, value) in self.call.iter().zip(arguments) {
            place.store(value, Ordering::Relaxed);
        }
        self.call_number.store(number, Ordering::Relaxed);
    }

    /// Puts the arguments of a call that is made again back into the frame; done when the
    /// thread is switched to, after its entry into the kernel has finished with the frame.
    #[inline]
    pub(super) fn apply_restart(&self) {
        if self.has_option(option::RESTART) {
            self.restore_arguments();
        }
    }

    /// As [`Thread::set_call`] with `first` in `x0`; the other arguments are those in the
    /// frame, but for `x1` to `x5`, which do not matter.
    #[inline]
    pub fn set_call_with(&self, number: u64, first: u64) {
        let [place, ..] = &self.call;
        place.store(first, Ordering::Relaxed);
        self.call_number.store(number, Ordering::Relaxed);
    }

    /// A capability that is left from a call that failed; not one that was kept for the
    /// call that is being made again.
    pub fn take_stale_parcel(&self) -> Option<Capability> {
        let kept = self.has_option(option::KEEPS_PARCEL);
        self.options.store(0, Ordering::Relaxed);
        if kept { None } else { self.take_parcel() }
    }

    /// As [`Thread::set_call`], with the arguments that are in the frame.
    pub fn set_call_from_frame(&self, number: u64) {
        let arguments = core::array::from_fn(|register| self.frame().register(register));
        self.set_call(number, arguments);
    }

    #[cold]
    fn restore_arguments(&self) {
        let options = self.options.load(Ordering::Relaxed);
        let kept = if self.has_parcel() {
            option::KEEPS_PARCEL
        } else {
            0
        };
        self.options.store(options & kept, Ordering::Relaxed);
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

    /// Whoever moves the wait `key` from open to another stage ends it.
    fn claim(&self, key: ObserverKey, stage: u64) -> bool {
        let next = (key & !stage::MASK) | stage;
        sched_point!();
        if planted("wait-claim") {
            let fits = is_open(key) && self.wait.load(Ordering::Acquire) == key;
            sched_point!();
            if fits {
                self.wait.store(next, Ordering::Release);
            }
            return fits;
        }
        is_open(key)
            && self
                .wait
                .compare_exchange(key, next, Ordering::AcqRel, Ordering::Acquire)
                .is_ok()
    }

    /// Ends a wait whose results the system call itself returns. False: somebody else
    /// has written results already, and the call blocks.
    pub fn close_wait(&self) -> bool {
        let closed = self.claim(self.wait.load(Ordering::Relaxed), stage::NONE);
        if closed {
            self.options.store(0, Ordering::Relaxed);
            timer::remove(self);
            drop(self.take_target());
        }
        closed
    }

    /// Whether the wait `key` is open, and not being ended.
    #[inline(always)]
    pub fn waits_with(&self, key: ObserverKey) -> bool {
        self.wait.load(Ordering::Acquire) == key
    }

    /// The open wait, if it is one for `object`.
    pub fn wait_for(&self, object: &Ref<dyn KernelObject>) -> Option<ObserverKey> {
        let key = self.wait.load(Ordering::Acquire);
        let waits = match &*self.target.lock() {
            WaitTarget::Object(other) => other.same(object),
            _ => false,
        };
        // Should another wait be open by now, the key no longer fits.
        (waits && is_open(key)).then_some(key)
    }

    /// As [`Thread::complete`], for whoever took the thread off its list: whichever wait is
    /// open is the one meant.
    pub fn complete_any(&self, error: Option<Error>, values: [u64; 3]) -> bool {
        self.complete(self.wait.load(Ordering::Acquire), error, values)
    }

    /// Ends the wait of a thread that the caller has taken off its list, whose lock it
    /// holds, without an error and without values. Interrupts are masked.
    #[inline]
    pub fn complete_listed(&self) -> bool {
        let key = self.wait.load(Ordering::Acquire);
        let claimed = self.claim(key, stage::CLAIMED);
        if claimed {
            let target = self.finish_with([0; 3]);
            if matches!(target, WaitTarget::Static(_)) {
                // Nothing to drop, and the compiler need not look.
                core::mem::forget(target);
            }
        }
        claimed
    }

    /// Lets a thread go on whose wait the caller has claimed, without an error; returns what
    /// it waited for. Interrupts are masked.
    #[inline(always)]
    fn finish_with(&self, values: [u64; 3]) -> WaitTarget {
        self.frame().set_result(0, values);
        timer::remove(self);
        let target = core::mem::replace(&mut *self.target.lock_masked(), WaitTarget::None);
        heir::wake_masked(self);
        target
    }

    /// Ends the frameless wait named by `key`, if it is still open: writes its results,
    /// takes it off its lists and lets the thread run. Returns whether it was open.
    pub fn complete(&self, key: ObserverKey, error: Option<Error>, values: [u64; 3]) -> bool {
        if key & stage::MASK == stage::SLOTTED {
            return self.complete_slotted(error, values);
        }
        if !self.claim(key, stage::CLAIMED) {
            return false;
        }
        sched_point!();
        let slept = self.has_option(option::SLEEPS);
        let error = error.filter(|error| !(slept && *error == Error::TimedOut));
        self.frame()
            .set_result(error.map_or(0, |error| error as u64), values);
        timer::remove(self);
        let target = self.take_target();
        if error.is_some() {
            self.options.store(0, Ordering::Relaxed);
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
        heir::wake(self);
        true
    }

    /// Remembers the list whose slots the thread goes into; `list` makes it.
    #[inline(always)]
    pub fn at_desk(&self, desk: usize, list: impl FnOnce() -> Ref<dyn Waiter>) {
        if self.desk.load(Ordering::Relaxed) != desk {
            self.change_desk(desk, list());
        }
    }

    #[cold]
    fn change_desk(&self, desk: usize, list: Ref<dyn Waiter>) {
        let before = self.desk_list.lock_masked().replace(list);
        self.desk.store(desk, Ordering::Relaxed);
        drop(before);
    }

    /// Begins a wait without a deadline in a slot of the thread's desk. The thread is put
    /// into the slot after this, and then looks whether it [`Thread::is_killed`]. Returns
    /// [`Thread::wait_token`].
    #[inline(always)]
    pub fn open_slotted(&self) -> u64 {
        let number = (self.wait.load(Ordering::Relaxed) | stage::MASK).wrapping_add(1);
        let word = number | stage::SLOTTED;
        self.wait.store(word, Ordering::Relaxed);
        sched_point!();
        word
    }

    /// A number that names the thread's wait: no two waits of any threads have the same.
    #[inline(always)]
    pub fn wait_token(&self) -> u64 {
        (self.wait.load(Ordering::Relaxed) & !stage::MASK) | stage::SLOTTED
    }

    /// The thread is out of its slot again, and does not wait.
    pub fn close_slotted(&self) {
        let number = self.wait.load(Ordering::Relaxed) & !stage::MASK;
        self.wait.store(number | stage::NONE, Ordering::Relaxed);
    }

    /// Ends with an error the wait of a thread that the caller has taken out of its slot.
    pub fn end_slotted(&self, error: Error) {
        self.end_slotted_with(|frame| frame.set_result(error as u64, [0; 3]));
    }

    /// As [`Thread::end_slotted`], with results that `write` puts into the frame.
    pub fn end_slotted_with(&self, write: impl FnOnce(&UserFrame)) {
        self.frame().clear_lost();
        write(self.frame());
        heir::wake(self);
    }

    #[cold]
    fn complete_slotted(&self, error: Option<Error>, values: [u64; 3]) -> bool {
        let list = self.desk_list.lock().clone();
        let taken = list.is_some_and(|list| list.withdraw(self));
        if taken {
            let error = error.map_or(0, |error| error as u64);
            self.end_slotted_with(|frame| frame.set_result(error, values));
        }
        taken
    }

    /// Whether a frameless wait is open.
    #[inline]
    pub fn waits(&self) -> bool {
        is_open(self.wait.load(Ordering::Acquire))
    }

    /// Claims the open wait for somebody who writes the results into the frame and then
    /// calls [`Thread::seize`]. False where no wait is open.
    #[inline]
    pub fn claim_open(&self) -> bool {
        if !self.claim(self.wait.load(Ordering::Relaxed), stage::CLAIMED) {
            return false;
        }
        self.options.store(0, Ordering::Relaxed);
        timer::remove(self);
        *self.target.lock_masked() = WaitTarget::None;
        true
    }

    /// Takes a thread, whose wait the caller has claimed and whose results are written, for
    /// this CPU: it goes to [`super::switch_to`] or [`super::enqueue`]. A thread that is
    /// still leaving a CPU cannot be taken and is made ready there.
    #[inline(always)]
    pub fn seize(&self) -> Option<Ref<Thread>> {
        let left =
            !self.context.is_on_cpu() && self.state.load(Ordering::Acquire) == state::WAITING;
        let token = left.then(|| self.held.take()).flatten();
        if token.is_some() {
            self.finish_wait();
            self.state.store(state::RUNNING, Ordering::Relaxed);
        } else {
            cpu::make_ready(self, state::WAITING);
        }
        token
    }

    /// The results of the wait are written. Under the lock of the home queue, so that the
    /// thread either finds this when it is about to leave its CPU, or has left it.
    pub(super) fn finish_wait(&self) {
        // Nobody else changes a wait that is claimed.
        let wait = self.wait.load(Ordering::Relaxed);
        self.wait.store(wait | stage::FINISHED, Ordering::Relaxed);
        sched_point!();
        // Before the state is looked at: pairs with the fence in `switch_to`, where a
        // thread leaves its CPU without the lock.
        fence(Ordering::SeqCst);
    }

    /// Whether the results of the wait are written; under the lock of the home queue.
    pub(super) fn wait_is_finished(&self) -> bool {
        self.wait.load(Ordering::Relaxed) & stage::FINISHED == stage::FINISHED
            && !planted("wait-finished")
    }
}

impl Observer for Thread {
    #[inline(always)]
    fn raised(&self, key: ObserverKey, hit: Signals, all: Signals) -> Heard {
        if !self.claim(key, stage::CLAIMED) {
            return Heard::Done;
        }
        let consumes = self.has_option(option::CONSUMES);
        let (signals, heard) = if consumes {
            (hit, Heard::Take)
        } else {
            (all, Heard::Done)
        };
        if let WaitTarget::Object(object) = self.finish_with([u64::from(signals.bits()), 0, 0]) {
            // Whoever raises the signals has the object, too.
            drop(object);
        }
        heard
    }

    fn heard(&self, key: ObserverKey, _fresh: Signals, hit: Signals, all: Signals) -> Heard {
        self.raised(key, hit, all)
    }
}

/// The running thread, for wait queues.
pub(super) fn current_parked() -> Option<Ref<dyn Parked>> {
    cpu::CURRENT
        .get()
        .map(|thread| thread.to_ref().widen(|thread| thread as *mut dyn Parked))
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
    let armed = timer::insert(deadline_ns, &thread.to_ref()).is_ok();
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
