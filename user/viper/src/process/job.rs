//! A group of processes below limits.

use core::time::Duration;

use abi::job::{JobInfo, JobResource};
use abi::{Handle, Signals};
use rt::OwnedHandle;

use super::encode_exit;
use crate::io::Result;
use crate::program::Rc;

/// A job; what is started in it stays when this goes out of scope.
#[derive(Debug)]
pub struct Job {
    handle: OwnedHandle,
}

impl Job {
    /// A job below that of this process, without limits of its own.
    ///
    /// # Errors
    ///
    /// `NoMemory`, `LimitReached`.
    pub fn new() -> Result<Job> {
        rt::job::create(Handle::NONE).map(|handle| Job { handle })
    }

    /// A job below this one.
    ///
    /// # Errors
    ///
    /// `BadState` once this one was killed; `NoMemory`, `LimitReached`.
    pub fn below(&self) -> Result<Job> {
        rt::job::create(self.handle.get()).map(|handle| Job { handle })
    }

    /// The handle of the job.
    pub fn handle(&self) -> Handle {
        self.handle.get()
    }

    /// Sets a limit; what is used beyond it already stays.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for a CPU share that is none.
    pub fn set_limit(&self, resource: JobResource, limit: u64) -> Result<()> {
        rt::job::set_limit(self.handle.get(), resource, limit)
    }

    /// What the kernel knows about it now.
    ///
    /// # Errors
    ///
    /// `AccessDenied`, if the handle lost its right to ask.
    pub fn info(&self) -> Result<JobInfo> {
        rt::job::info(self.handle.get())
    }

    /// What is used of a resource.
    ///
    /// # Errors
    ///
    /// As [`Job::info`].
    pub fn used(&self, resource: JobResource) -> Result<u64> {
        Ok(of(&self.info()?.used, resource))
    }

    /// How often a limit of this job refused something.
    ///
    /// # Errors
    ///
    /// As [`Job::info`].
    pub fn refusals(&self, resource: JobResource) -> Result<u64> {
        Ok(of(&self.info()?.refusals, resource))
    }

    /// Ends everything in it.
    ///
    /// # Errors
    ///
    /// `AccessDenied`, if the handle lost its right to do so.
    pub fn kill(&self, rc: Rc) -> Result<()> {
        rt::job::kill(self.handle.get(), encode_exit(rc, None))
    }

    /// Waits until nothing runs any more in a job that was killed.
    ///
    /// # Errors
    ///
    /// `TimedOut`.
    pub fn wait_over(&self, limit: Duration) -> Result<()> {
        let ns = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
        let deadline = rt::time::now()?.saturating_add(ns);
        rt::handle::wait(self.handle.get(), Signals::TERMINATED, deadline).map(|_| ())
    }
}

/// The value for a resource.
fn of(values: &[u64], resource: JobResource) -> u64 {
    values.get(resource as usize).copied().unwrap_or(0)
}
