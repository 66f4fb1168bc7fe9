//! The scheduler's counters as comma-separated values, in snapshots.
//!
//! A snapshot is the line `SNAPSHOT,tick=N`, then between `CSV` and `CSV_END` a line of
//! names and one line for each thread, then between `CPU_CSV` and `CPU_CSV_END` the same
//! for each CPU. A tick is 1/50 s; the kernel has none.

use abi::scheduling::{LATENCY_BUCKETS, ThreadInfo};
use abi::system::CpuInfo;
use viper::time::Instant;
use viper::{Failure, print, println};

use crate::statistics;

/// Length of a tick, in ns.
pub const TICK_NS: u64 = 20_000_000;

const THREAD_COLUMNS: &str = "id,run_ticks,ctx_in,preemptions,voluntary_yields,sleep_calls,\
wakeups_received,slept_ticks_total,avg_wake_latency_ticks,process,class,priority,cpu,\
migrations,run_ns,wait_ns,latency_ns";

const CPU_COLUMNS: &str = "cpu,idle_ns,busy_ns,switch_ns,switches,interrupts,syscalls,\
preemptions,yields,wakeups,migrations,latency_ns,latency_max_ns";

/// Prints a snapshot.
///
/// # Errors
///
/// Where this program was not given the statistics.
pub fn print() -> Result<(), Failure> {
    let (threads, cpus) = (statistics::threads()?, statistics::cpus()?);
    let now = Instant::now().since_boot_ns();
    println!("SNAPSHOT,tick={}", now / TICK_NS);
    println!("TIME,ns={now}");
    println!("CSV");
    println!("{THREAD_COLUMNS}");
    threads.iter().for_each(print_thread);
    println!("CSV_END");
    println!("CPU_CSV");
    print!("{CPU_COLUMNS}");
    for bucket in 0..LATENCY_BUCKETS {
        print!(",late_{bucket}");
    }
    println!();
    (0u32..)
        .zip(&cpus)
        .for_each(|(cpu, row)| print_cpu(cpu, row));
    println!("CPU_CSV_END");
    Ok(())
}

/// The mean time from waking to running, in ns.
pub fn latency(thread: &ThreadInfo) -> u64 {
    thread.latency_ns.checked_div(thread.wakeups).unwrap_or(0)
}

fn print_thread(thread: &ThreadInfo) {
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

fn print_cpu(cpu: u32, row: &CpuInfo) {
    print!(
        "{cpu},{},{},{},{},{},{},{},{},{},{},{},{}",
        row.idle_ns,
        row.busy_ns,
        row.switch_ns,
        row.switches,
        row.interrupts,
        row.syscalls,
        row.preemptions,
        row.yields,
        row.wakeups,
        row.migrations,
        row.latency_ns,
        row.latency_max_ns
    );
    for count in row.latencies {
        print!(",{count}");
    }
    println!();
}
