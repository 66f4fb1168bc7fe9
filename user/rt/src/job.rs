//! Jobs: limits for a group of processes.
#![allow(
    unsafe_code,
    reason = "passes addresses of its own buffers to the kernel"
)]

use abi::Handle;
use abi::job::{JobInfo, JobResource};

use crate::handle::fetch;
use crate::{OwnedHandle, Result, stub};

/// Makes a job below `parent`, or with [`Handle::NONE`] below this process's own.
///
/// # Errors
///
/// `AccessDenied` without the right `CREATE`; `BadState` where the parent was killed;
/// `NoMemory`, `LimitReached`.
pub fn create(parent: Handle) -> Result<OwnedHandle> {
    // SAFETY: the call takes no address.
    let [job, ..] = unsafe { stub::job_create(parent.0) }?;
    Ok(OwnedHandle::new(Handle(job)))
}

/// Sets a limit; what is used beyond it already stays.
///
/// # Errors
///
/// `AccessDenied` without the right `MANAGE`; `InvalidArgument` for a weight that is none.
pub fn set_limit(job: Handle, resource: JobResource, limit: u64) -> Result<()> {
    // SAFETY: the call takes no address.
    unsafe { stub::job_set_limit(job.0, resource as u64, limit) }.map(|_| ())
}

/// Asks about a job.
///
/// # Errors
///
/// `AccessDenied` without the right `INSPECT`.
pub fn info(job: Handle) -> Result<JobInfo> {
    fetch(|address, _| {
        // SAFETY: `address` is that of a `JobInfo` of our own.
        unsafe { stub::job_info(job.0, address) }
    })
}

/// Ends every process in a job; their return code becomes `code`.
///
/// # Errors
///
/// `AccessDenied` without the right `MANAGE`.
pub fn kill(job: Handle, code: i32) -> Result<()> {
    let code = i64::from(code).cast_unsigned();
    // SAFETY: the call takes no address.
    unsafe { stub::job_kill(job.0, code) }.map(|_| ())
}
