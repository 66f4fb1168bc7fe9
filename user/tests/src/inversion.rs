//! A lock between three threads on one CPU.
//!
//! The least urgent one holds it, the most urgent one wants it.
//! The one in between does not wait. With a lock that lends urgency it begins only after the
//! most urgent one has had the lock; with a usual one the most urgent waits for it to end.
//! Nothing is measured: who runs follows from classes and priorities alone.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use abi::scheduling::{Scheduling, SchedulingClass};
use abi::startup::Tag;
use abi::{Error, Handle};
use viper::sync::{Mutex, PiMutex};
use viper::thread::{self, JoinHandle};

/// The return code where the most urgent had the lock before the one in between began.
pub const BEFORE: u8 = 1;
/// The same where it had not when the one in between ended.
pub const AFTER: u8 = 2;
/// Neither.
pub const BETWEEN: u8 = 3;

/// Turns of a loop under the lock, and of the thread in between.
const WORK: u64 = 100_000;

enum Lock {
    Usual(Mutex<()>),
    Lending(PiMutex<()>),
}

impl Lock {
    fn hold(&self, work: impl FnOnce()) -> Result<(), Error> {
        match self {
            Lock::Usual(lock) => {
                let _guard = lock.lock();
                work();
            }
            Lock::Lending(lock) => {
                let _guard = lock.lock()?;
                work();
            }
        }
        Ok(())
    }
}

/// What the three share.
struct Stage {
    lock: Lock,
    /// How far they have come.
    step: AtomicU32,
    high_had_it: AtomicBool,
}

/// Waits until a word is at least `value`.
fn await_step(word: &AtomicU32, value: u32) {
    loop {
        let now = word.load(Ordering::SeqCst);
        if now >= value {
            return;
        }
        let _ = rt::futex::wait(word, now, abi::NEVER);
    }
}

fn set_step(word: &AtomicU32, value: u32) {
    word.store(value, Ordering::SeqCst);
    let _ = rt::futex::wake(word, u32::MAX);
}

fn urgent(thread: Handle, priority: i32) -> Result<(), Error> {
    let job = rt::startup::handle(Tag::User).unwrap_or(Handle::NONE);
    let wanted = Scheduling {
        class: SchedulingClass::RealTime as u32,
        priority,
        affinity: 1,
    };
    rt::thread::set_scheduling(thread, &wanted, job)
}

/// A thread that begins with `step`, once it has its priority.
fn start<T: Send + 'static>(
    stage: &Arc<Stage>,
    step: u32,
    priority: i32,
    main: impl FnOnce(&Stage) -> T + Send + 'static,
) -> Result<JoinHandle<T>, Error> {
    let stage = Arc::clone(stage);
    let thread = thread::spawn(move || {
        await_step(&stage.step, step);
        main(&stage)
    })?;
    urgent(thread.handle(), priority)?;
    Ok(thread)
}

/// Steps of the stage.
const LOW_BEGINS: u32 = 1;
const LOW_HAS_IT: u32 = 2;
const HIGH_BEGINS: u32 = 3;
const HIGH_WANTS_IT: u32 = 4;
const MIDDLE_BEGINS: u32 = 5;

/// Runs it; what the thread in between saw.
///
/// # Errors
///
/// What setting the priorities said.
pub fn run(lends: bool) -> Result<u8, Error> {
    let lock = match lends {
        true => Lock::Lending(PiMutex::new(())),
        false => Lock::Usual(Mutex::new(())),
    };
    let stage = Arc::new(Stage {
        lock,
        step: AtomicU32::new(0),
        high_had_it: AtomicBool::new(false),
    });
    let own = rt::startup::handle(Tag::OwnThread).ok_or(Error::NotFound)?;
    urgent(own, 20)?;
    let low = start(&stage, LOW_BEGINS, 1, |stage| {
        stage.lock.hold(|| {
            set_step(&stage.step, LOW_HAS_IT);
            rt::probe::count_down(WORK);
        })
    })?;
    let high = start(&stage, HIGH_BEGINS, 9, |stage| {
        set_step(&stage.step, HIGH_WANTS_IT);
        stage
            .lock
            .hold(|| stage.high_had_it.store(true, Ordering::SeqCst))
    })?;
    let middle = start(&stage, MIDDLE_BEGINS, 5, |stage| {
        let before = stage.high_had_it.load(Ordering::SeqCst);
        rt::probe::count_down(WORK);
        (before, stage.high_had_it.load(Ordering::SeqCst))
    })?;
    set_step(&stage.step, LOW_BEGINS);
    await_step(&stage.step, LOW_HAS_IT);
    set_step(&stage.step, HIGH_BEGINS);
    await_step(&stage.step, HIGH_WANTS_IT);
    // From here on this thread only waits: the most urgent one goes for the lock first.
    set_step(&stage.step, MIDDLE_BEGINS);
    let seen = middle.join()?;
    low.join()??;
    high.join()??;
    Ok(match seen {
        (true, _) => BEFORE,
        (false, true) => BETWEEN,
        (false, false) => AFTER,
    })
}
