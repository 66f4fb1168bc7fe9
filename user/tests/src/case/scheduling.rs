//! Class, priority and affinity of threads.

use core::time::Duration;

use abi::job::JobResource;
use abi::process::SpawnHandle;
use abi::scheduling::{EVERY_CPU, REAL_TIME_BUDGET_MAX, Scheduling, SchedulingClass, ThreadInfo};
use abi::startup::{EntryKind, Tag, write_entry};
use abi::system::Topic;
use abi::{Error, Handle, Rights, Signals};
use viper::fs;
use viper::process::Job;

use super::{Case, Verdict};
use crate::share::{Counter, NO_BUDGET, NO_JOB, measure};
use crate::{check, check_eq, need};

/// The tests.
pub const CASES: &[Case] = &[
    Case {
        name: "scheduling::parameters_come_back",
        run: parameters,
    },
    Case {
        name: "scheduling::what_makes_no_sense_is_refused",
        run: nonsense,
    },
    Case {
        name: "scheduling::rights",
        run: rights,
    },
    Case {
        name: "scheduling::more_than_usual_takes_a_job",
        run: privilege,
    },
    Case {
        name: "scheduling::weights_share_a_cpu",
        run: weights,
    },
    Case {
        name: "scheduling::real_time_goes_first_within_its_budget",
        run: real_time,
    },
    Case {
        name: "scheduling::threads_are_counted",
        run: counted,
    },
    Case {
        name: "scheduling::the_affinity_of_a_running_thread_changes",
        run: moves,
    },
];

fn fair(priority: i32, affinity: u64) -> Scheduling {
    Scheduling {
        class: SchedulingClass::Fair as u32,
        priority,
        affinity,
    }
}

fn real_time_at(priority: i32) -> Scheduling {
    Scheduling {
        class: SchedulingClass::RealTime as u32,
        priority,
        affinity: EVERY_CPU,
    }
}

fn cpus() -> Result<u32, alloc::string::String> {
    Ok(super::system::machine_info()?.cpus)
}

fn parameters() -> Verdict {
    let counter = need!(Counter::start());
    let thread = counter.thread();
    check_eq!(need!(thread.scheduling()), Scheduling::default());
    for wanted in [
        fair(-20, EVERY_CPU),
        fair(-1, EVERY_CPU),
        fair(0, EVERY_CPU),
    ] {
        need!(thread.set_scheduling(&wanted, None));
        check_eq!(need!(thread.scheduling()), wanted);
    }
    need!(thread.set_scheduling(&fair(0, 1), None));
    let all = if cpus()? == 1 { EVERY_CPU } else { 1 };
    check_eq!(need!(thread.scheduling()).affinity, all);
    need!(counter.stop());
    Ok(())
}

fn nonsense() -> Verdict {
    let counter = need!(Counter::start());
    let thread = counter.thread();
    let unknown = Scheduling {
        class: 2,
        ..Scheduling::default()
    };
    let bad = [
        unknown,
        fair(20, EVERY_CPU),
        fair(-21, EVERY_CPU),
        fair(i32::MIN, EVERY_CPU),
        real_time_at(32),
        real_time_at(-1),
        fair(0, 0),
        fair(0, 1 << 63),
    ];
    for wanted in bad {
        check_eq!(
            thread.set_scheduling(&wanted, None),
            Err(Error::InvalidArgument)
        );
    }
    check_eq!(need!(thread.scheduling()), Scheduling::default());
    // A job that the thread is not in.
    let other = need!(Job::new());
    check_eq!(
        thread.set_scheduling(&fair(0, EVERY_CPU), Some(&other)),
        Err(Error::InvalidArgument)
    );
    let beyond = REAL_TIME_BUDGET_MAX + 1;
    check_eq!(
        other.set_limit(JobResource::RealTime, beyond),
        Err(Error::InvalidArgument)
    );
    need!(other.set_limit(JobResource::RealTime, REAL_TIME_BUDGET_MAX));
    let event = need!(rt::event::create());
    let wrong = rt::thread::set_scheduling(event.get(), &Scheduling::default(), Handle::NONE);
    check_eq!(wrong, Err(Error::WrongType));
    need!(counter.stop());
    Ok(())
}

fn rights() -> Verdict {
    let counter = need!(Counter::start());
    let handle = counter.thread().handle();
    let has = need!(rt::handle::info(handle)).rights();
    let without = |right: Rights| rt::handle::duplicate(handle, has.difference(right));
    let usual = Scheduling::default();
    let (manage, inspect) = (
        need!(without(Rights::MANAGE)),
        need!(without(Rights::INSPECT)),
    );
    let set = |thread| rt::thread::set_scheduling(thread, &usual, Handle::NONE);
    check_eq!(set(manage.get()), Err(Error::AccessDenied));
    need!(set(inspect.get()));
    check_eq!(
        rt::thread::scheduling(inspect.get()).err(),
        Some(Error::AccessDenied)
    );
    check_eq!(need!(rt::thread::scheduling(manage.get())), usual);
    // The job, too, has to be one to manage.
    let job = need!(Job::new());
    let has = need!(rt::handle::info(job.handle())).rights();
    let weak = need!(rt::handle::duplicate(
        job.handle(),
        has.difference(Rights::MANAGE)
    ));
    let with = |job| rt::thread::set_scheduling(handle, &usual, job);
    check_eq!(with(weak.get()), Err(Error::AccessDenied));
    // With the right it is looked at, and is not one of the thread's.
    check_eq!(with(job.handle()), Err(Error::InvalidArgument));
    need!(counter.stop());
    Ok(())
}

/// What `Child SHARE how` says, in this job, with the handle or without.
pub(super) fn share(how: &str, job: &Job, with_handle: bool) -> Result<i32, alloc::string::String> {
    let program = need!(fs::open_program("SYS:Tests/Child"));
    let mut blob = [0; 64];
    let mut at = 0usize;
    for word in ["Child", "SHARE", how] {
        let room = blob.get_mut(at..).ok_or("no room")?;
        let length = write_entry(room, EntryKind::Argument, word.as_bytes());
        at = at.saturating_add(length.ok_or("no room")?);
    }
    let row = SpawnHandle {
        handle: job.handle(),
        rights: need!(rt::handle::info(job.handle())).rights,
        tag: Tag::User as u32,
        ..SpawnHandle::default()
    };
    let rows = if with_handle { &[row][..] } else { &[] };
    let words = blob.get(..at).ok_or("no words")?;
    let child = need!(rt::process::spawn(
        program.get(),
        "Child",
        words,
        rows,
        job.handle()
    ));
    need!(rt::handle::wait(
        child.get(),
        Signals::TERMINATED,
        abi::NEVER
    ));
    Ok(need!(rt::process::info(child.get())).exit_code)
}

fn privilege() -> Verdict {
    let job = need!(Job::new());
    check_eq!(share("HEAVY", &job, false)?, i32::from(NO_JOB));
    check_eq!(share("REALTIME", &job, false)?, i32::from(NO_JOB));
    // Nobody gave the job a budget; a weight needs none.
    check_eq!(share("REALTIME", &job, true)?, i32::from(NO_BUDGET));
    check!(share("HEAVY", &job, true)? <= 100);
    Ok(())
}

/// Measures until the share is within bounds, a few times at most: a host that takes the
/// machine's CPU away does so in the turn of one or the other.
fn share_becomes(
    how: &str,
    job: &Job,
    bounds: core::ops::RangeInclusive<i32>,
) -> Result<(), alloc::string::String> {
    let mut seen = alloc::vec::Vec::new();
    for _ in 0..6 {
        let share = share(how, job, true)?;
        if bounds.contains(&share) {
            return Ok(());
        }
        seen.push(share);
    }
    Err(alloc::format!("{how}: {seen:?} are not in {bounds:?}"))
}

fn weights() -> Verdict {
    let job = need!(Job::new());
    share_becomes("FAIR", &job, 46..=54)?;
    // 1.25 to the power of 5 is 3.05, so 75 per cent.
    share_becomes("HEAVY", &job, 71..=79)
}

fn real_time() -> Verdict {
    let job = need!(Job::new());
    need!(job.set_limit(JobResource::RealTime, 5_000));
    // Half of each period as of right, and half of the rest.
    share_becomes("REALTIME", &job, 68..=82)?;
    check!(need!(job.used(JobResource::RealTime)) > 100_000_000);
    need!(job.set_limit(JobResource::RealTime, 9_000));
    share_becomes("REALTIME", &job, 88..=100)
}

fn moves() -> Verdict {
    const TIME: Duration = Duration::from_millis(100);
    let (first, second) = (need!(Counter::start()), need!(Counter::start()));
    for cpu in 0..cpus()? {
        let there = fair(0, 1 << cpu);
        need!(first.thread().set_scheduling(&there, None));
        need!(second.thread().set_scheduling(&there, None));
        // Both go on, wherever they are sent.
        let before = (first.count(), second.count());
        let share = measure(&first, &second, TIME);
        check!((25..=75).contains(&share));
        check!(first.count() > before.0 && second.count() > before.1);
    }
    need!(first.stop());
    need!(second.stop());
    Ok(())
}

/// The row of a thread of this process that is bound to `affinity`.
fn row(affinity: u64) -> Result<ThreadInfo, alloc::string::String> {
    let system = rt::startup::handle(Tag::System).ok_or("no statistics")?;
    let own = rt::startup::handle(Tag::OwnProcess).ok_or("no process")?;
    let process = need!(rt::process::info(own)).id;
    let mut rows = alloc::vec![ThreadInfo::default(); 256];
    let bytes = need!(rt::system::info(system, Topic::Threads, &mut rows));
    rows.truncate(bytes / size_of::<ThreadInfo>());
    let fits = |row: &&ThreadInfo| row.process == process && row.affinity == affinity;
    Ok(*rows.iter().find(fits).ok_or("the thread is not listed")?)
}

fn counted() -> Verdict {
    const TIME: Duration = Duration::from_millis(200);
    let last = cpus()?.saturating_sub(1);
    let there = fair(-3, 1 << last);
    let seen_as = if last == 0 { EVERY_CPU } else { 1 << last };
    let (first, second) = (need!(Counter::start()), need!(Counter::start()));
    need!(first.thread().set_scheduling(&there, None));
    need!(second.thread().set_scheduling(&fair(0, 1 << last), None));
    viper::thread::sleep(TIME);
    let system = rt::startup::handle(Tag::System).ok_or("no statistics")?;
    let has = need!(rt::handle::info(system)).rights();
    let blind = need!(rt::handle::duplicate(
        system,
        has.difference(Rights::INSPECT)
    ));
    let mut rows = [ThreadInfo::default()];
    let denied = rt::system::info(blind.get(), Topic::Threads, &mut rows);
    check_eq!(denied.err(), Some(Error::AccessDenied));
    let counted = row(seen_as)?;
    need!(first.stop());
    need!(second.stop());
    if last == 0 {
        return Ok(());
    }
    // They take the CPU from each other, and are nowhere else.
    check_eq!(counted.cpu, last);
    check!(counted.preemptions > 1 && counted.turns >= counted.preemptions);
    check!(counted.run_ns > 20_000_000 && counted.wait_ns > 20_000_000);
    check!(counted.migrations <= 1);
    Ok(())
}
