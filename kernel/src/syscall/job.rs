//! Jobs.

use abi::job::JobResource;
use abi::{Error, Rights};

use crate::process::Job;
use crate::sync::Ref;

use super::Args;
use super::context::{Context, Outcome};

/// What whoever makes a job may do with it.
pub const JOB_RIGHTS: Rights = Rights::DUPLICATE
    .union(Rights::TRANSFER)
    .union(Rights::WAIT)
    .union(Rights::INSPECT)
    .union(Rights::MANAGE)
    .union(Rights::CREATE);

/// The job to make something in: that of a handle, or with none the caller's own.
pub(super) fn job_to_fill(cx: &Context, handle: u64) -> Result<Ref<Job>, Error> {
    match handle {
        0 => Ok(cx.process.job().clone()),
        handle => cx.get::<Job>(handle, Rights::CREATE),
    }
}

pub(super) fn job_create(cx: &Context, [job, ..]: Args) -> Outcome {
    let create = || {
        let job = Job::create_below(&job_to_fill(cx, job)?)?;
        let handle = cx.add(job.clone(), JOB_RIGHTS);
        if handle.is_err() {
            job.leave_if_unused();
        }
        Ok(Outcome::value(handle?))
    };
    Outcome::from(create())
}

pub(super) fn job_set_limit(cx: &Context, [job, resource, limit, ..]: Args) -> Outcome {
    let set = || {
        let job = cx.get::<Job>(job, Rights::MANAGE)?;
        let resource = JobResource::from_code(resource).ok_or(Error::InvalidArgument)?;
        if job.set_limit(resource, limit) {
            Ok(Outcome::OK)
        } else {
            Err(Error::InvalidArgument)
        }
    };
    Outcome::from(set())
}

pub(super) fn job_info(cx: &Context, [job, info, ..]: Args) -> Outcome {
    let inform = || {
        let job = cx.get::<Job>(job, Rights::INSPECT)?;
        cx.write_record(info, &job.info())?;
        Ok(Outcome::OK)
    };
    Outcome::from(inform())
}

pub(super) fn job_kill(cx: &Context, [job, code, ..]: Args) -> Outcome {
    match cx.get::<Job>(job, Rights::MANAGE) {
        Ok(job) => {
            job.kill(super::process::exit_code(code));
            Outcome::OK
        }
        Err(error) => error.into(),
    }
}
