//! Jobs: limits for a group, and its end.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use abi::job::{CPU_SHARE_MAX, JOB_RESOURCES, JobResource, NO_LIMIT};
use abi::{Error, Handle, Rights, Signals};
use viper::process::{Child, Command, Job};
use viper::{Rc, thread};

use super::accounts::eventually;
use super::{Case, Verdict, error_of};
use crate::{check, check_eq, need};

/// The tests.
pub const CASES: &[Case] = &[
    Case {
        name: "jobs::killing_one_ends_everything_below",
        run: kill,
    },
    Case {
        name: "jobs::limits_hold_for_everything_below",
        run: limits,
    },
    Case {
        name: "jobs::counters_add_up_and_return_to_nothing",
        run: counters,
    },
    Case {
        name: "jobs::what_makes_no_sense_is_refused",
        run: nonsense,
    },
    Case {
        name: "jobs::rights",
        run: rights,
    },
    Case {
        name: "jobs::one_without_handle_goes_on",
        run: without_handle,
    },
    Case {
        name: "jobs::the_log_budget_is_one_for_each_second",
        run: log_budget,
    },
];

/// The helper program.
const CHILD: &str = "SYS:Tests/Child";
/// Longest wait for an end.
const PATIENCE: Duration = Duration::from_secs(10);

fn sleeper(job: &Job) -> Result<Child, viper::fs::Error> {
    Command::new(CHILD).arg("SLEEP").job(job).spawn()
}

fn kill() -> Verdict {
    let upper = need!(Job::new());
    let lower = need!(upper.below());
    check_eq!(need!(lower.info()).parent, need!(upper.info()).id);
    let inside = [need!(sleeper(&upper)), need!(sleeper(&lower))];
    let outside = need!(Command::new(CHILD).arg("SLEEP").spawn());
    check_eq!(need!(upper.info()).running, 2);
    check_eq!(need!(lower.info()).running, 1);
    check_eq!(need!(inside[1].info()).job, need!(lower.info()).id);
    check_eq!(upper.wait_over(Duration::ZERO), Err(Error::TimedOut));
    need!(upper.kill(Rc::new(33)));
    need!(upper.wait_over(PATIENCE));
    for child in &inside {
        let status = need!(child.wait());
        check!(status.was_killed());
        check_eq!(status.rc(), Rc::new(33));
    }
    check_eq!(need!(upper.info()).running, 0);
    check_eq!(need!(lower.info()).killed, 1);
    // Nothing can begin there any more; elsewhere it can.
    check_eq!(error_of(sleeper(&lower)), Some(Error::BadState));
    check_eq!(lower.below().err(), Some(Error::BadState));
    check_eq!(need!(outside.try_wait()), None);
    need!(outside.kill(Rc::OK));
    need!(outside.wait());
    Ok(())
}

fn limits() -> Verdict {
    let upper = need!(Job::new());
    let lower = need!(upper.below());
    need!(upper.set_limit(JobResource::Processes, 2));
    let first = need!(sleeper(&lower));
    let second = need!(sleeper(&upper));
    check_eq!(error_of(sleeper(&lower)), Some(Error::LimitReached));
    check_eq!(need!(upper.refusals(JobResource::Processes)), 1);
    check_eq!(need!(lower.refusals(JobResource::Processes)), 0);
    need!(second.kill(Rc::OK));
    need!(second.wait());
    // It counts until nobody can ask about it any more.
    check_eq!(error_of(sleeper(&lower)), Some(Error::LimitReached));
    drop(second);
    eventually("a process never stops counting", || {
        Ok(need!(upper.used(JobResource::Processes)) == 1)
    })?;
    let third = need!(sleeper(&lower));
    for child in [first, third] {
        need!(child.kill(Rc::OK));
        need!(child.wait());
    }
    // Without room for its pages a program does not even begin.
    let tight = need!(Job::new());
    need!(tight.set_limit(JobResource::Pages, 0));
    let started = sleeper(&tight);
    let refused = match started {
        Err(error) => matches!(error.cause, Error::LimitReached | Error::NoMemory),
        Ok(child) => need!(child.wait()).fault().is_some(),
    };
    check!(refused);
    check!(need!(tight.refusals(JobResource::Pages)) > 0);
    Ok(())
}

fn used(job: &Job) -> Result<[u64; JOB_RESOURCES], String> {
    Ok(need!(job.info()).used)
}

fn counters() -> Verdict {
    let job = need!(Job::new());
    check_eq!(used(&job)?, [0; JOB_RESOURCES]);
    let children = [need!(sleeper(&job)), need!(sleeper(&job))];
    let code = |resource: JobResource| resource as usize;
    let sum = || {
        let mut sum = [0u64; JOB_RESOURCES];
        for child in &children {
            let info = need!(child.info());
            let parts = [
                (JobResource::Pages, info.pages),
                (JobResource::Tables, info.tables),
                (JobResource::Handles, info.handles),
                (JobResource::Threads, u64::from(info.threads)),
                (JobResource::Processes, 1),
                (JobResource::KernelBytes, info.kernel_bytes),
            ];
            for (resource, part) in parts {
                if let Some(place) = sum.get_mut(code(resource)) {
                    *place = place.saturating_add(part);
                }
            }
        }
        Ok::<_, String>(sum)
    };
    let counted = 0..code(JobResource::LogBytes);
    eventually("the job does not count what its processes use", || {
        let (sum, used) = (sum()?, used(&job)?);
        Ok(sum.get(counted.clone()) == used.get(counted.clone()))
    })?;
    check!(used(&job)?.get(counted.clone()) > Some(&[0; 6][..]));
    for child in &children {
        need!(child.kill(Rc::OK));
        need!(child.wait());
    }
    drop(children);
    for _ in 0..20 {
        let child = need!(Command::new(CHILD).arg("3").job(&job).spawn());
        check_eq!(need!(child.wait()).rc(), Rc::new(3));
    }
    eventually("something is left of what has ended", || {
        Ok(used(&job)?.get(counted.clone()) == Some(&[0; 6][..]))
    })?;
    check!(need!(job.used(JobResource::CpuShare)) > 0);
    Ok(())
}

fn nonsense() -> Verdict {
    let job = need!(Job::new());
    for share in [0, CPU_SHARE_MAX + 1, NO_LIMIT] {
        let refused = job.set_limit(JobResource::CpuShare, share);
        check_eq!(refused, Err(Error::InvalidArgument));
    }
    need!(job.set_limit(JobResource::CpuShare, CPU_SHARE_MAX));
    let mut jobs = Vec::new();
    jobs.push(job);
    // Jobs below jobs end somewhere.
    let error = loop {
        match jobs.last().map(Job::below) {
            Some(Ok(job)) => jobs.push(job),
            Some(Err(error)) => break error,
            None => return Err("no job".into()),
        }
        check!(jobs.len() < 1000);
    };
    check_eq!(error, Error::LimitReached);
    let event = need!(rt::event::create());
    check_eq!(rt::job::create(event.get()).err(), Some(Error::WrongType));
    check_eq!(
        rt::job::create(Handle(0x1234)).err(),
        Some(Error::BadHandle)
    );
    Ok(())
}

fn rights() -> Verdict {
    let job = need!(Job::new());
    let without = |right: Rights| {
        let has = rt::handle::info(job.handle())?.rights();
        rt::handle::duplicate(job.handle(), has.difference(right))
    };
    let all = need!(without(Rights::empty())).into_raw();
    let denied = Err(Error::AccessDenied);

    let create = need!(without(Rights::CREATE));
    check_eq!(rt::job::create(create.get()).map(|_| ()), denied);
    need!(rt::job::create(all));
    let program = need!(viper::fs::open_program(CHILD));
    let spawn = |job| rt::process::spawn(program.get(), "Child", &[], &[], job);
    check_eq!(spawn(create.get()).map(|_| ()), denied);
    let process = need!(spawn(all));
    need!(rt::process::kill(process.get(), 0));

    let inspect = need!(without(Rights::INSPECT));
    check_eq!(rt::job::info(inspect.get()).map(|_| ()), denied);
    need!(rt::job::info(all));

    let wait = need!(without(Rights::WAIT));
    let look = |job| rt::handle::wait(job, Signals::TERMINATED, abi::NOW).map(|_| ());
    check_eq!(look(wait.get()), denied);
    check_eq!(look(all), Err(Error::TimedOut));

    let manage = need!(without(Rights::MANAGE));
    let limit = |job| rt::job::set_limit(job, JobResource::Pages, 1000);
    check_eq!(limit(manage.get()), denied);
    need!(limit(all));
    check_eq!(rt::job::kill(manage.get(), 0), denied);
    check_eq!(need!(job.info()).killed, 0);
    need!(rt::job::kill(all, 0));
    check_eq!(need!(job.info()).killed, 1);
    need!(rt::handle::close(all));
    Ok(())
}

fn without_handle() -> Verdict {
    let upper = need!(Job::new());
    let lower = need!(upper.below());
    let child = need!(sleeper(&lower));
    drop(lower);
    thread::sleep(Duration::from_millis(10));
    check_eq!(need!(child.try_wait()), None);
    // Whoever has the one above still reaches it.
    need!(upper.kill(Rc::FAIL));
    need!(upper.wait_over(PATIENCE));
    check!(need!(child.wait()).was_killed());
    Ok(())
}

fn log_budget() -> Verdict {
    let log = rt::startup::handle(abi::startup::Tag::Log).ok_or("no log")?;
    let job = need!(Job::new());
    need!(job.set_limit(JobResource::LogBytes, 1000));
    let bomb = crate::bomb::throw("log", &job)?;
    eventually("the flood is never refused", || {
        Ok(need!(job.refusals(JobResource::LogBytes)) > 0)
    })?;
    let before = need!(job.used(JobResource::LogBytes));
    thread::sleep(Duration::from_millis(1500));
    let written = need!(job.used(JobResource::LogBytes)).saturating_sub(before);
    // At most two new seconds have begun, and at least one.
    check!((1..=2000).contains(&written));
    // Others can write all the while.
    need!(rt::system::log_write(log, "a line beside a flood"));
    need!(job.kill(Rc::FAIL));
    need!(job.wait_over(PATIENCE));
    drop(bomb);
    Ok(())
}
