//! `SchedStress`: threads that want different things from the scheduler.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hint::black_box;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;

use viper::args::{Args, Number, Template, Text};
use viper::thread::{self, JoinHandle};
use viper::time::{Instant, Timer};
use viper::{Failure, Outcome, Program, Rc, println, process};

use crate::{snapshot, statistics, workload};

const TEMPLATE: Template =
    Template::parse("SECONDS/N,EVERY/K/N,BATCH/K/N,INTERACTIVE/K/N,IO/K/N,LOAD/K");
const SECONDS: Number = TEMPLATE.number("SECONDS");
const EVERY: Number = TEMPLATE.number("EVERY");
const BATCH: Number = TEMPLATE.number("BATCH");
const INTERACTIVE: Number = TEMPLATE.number("INTERACTIVE");
const IO: Number = TEMPLATE.number("IO");
const LOAD: Text = TEMPLATE.text("LOAD");

/// The command `SchedStress`.
pub const PROGRAM: Program = Program {
    name: "SchedStress",
    template: TEMPLATE,
    summary: "Loads the scheduler, and prints what it does.",
    help: "Runs 2 threads that only compute (BATCH), 4 that sleep 20 ms and compute for 1 ms \
           (INTERACTIVE), one that wakes every 4 ms and does little (IO), and one that \
           prints a snapshot as SchedStat CSV does, every half second or EVERY thousandths of one. \
           Ends after 10 SECONDS. Lines ROLE,thread,what say which thread does what. LOAD \
           runs one small load instead: smoke, sleep50, fail or syscall_bench.",
    main,
};

/// Most threads of a role.
const THREADS_MAX: u64 = 64;
/// What an interactive thread sleeps and computes.
const THINKS: Duration = Duration::from_millis(20);
const COMPUTES_US: u64 = 1_000;
/// How often the input and output wakes its thread, and how long it works then.
const TRANSFER: Duration = Duration::from_millis(4);
const HANDLES_US: u64 = 100;

/// What a thread does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Batch,
    Interactive,
    Io,
    Statistics,
}

impl Role {
    const fn name(self) -> &'static str {
        match self {
            Role::Batch => "batch",
            Role::Interactive => "interactive",
            Role::Io => "io",
            Role::Statistics => "statistics",
        }
    }
}

/// Set when the run is over.
type End = Arc<AtomicBool>;

fn main(args: &Args) -> Outcome {
    if let Some(load) = args.get(LOAD) {
        return workload::run(load);
    }
    let seconds = limited(args.get(SECONDS), 10, 1..=3600, "SECONDS")?;
    let every = limited(args.get(EVERY), 500, 50..=60_000, "EVERY")?;
    let roles = roles(args)?;
    let end: End = Arc::new(AtomicBool::new(false));
    let mut threads: Vec<JoinHandle<()>> = Vec::new();
    let (before, pace) = (own_threads()?, Pace::find());
    for role in &roles {
        let (role, end) = (*role, Arc::clone(&end));
        threads.push(thread::spawn(move || work(role, pace, &end))?);
    }
    let result = say_roles(&before, &roles)
        .and_then(|()| measure(Duration::from_secs(seconds), Duration::from_millis(every)));
    end.store(true, Ordering::Relaxed);
    for thread in threads {
        thread.join()?;
    }
    result.map(|()| Rc::OK)
}

/// A number from the command line within its bounds.
fn limited(
    given: Option<i64>,
    usual: u64,
    bounds: core::ops::RangeInclusive<u64>,
    name: &str,
) -> Result<u64, Failure> {
    let value = given.map_or(Ok(usual), u64::try_from);
    value
        .ok()
        .filter(|value| bounds.contains(value))
        .ok_or_else(|| {
            Failure::new(alloc::format!(
                "{name} is from {} to {}",
                bounds.start(),
                bounds.end()
            ))
        })
}

/// The roles of the threads to start; this one takes the statistics.
fn roles(args: &Args) -> Result<Vec<Role>, Failure> {
    let wanted = [
        (Role::Batch, BATCH, 2, "BATCH"),
        (Role::Interactive, INTERACTIVE, 4, "INTERACTIVE"),
        (Role::Io, IO, 1, "IO"),
    ];
    let mut roles = Vec::new();
    for (role, key, usual, name) in wanted {
        let count = limited(args.get(key), usual, 0..=THREADS_MAX, name)?;
        roles.extend((0..count).map(|_| role));
    }
    Ok(roles)
}

/// The numbers of this process's threads, in the order of their beginning.
fn own_threads() -> Result<Vec<u64>, Failure> {
    let own = process::id();
    let threads = statistics::threads()?;
    let of_ours = threads.iter().filter(|row| row.process == own);
    Ok(of_ours.map(|row| row.id).collect())
}

/// Says which thread does what: numbers grow in the order in which threads are made.
fn say_roles(before: &[u64], roles: &[Role]) -> Result<(), Failure> {
    for id in before {
        println!("ROLE,{id},{}", Role::Statistics.name());
    }
    let now = own_threads()?;
    let new = now.iter().filter(|id| !before.contains(id));
    for (id, role) in new.zip(roles) {
        println!("ROLE,{id},{}", role.name());
    }
    Ok(())
}

/// Prints snapshots until the time is over, the last one at its end.
fn measure(time: Duration, every: Duration) -> Result<(), Failure> {
    let start = Instant::now();
    snapshot::print()?;
    while start.elapsed() < time {
        thread::sleep(every.min(time.saturating_sub(start.elapsed())));
        snapshot::print()?;
    }
    Ok(())
}

fn work(role: Role, pace: Pace, end: &AtomicBool) {
    while !end.load(Ordering::Relaxed) {
        match role {
            Role::Batch => pace.compute(COMPUTES_US),
            Role::Interactive => {
                thread::sleep(THINKS);
                pace.compute(COMPUTES_US);
            }
            Role::Io => transfer(pace, end),
            Role::Statistics => {}
        }
    }
}

/// How fast the machine computes: rounds in 100 µs. Work is counted in rounds, so that a thread
/// that is kept from the CPU does not have less to do.
#[derive(Clone, Copy, Debug)]
struct Pace {
    rounds: u64,
}

impl Pace {
    /// Finds out, before anybody else computes.
    fn find() -> Pace {
        const ROUNDS: u64 = 200_000;
        let pace = Pace { rounds: ROUNDS };
        // The quickest of several: a host that does something else makes it slower.
        let quickest = (0..5)
            .map(|_| {
                let start = Instant::now();
                pace.compute(100);
                start.elapsed().as_nanos()
            })
            .min();
        let ns = u64::try_from(quickest.unwrap_or(1)).unwrap_or(u64::MAX);
        let rounds = ROUNDS.saturating_mul(100_000).checked_div(ns);
        Pace {
            rounds: rounds.unwrap_or(ROUNDS).max(1),
        }
    }

    /// Computes for about so many µs, if nobody takes the CPU.
    fn compute(self, us: u64) {
        let mut sum = 0u64;
        for number in 0..self.rounds.saturating_mul(us) / 100 {
            sum = black_box(sum.wrapping_add(number));
        }
        black_box(sum);
    }
}

/// Waits for a device that is ready every so often; a Timer stands for it.
fn transfer(pace: Pace, end: &AtomicBool) {
    let Ok(timer) = Timer::new() else { return };
    if timer.set_every(TRANSFER).is_err() {
        return;
    }
    while !end.load(Ordering::Relaxed) && timer.wait().is_ok() {
        pace.compute(HANDLES_US);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_bounds() {
        assert_eq!(limited(None, 10, 1..=20, "X").ok(), Some(10));
        assert_eq!(limited(Some(20), 10, 1..=20, "X").ok(), Some(20));
        for bad in [0, 21, -1] {
            assert!(limited(Some(bad), 10, 1..=20, "X").is_err());
        }
    }
}
