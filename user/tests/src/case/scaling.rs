//! Null calls by several threads at once: nothing is shared on their way.

use alloc::vec::Vec;
use core::time::Duration;

use abi::startup::Tag;
use abi::system::{CpuInfo, Topic};
use rt::probe::null_call;
use viper::time::Instant;
use viper::{println, thread};

use super::{Case, Verdict};
use crate::{check, need};

/// The tests.
pub const CASES: &[Case] = &[Case {
    name: "scaling::null_calls_are_counted_by_each_cpu_alone",
    run: null_calls,
}];

/// Calls of each thread.
const CALLS: u64 = 300_000;
/// Most CPUs that are used.
const THREADS_MAX: usize = 4;

/// Calls counted on each CPU so far.
fn counted() -> Result<Vec<u64>, alloc::string::String> {
    let system = rt::startup::handle(Tag::System).ok_or("no statistics")?;
    let mut rows = [CpuInfo::default(); 8];
    let bytes = need!(rt::system::info(system, Topic::Cpus, &mut rows));
    let cpus = bytes / size_of::<CpuInfo>();
    Ok(rows.iter().take(cpus).map(|row| row.syscalls).collect())
}

fn calls() {
    for _ in 0..CALLS {
        null_call();
    }
}

/// Time that so many threads take for their calls.
fn time_of(threads: usize) -> Result<Duration, alloc::string::String> {
    let start = Instant::now();
    let mut running = Vec::new();
    for _ in 1..threads {
        running.push(need!(thread::spawn(calls)));
    }
    calls();
    for thread in running {
        need!(thread.join());
    }
    Ok(start.elapsed())
}

/// The counters are added to without an atomic operation: would two CPUs write the same one,
/// calls would be lost from it. How the rate grows is printed, and judged by whoever knows
/// how many CPUs the host has free.
fn null_calls() -> Verdict {
    let one = time_of(1)?;
    let before = counted()?;
    let threads = before.len().min(THREADS_MAX);
    let all = time_of(threads)?;
    let after = counted()?;
    let counts: Vec<u64> = after
        .iter()
        .zip(&before)
        .map(|(after, before)| after.wrapping_sub(*before))
        .collect();
    let made = CALLS.saturating_mul(threads as u64);
    let sum = counts
        .iter()
        .fold(0u64, |sum, count| sum.saturating_add(*count));
    // What else is called: threads that begin and end, and are waited for.
    check!(sum >= made && sum < made.saturating_add(made / 10));
    let busy = counts.iter().filter(|count| **count > CALLS / 10).count();
    // The control: the load was on several CPUs, where there are several.
    check!(busy > 1 || threads == 1);
    let hundredths = one
        .as_micros()
        .saturating_mul(100)
        .saturating_mul(threads as u128)
        .checked_div(all.as_micros())
        .unwrap_or(0);
    println!(
        "# scaling: {threads} threads make {}.{:02} times the calls of one",
        hundredths / 100,
        hundredths % 100
    );
    Ok(())
}
