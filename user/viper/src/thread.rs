//! Threads: starting, joining, sleeping.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::time::Duration;

use abi::scheduling::Scheduling;

use crate::io::Result;
use crate::process::Job;
use crate::sync::Mutex;

/// A started thread and what it will return.
#[derive(Debug)]
pub struct JoinHandle<T> {
    thread: rt::thread::JoinHandle,
    result: Arc<Mutex<Option<T>>>,
}

impl<T> JoinHandle<T> {
    /// The handle of the thread object.
    pub fn handle(&self) -> abi::Handle {
        self.thread.handle()
    }

    /// Sets class, priority and affinity; see [`rt::thread::set_scheduling`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn set_scheduling(&self, wanted: &Scheduling, job: Option<&Job>) -> Result<()> {
        let job = job.map_or(abi::Handle::NONE, Job::handle);
        rt::thread::set_scheduling(self.handle(), wanted, job)
    }

    /// Class, priority and affinity.
    ///
    /// # Errors
    ///
    /// As [`rt::thread::scheduling`].
    pub fn scheduling(&self) -> Result<Scheduling> {
        rt::thread::scheduling(self.handle())
    }

    /// Waits for the end of the thread; what it returned.
    ///
    /// # Errors
    ///
    /// `BadState` where the thread ended without returning.
    pub fn join(self) -> Result<T> {
        self.thread.join()?;
        self.result.lock().take().ok_or(abi::Error::BadState)
    }
}

/// Starts a thread.
///
/// # Errors
///
/// `NoMemory`, `LimitReached`.
pub fn spawn<T: Send + 'static>(
    main: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>> {
    let result = Arc::new(Mutex::new(None));
    let for_thread = Arc::clone(&result);
    let body = Box::new(move || {
        let value = main();
        *for_thread.lock() = Some(value);
    });
    let thread = rt::thread::spawn(rt::thread::STACK_BYTES, body)?;
    Ok(JoinHandle { thread, result })
}

/// Lets another thread run.
pub fn yield_now() {
    rt::thread::yield_now();
}

/// Sleeps for at least this long.
pub fn sleep(duration: Duration) {
    let ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    if let Ok(now) = rt::time::now() {
        // Ended early only if somebody cancels it, and then going on is what is wanted.
        let _ = rt::thread::sleep_until(now.saturating_add(ns));
    }
}

/// Number of the calling thread in its process; the first is 1.
pub fn current() -> u64 {
    rt::thread::current_number()
}
