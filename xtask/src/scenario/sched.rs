//! The scheduler's statistics, seen from outside.

use std::time::Duration;

use anyhow::{Context, ensure};

use super::exec;
use super::lab::Rig;
use crate::bench::sched::{Record, cpu_growth, thread_growth};
use crate::qemu::gdb_remote::Stub;

/// Longest time of a stress run of a few seconds.
const STRESS_LIMIT: Duration = Duration::from_secs(180);

/// Events between the two halves of a snapshot, which is not made at one moment.
const SLACK: f64 = 100.0;

/// What `SchedStress` counts adds up, on one CPU and on four. No time is judged.
pub fn stress_counts(rig: &Rig<'_>) -> anyhow::Result<()> {
    for cpus in [1, 4] {
        let mut machine = rig.machine()?;
        machine.cpus = cpus;
        let outcome = rig.run_for(machine, "SchedStress 3", STRESS_LIMIT)?;
        outcome.expect_code(0)?;
        let record = Record::read(&outcome.output)
            .and_then(|record| check(&record, cpus as usize).map(|()| record))
            .with_context(|| format!("on {cpus} CPUs: {outcome}"))?;
        println!(
            "        {cpus} CPUs: {} snapshots add up",
            record.snapshots.len()
        );
    }
    Ok(())
}

fn check(record: &Record, cpus: usize) -> anyhow::Result<()> {
    let (first, last) = (record.first(), record.end());
    ensure!(last.cpus.len() == cpus, "{} CPUs", last.cpus.len());
    for (role, count) in [
        ("batch", 2),
        ("interactive", 4),
        ("io", 1),
        ("statistics", 1),
    ] {
        let found = record.roles.values().filter(|known| *known == role);
        ensure!(found.count() == count, "not {count} threads are {role}");
    }
    check_cpus(record)?;
    for (id, role) in &record.roles {
        ensure!(last.threads.contains_key(id), "thread {id} is not listed");
        let grown = |name| thread_growth(first, last, *id, name);
        let is_awake = role == "batch";
        ensure!(
            (grown("sleep_calls") == 0.0) == is_awake,
            "{role} {id} slept {} times",
            grown("sleep_calls")
        );
        ensure!(grown("run_ns") > 0.0, "{role} {id} did not run");
        // A turn ends before the next begins.
        let ended = grown("preemptions") + grown("voluntary_yields") + grown("sleep_calls");
        ensure!(
            (grown("ctx_in") - ended).abs() <= 1.0,
            "{role} {id} had {} turns, of which {ended} ended",
            grown("ctx_in")
        );
        ensure!(
            cpus > 1 || grown("migrations") == 0.0,
            "{role} {id} moved, with one CPU"
        );
    }
    Ok(())
}

/// The CPUs' counters against the time, and against those of the threads.
fn check_cpus(record: &Record) -> anyhow::Result<()> {
    let (first, last) = (record.first(), record.end());
    let sum = |name: &str| cpu_growth(first, last, name).iter().sum::<f64>();
    let elapsed = (last.time_ns - first.time_ns) * last.cpus.len() as f64;
    let counted = sum("idle_ns") + sum("busy_ns");
    ensure!(
        (counted / elapsed - 1.0).abs() < 0.1,
        "idle and busy are {counted} ns of {elapsed}"
    );
    let threads = |name: &str| -> f64 {
        let all = last.threads.keys();
        all.map(|id| thread_growth(first, last, *id, name)).sum()
    };
    for (of_threads, of_cpus) in [
        ("preemptions", "preemptions"),
        ("wakeups_received", "wakeups"),
        ("ctx_in", "switches"),
    ] {
        let (part, whole) = (threads(of_threads), sum(of_cpus));
        ensure!(
            part <= whole + SLACK,
            "{of_threads} of the threads are {part}, of the CPUs {whole}"
        );
    }
    let late: f64 = (0..16).map(|bucket| sum(&format!("late_{bucket}"))).sum();
    ensure!(late > 0.0, "nobody woke and ran");
    ensure!(
        late <= sum("wakeups") + SLACK,
        "{late} latencies of {} wake-ups",
        sum("wakeups")
    );
    ensure!(
        sum("switch_ns") < sum("busy_ns"),
        "switching took all the time"
    );
    Ok(())
}

/// The small loads end as they should, and the one that fails is seen to fail.
pub fn small_loads(rig: &Rig<'_>) -> anyhow::Result<()> {
    let load = |name: &str, code: u8, says: &str| -> anyhow::Result<()> {
        let outcome = rig.run(rig.machine()?, &format!("SchedStress LOAD={name}"))?;
        outcome.expect_code(code)?;
        ensure!(
            outcome.output.contains(says),
            "{name} does not say {says:?}\n{outcome}"
        );
        Ok(())
    };
    load("smoke", 0, "4 threads counted 100 of 100")?;
    load("sleep50", 0, "50 ticks of 20 ms")?;
    load("syscall_bench", 0, "100000 calls")?;
    load("fail", 20, "as it was asked to")?;
    load("walk", 10, "no load")
}

/// `Top` draws over itself, sorts by keys, and gives the terminal back.
pub fn top(rig: &Rig<'_>) -> anyhow::Result<()> {
    let mut vm = rig.boot(rig.machine()?)?;
    vm.expect("SYS:> ")?;
    vm.send("Top 100\r")?;
    vm.expect("by CPU")?;
    vm.expect("Shell")?;
    // The next table begins at the top left.
    vm.expect("\x1b[H")?;
    vm.expect("by CPU")?;
    vm.send("m")?;
    vm.expect("by memory")?;
    vm.send("h")?;
    vm.expect(" Thread ")?;
    vm.send("q")?;
    vm.expect("SYS:> ")?;
    // The line editor is there again, and so is the echo.
    let shown = vm.command("Echo back", "SYS:> ")?;
    ensure!(shown.starts_with("back"), "after Top: {shown:?}");
    vm.send("Shutdown\r")?;
    ensure!(vm.wait_for_end()? == 0, "Shutdown fails");
    Ok(())
}

/// The report of a panic ends with the trace, if one is on.
pub fn panic_with_trace(rig: &Rig<'_>) -> anyhow::Result<()> {
    let (mut vm, socket) = exec::boot_debugged(rig)?;
    // The debugger comes back later.
    Stub::connect(&socket)?.detach()?;
    vm.expect("SYS:> ")?;
    vm.command("Trace ON", "SYS:> ")?;
    let log = exec::panic_when_idle(rig, &mut vm, &socket, "Echo\r")?;
    for wanted in ["trace of CPU 0:", " pick ", " us "] {
        ensure!(log.contains(wanted), "the report lacks {wanted:?}:\n{log}");
    }
    Ok(())
}
