//! `SchedStat`: how the threads have shared the CPUs.

use core::time::Duration;

use abi::scheduling::{SchedulingClass, ThreadInfo};
use abi::system::CpuInfo;
use viper::args::{Args, Number, Switch, Template};
use viper::{Failure, Outcome, Program, Rc, println, thread};

use crate::snapshot::latency;
use crate::{snapshot, statistics};

const TEMPLATE: Template = Template::parse("CSV/S,CPUS/S,EVERY/K/N,COUNT/K/N");
const CSV: Switch = TEMPLATE.switch("CSV");
const CPUS: Switch = TEMPLATE.switch("CPUS");
const EVERY: Number = TEMPLATE.number("EVERY");
const COUNT: Number = TEMPLATE.number("COUNT");

/// The command `SchedStat`.
pub const PROGRAM: Program = Program {
    name: "SchedStat",
    template: TEMPLATE,
    summary: "Shows how the threads have shared the CPUs.",
    help: "CPUS shows the CPUs instead of the threads. CSV prints a snapshot of both as \
           comma-separated values, times in ticks of 20 ms. EVERY repeats that after so many \
           thousandths of a second, COUNT times or until the command is ended.",
    main,
};

/// Shortest time between two snapshots, in ms.
const PAUSE_MIN: u64 = 10;

fn main(args: &Args) -> Outcome {
    let show = match (args.get(CSV), args.get(CPUS)) {
        (true, _) => snapshot::print,
        (false, true) => print_cpus,
        (false, false) => print_threads,
    };
    let positive = |value: Option<i64>| value.map(|value| u64::try_from(value).unwrap_or(0));
    let (pause, count) = (positive(args.get(EVERY)), positive(args.get(COUNT)));
    if pause.is_some_and(|pause| pause < PAUSE_MIN) {
        return Err(Failure::new("EVERY is at least 10 ms"));
    }
    show()?;
    let Some(pause) = pause.or_else(|| count.map(|_| 1000)) else {
        return Ok(Rc::OK);
    };
    let mut left = count.map_or(u64::MAX, |count| count.saturating_sub(1));
    while left > 0 {
        thread::sleep(Duration::from_millis(pause));
        show()?;
        left = left.saturating_sub(1);
    }
    Ok(Rc::OK)
}

fn print_cpus() -> Result<(), Failure> {
    println!(
        "{:>3} {:>6} {:>10} {:>10} {:>9} {:>9} {:>9} {:>8} {:>8} {:>8} {:>9}",
        "CPU",
        "Busy %",
        "Busy ms",
        "Idle ms",
        "Switch ms",
        "Switches",
        "Preempted",
        "Woken",
        "Moved",
        "Late µs",
        "at most"
    );
    (0u32..)
        .zip(&statistics::cpus()?)
        .for_each(|(cpu, row)| print_cpu(cpu, row));
    Ok(())
}

fn print_cpu(cpu: u32, row: &CpuInfo) {
    let woken = row.latencies.iter().map(|count| u64::from(*count)).sum();
    println!(
        "{cpu:>3} {:>6} {:>10} {:>10} {:>9} {:>9} {:>9} {:>8} {:>8} {:>8} {:>9}",
        statistics::percent(row.busy_ns, row.busy_ns.saturating_add(row.idle_ns)),
        row.busy_ns / 1_000_000,
        row.idle_ns / 1_000_000,
        row.switch_ns / 1_000_000,
        row.switches,
        row.preemptions,
        row.wakeups,
        row.migrations,
        row.latency_ns.checked_div(woken).unwrap_or(0) / 1000,
        row.latency_max_ns / 1000
    );
}

fn print_threads() -> Result<(), Failure> {
    let threads = statistics::threads()?;
    println!(
        "{:>5} {:>7} {:<5} {:>4} {:>3} {:>9} {:>9} {:>8} {:>8} {:>8} {:>8} {:>7} {:>9}",
        "Id",
        "Process",
        "Class",
        "Prio",
        "CPU",
        "Run ms",
        "Wait ms",
        "Turns",
        "Lost",
        "Yielded",
        "Woken",
        "Moved",
        "Late µs"
    );
    threads.iter().for_each(print_row);
    Ok(())
}

fn print_row(thread: &ThreadInfo) {
    let class = match SchedulingClass::from_code(thread.class) {
        Some(SchedulingClass::RealTime) => "real",
        _ => "fair",
    };
    println!(
        "{:>5} {:>7} {:<5} {:>4} {:>3} {:>9} {:>9} {:>8} {:>8} {:>8} {:>8} {:>7} {:>9}",
        thread.id,
        thread.process,
        class,
        thread.priority,
        thread.cpu,
        thread.run_ns / 1_000_000,
        thread.wait_ns / 1_000_000,
        thread.turns,
        thread.preemptions,
        thread.yields,
        thread.wakeups,
        thread.migrations,
        latency(thread) / 1000
    );
}
