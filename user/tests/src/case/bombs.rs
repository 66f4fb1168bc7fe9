//! Resource bombs: each stops at its limit while others go on.

use alloc::format;
use alloc::string::String;
use core::time::Duration;

use abi::job::JobResource;
use abi::process::FaultKind;
use viper::process::{Child, Command, Job};
use viper::time::Instant;
use viper::{Rc, thread};

use super::accounts::eventually;
use super::heartbeat;
use super::{Case, Verdict};
use crate::bomb::throw;
use crate::{check_eq, need};

/// One case for each kind of bomb.
macro_rules! bombs {
    ($( $name:literal $run:ident $kind:literal $resource:ident $limit:literal; )+) => {
        /// The tests.
        pub const CASES: &[Case] = &[ $( Case { name: $name, run: $run }, )+ ];

        $( fn $run() -> Verdict { explode($kind, JobResource::$resource, $limit) } )+
    };
}

bombs! {
    "bombs::fork" fork "fork" Processes 4;
    "bombs::threads" threads "thread" Threads 8;
    "bombs::touched_pages" pages "page" Pages 1500;
    "bombs::memories" memories "memory" Pages 1500;
    "bombs::page_tables" tables "table" Tables 60;
    "bombs::handles" handles "handle" Handles 400;
    "bombs::events" events "event" KernelBytes 200_000;
    "bombs::messages_never_read" messages "message" KernelBytes 400_000;
    "bombs::channels_inside_channels" nested "nest" KernelBytes 4_000_000;
    "bombs::port_members" members "member" KernelBytes 400_000;
    "bombs::jobs" jobs "job" KernelBytes 400_000;
    "bombs::log_flood" log "log" LogBytes 2000;
}

/// Longest wait for a bomb to reach its limit, or to be gone.
const PATIENCE: Duration = Duration::from_secs(60);

/// Lets a bomb explode below a limit, watches the others meanwhile, and cleans up.
fn explode(kind: &str, resource: JobResource, limit: u64) -> Verdict {
    let interval = heartbeat::undisturbed_interval()?;
    let job = need!(Job::new());
    need!(job.set_limit(resource, limit));
    let bomb = throw(kind, &job)?;
    let reached = until(&job, "never reaches its limit", |job| {
        Ok(need!(job.refusals(resource)) > 0)
    });
    reached.map_err(|wrong| format!("{kind}: {wrong}"))?;
    let rate = need!(heartbeat::on_time(interval));
    if resource != JobResource::LogBytes {
        let used = need!(job.used(resource));
        if used > limit {
            return Err(format!("{kind}: uses {used}, the limit is {limit}"));
        }
    }
    rate.expect(80)
        .map_err(|wrong| format!("{kind}: {wrong}"))?;
    others_start()?;
    died_of_memory_or_lives(kind, &bomb)?;
    clean_up(kind, &job)?;
    without_the_limit(kind, resource, limit)
}

/// A page that cannot be had ends the program, nothing else does.
fn died_of_memory_or_lives(kind: &str, bomb: &Child) -> Verdict {
    let Some(status) = need!(bomb.try_wait()) else {
        return Ok(());
    };
    let fault = status.fault().map(|fault| fault.kind);
    if fault == Some(FaultKind::NoMemory) {
        return Ok(());
    }
    Err(format!("{kind}: ended with {status:?}"))
}

/// Somebody outside can still start a program.
fn others_start() -> Verdict {
    let child = need!(Command::new("SYS:Tests/Child").arg("7").spawn());
    check_eq!(need!(child.wait()).rc(), Rc::new(7));
    Ok(())
}

/// Killing the job returns everything.
fn clean_up(kind: &str, job: &Job) -> Verdict {
    need!(job.kill(Rc::FAIL));
    need!(job.wait_over(PATIENCE));
    let counted = [
        JobResource::Pages,
        JobResource::Handles,
        JobResource::Threads,
    ];
    for resource in counted {
        let empty = || Ok(need!(job.used(resource)) == 0);
        eventually("something is left", empty).map_err(|wrong| {
            let left = job.used(resource);
            format!("{kind}: {wrong}: {resource:?} {left:?}")
        })?;
    }
    Ok(())
}

/// The control: it was the limit that stopped it, for with a larger one it goes further.
fn without_the_limit(kind: &str, resource: JobResource, limit: u64) -> Verdict {
    let job = need!(Job::new());
    need!(job.set_limit(resource, limit.saturating_mul(2)));
    let _bomb = throw(kind, &job)?;
    until(&job, "stops before the limit", |job| {
        Ok(need!(job.used(resource)) > limit || need!(job.refusals(resource)) > 0)
    })
    .map_err(|wrong| format!("{kind}, control: {wrong}"))?;
    need!(job.kill(Rc::FAIL));
    need!(job.wait_over(PATIENCE));
    Ok(())
}

fn until(job: &Job, wrong: &str, mut holds: impl FnMut(&Job) -> Result<bool, String>) -> Verdict {
    let start = Instant::now();
    while !holds(job)? {
        if start.elapsed() > PATIENCE {
            let info = need!(job.info());
            return Err(format!("{wrong}: {info:?}"));
        }
        thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}
