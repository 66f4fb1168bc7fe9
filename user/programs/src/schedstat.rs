//! `SchedStat`: how the threads have shared the CPUs.

use abi::scheduling::{SchedulingClass, ThreadInfo};
use viper::args::{Args, Switch, Template};
use viper::time::Instant;
use viper::{Outcome, Program, Rc, println};

use crate::statistics;

const TEMPLATE: Template = Template::parse("CSV/S");
const CSV: Switch = TEMPLATE.switch("CSV");

/// The command `SchedStat`.
pub const PROGRAM: Program = Program {
    name: "SchedStat",
    template: TEMPLATE,
    summary: "Shows how the threads have shared the CPUs.",
    help: "CSV prints a snapshot as comma-separated values, times in ticks of 20 ms.",
    main,
};

/// A tick of the CSV: 1/50 s. The kernel has none.
const TICK_NS: u64 = 20_000_000;

const COLUMNS: &str = "id,run_ticks,ctx_in,preemptions,voluntary_yields,sleep_calls,\
wakeups_received,slept_ticks_total,avg_wake_latency_ticks,process,class,priority,cpu,\
migrations,run_ns,wait_ns,latency_ns";

fn main(args: &Args) -> Outcome {
    let threads = statistics::threads()?;
    if args.get(CSV) {
        println!("SNAPSHOT,tick={}", Instant::now().since_boot_ns() / TICK_NS);
        println!("CSV");
        println!("{COLUMNS}");
        threads.iter().for_each(print_values);
        println!("CSV_END");
        return Ok(Rc::OK);
    }
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
    Ok(Rc::OK)
}

/// The mean time from waking to running, in ns.
fn latency(thread: &ThreadInfo) -> u64 {
    thread.latency_ns.checked_div(thread.wakeups).unwrap_or(0)
}

fn print_values(thread: &ThreadInfo) {
    // In thousandths of a tick, as it is mostly a small part of one.
    let late = latency(thread).saturating_mul(1000) / TICK_NS;
    println!(
        "{},{},{},{},{},{},{},{},{}.{:03},{},{},{},{},{},{},{},{}",
        thread.id,
        thread.run_ns / TICK_NS,
        thread.turns,
        thread.preemptions,
        thread.yields,
        thread.sleeps,
        thread.wakeups,
        thread.sleep_ns / TICK_NS,
        late / 1000,
        late % 1000,
        thread.process,
        thread.class,
        thread.priority,
        thread.cpu,
        thread.migrations,
        thread.run_ns,
        thread.wait_ns,
        thread.latency_ns
    );
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
