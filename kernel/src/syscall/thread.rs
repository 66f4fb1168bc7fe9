//! Threads of the caller.

use abi::process::ThreadArgs;
use abi::scheduling::{EVERY_CPU, Scheduling, SchedulingClass};
use abi::{Error, NEVER, Rights};

use crate::arch::{self, Start};
use crate::process::{Job, Process, ThreadObject, process_of};
use crate::sched::{Parameters, Urgency};
use crate::time::now_ns;

use super::Args;
use super::context::{Context, Outcome, Short};

const THREAD_RIGHTS: Rights = Rights::DUPLICATE
    .union(Rights::TRANSFER)
    .union(Rights::WAIT)
    .union(Rights::INSPECT)
    .union(Rights::MANAGE);

pub(super) fn thread_create(cx: &Context, [args, ..]: Args) -> Outcome {
    let create = || {
        let args: ThreadArgs = cx.read_record(args)?;
        let user = |address: u64| address < abi::USER_END;
        let sound = user(args.entry) && user(args.stack) && args.entry.is_multiple_of(4);
        if !sound || !args.stack.is_multiple_of(16) {
            return Err(Error::InvalidArgument);
        }
        let start = Start {
            pc: args.entry,
            sp: args.stack,
            argument: args.argument,
            tls: args.tls,
        };
        let thread = Process::make_thread(&cx.process.to_ref(), start)?;
        let handle = cx.add(thread.clone(), THREAD_RIGHTS);
        if handle.is_err() {
            // It starts and ends at once: a thread that was entered has to leave itself.
            thread.thread().kill();
        }
        thread.thread().start();
        Ok(Outcome::value(handle?))
    };
    Outcome::from(create())
}

pub(super) fn thread_exit(cx: &Context, _args: Args) -> Outcome {
    cx.thread.kill();
    Outcome::OK
}

pub(super) fn thread_yield(_short: Short<'_>, _args: Args) -> Result<u64, Error> {
    arch::raise_pending(arch::PENDING_RESCHEDULE | arch::PENDING_YIELD);
    Ok(0)
}

pub(super) fn thread_number(short: Short<'_>, _args: Args) -> Result<u64, Error> {
    Ok(u64::from(short.thread().number()))
}

pub(super) fn thread_sleep(short: Short<'_>, [deadline, ..]: Args) -> Result<u64, Error> {
    if deadline != NEVER && deadline <= now_ns() {
        return Ok(0);
    }
    short.thread().open_sleep(deadline)?;
    short.blocked()
}

/// What is asked for, as the scheduler sees it.
fn parameters(args: &Scheduling) -> Result<Parameters, Error> {
    let class = SchedulingClass::from_code(args.class).ok_or(Error::InvalidArgument)?;
    let urgency = match class {
        SchedulingClass::Fair => Urgency::fair(args.priority),
        SchedulingClass::RealTime => Urgency::real_time(args.priority),
    };
    let urgency = urgency.ok_or(Error::InvalidArgument)?;
    Parameters::new(urgency, args.affinity).ok_or(Error::InvalidArgument)
}

pub(super) fn thread_set_scheduling(cx: &Context, [thread, args, job, ..]: Args) -> Outcome {
    let set = || {
        let object = cx.get::<ThreadObject>(thread, Rights::MANAGE)?;
        let job = match job {
            0 => None,
            job => Some(cx.get::<Job>(job, Rights::MANAGE)?),
        };
        let args: Scheduling = cx.read_record(args)?;
        let wanted = parameters(&args)?;
        let thread = object.thread();
        let fits = |job: &Job| process_of(thread).job().is_within(job);
        if job.as_ref().is_some_and(|job| !fits(job)) {
            return Err(Error::InvalidArgument);
        }
        if wanted.is_privileged() && job.is_none() {
            return Err(Error::AccessDenied);
        }
        let budget = job.map(|job| job.budget().clone());
        let has_any = budget.as_ref().is_some_and(|budget| budget.is_any());
        if wanted.is_real_time() && !has_any {
            return Err(Error::LimitReached);
        }
        thread.set_parameters(&wanted, budget);
        Ok(Outcome::OK)
    };
    Outcome::from(set())
}

pub(super) fn thread_scheduling(cx: &Context, [thread, scheduling, ..]: Args) -> Outcome {
    let inform = || {
        let object = cx.get::<ThreadObject>(thread, Rights::INSPECT)?;
        let has = object.thread().parameters();
        let class = if has.is_real_time() {
            SchedulingClass::RealTime
        } else {
            SchedulingClass::Fair
        };
        let record = Scheduling {
            class: class as u32,
            priority: has.priority(),
            affinity: has.affinity().map_or(EVERY_CPU, u64::from),
        };
        cx.write_record(scheduling, &record)?;
        Ok(Outcome::OK)
    };
    Outcome::from(inform())
}
