//! Two threads on one CPU: how much of it the first gets.
//!
//! What it asks for is told by words; the job that allows it comes as a handle. The return
//! code is the share in per cent, or 200 and more where something was refused.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;

use abi::scheduling::{Scheduling, SchedulingClass};
use abi::startup::Tag;
use abi::{Error, Handle};
use viper::thread::{self, JoinHandle};
use viper::{Outcome, Rc};

/// The return code for a priority that was refused for want of a budget.
pub const NO_BUDGET: u8 = 201;
/// The same for want of a job.
pub const NO_JOB: u8 = 202;

/// How long the two run.
const TIME: Duration = Duration::from_millis(500);

/// A thread that counts until it is told to stop.
pub struct Counter {
    count: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Counter {
    /// Starts one.
    ///
    /// # Errors
    ///
    /// `NoMemory`, `LimitReached`.
    pub fn start() -> Result<Counter, Error> {
        let count = Arc::new(AtomicU64::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        let (counts, stops) = (Arc::clone(&count), Arc::clone(&stop));
        let thread = thread::spawn(move || {
            while !stops.load(Ordering::Relaxed) {
                counts.fetch_add(1, Ordering::Relaxed);
            }
        })?;
        Ok(Counter {
            count,
            stop,
            thread,
        })
    }

    /// The thread.
    pub fn thread(&self) -> &JoinHandle<()> {
        &self.thread
    }

    /// What it has counted.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Ends it.
    ///
    /// # Errors
    ///
    /// What the join says.
    pub fn stop(self) -> Result<(), Error> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join()
    }
}

/// What the first of two counters had of what both had in a time, in per cent.
pub fn measure(first: &Counter, second: &Counter, time: Duration) -> u64 {
    let before = (first.count(), second.count());
    thread::sleep(time);
    let had = (
        first.count().saturating_sub(before.0),
        second.count().saturating_sub(before.1),
    );
    let both = had.0.saturating_add(had.1).max(1);
    had.0.saturating_mul(100).checked_div(both).unwrap_or(0)
}

fn share(how: &str) -> Result<u64, Error> {
    let job = rt::startup::handle(Tag::User).unwrap_or(Handle::NONE);
    let (first, second) = (Counter::start()?, Counter::start()?);
    let on_one = Scheduling {
        affinity: 1,
        ..Scheduling::default()
    };
    second.thread().set_scheduling(&on_one, None)?;
    let mut wanted = on_one;
    match how {
        "FAIR" => {}
        "HEAVY" => wanted.priority = 5,
        _ => wanted.class = SchedulingClass::RealTime as u32,
    }
    rt::thread::set_scheduling(first.thread().handle(), &wanted, job)?;
    let share = measure(&first, &second, TIME);
    first.stop()?;
    second.stop()?;
    Ok(share)
}

/// Runs it; `how` is FAIR, HEAVY or REALTIME, or for an inversion of priorities INHERIT or
/// PLAIN.
pub fn run(how: &str) -> Outcome {
    let result = match how {
        "INHERIT" | "PLAIN" => crate::inversion::run(how == "INHERIT").map(u64::from),
        _ => share(how),
    };
    let code = match result {
        Ok(share) => u8::try_from(share).unwrap_or(u8::MAX),
        Err(Error::LimitReached) => NO_BUDGET,
        Err(Error::AccessDenied) => NO_JOB,
        Err(_) => 255,
    };
    Ok(Rc::new(code))
}
