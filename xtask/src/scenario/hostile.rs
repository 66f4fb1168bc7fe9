//! Attacks that take long, and how calls scale.

use std::time::Duration;

use anyhow::{Context, ensure};

use super::lab::Rig;

/// Random calls where time is short, and where it is not.
const CALLS_SHORT: u64 = 50_000;
const CALLS_LONG: u64 = 5_000_000;

/// Longest time of each.
const LIMIT_SHORT: Duration = Duration::from_secs(300);
const LIMIT_LONG: Duration = Duration::from_secs(3600);

/// Least growth of the rate of null calls from one thread to four.
const SCALE_MIN: f64 = 3.2;
/// Threads of that measurement.
const THREADS: usize = 4;

/// Random calls by two threads in two processes; all of them with `--full`.
pub fn random_calls(rig: &Rig<'_>) -> anyhow::Result<()> {
    let (calls, limit) = match rig.lab.is_full {
        true => (CALLS_LONG, LIMIT_LONG),
        false => (CALLS_SHORT, LIMIT_SHORT),
    };
    let commands = format!("SYS:Tests/Hostile random {calls} {}", rig.lab.seed);
    let outcome = rig.run_for(rig.machine()?, &commands, limit)?;
    outcome.expect_code(0)?;
    let line = outcome.output.lines().find(|line| line.contains("rounds"));
    println!("        {}", line.unwrap_or_default().trim());
    rig.fsck(&rig.disk())
}

/// Null calls of four threads, judged where four CPUs are free for them.
pub fn null_calls_scale(rig: &Rig<'_>) -> anyhow::Result<()> {
    let outcome = rig.run(rig.machine()?, "SelfTest scaling")?;
    outcome.expect_code(0)?;
    let scale = scale(&outcome.output)?;
    if !host_is_free() {
        println!("        {scale} times the calls of one thread; not judged, the host is busy");
        return Ok(());
    }
    println!("        {scale} times the calls of one thread");
    ensure!(
        scale >= SCALE_MIN,
        "{THREADS} threads make only {scale} times the calls of one"
    );
    Ok(())
}

/// The number in the line that the test prints.
fn scale(output: &str) -> anyhow::Result<f64> {
    output
        .lines()
        .find_map(|line| line.strip_prefix("# scaling: ")?.split(' ').nth(3))
        .with_context(|| format!("no line about scaling in {output:?}"))?
        .parse()
        .context("no number")
}

/// Whether the host has a CPU for each thread that nobody else uses.
fn host_is_free() -> bool {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    has_free_cpus(cpus, &load)
}

fn has_free_cpus(cpus: usize, load: &str) -> bool {
    let first = load.split(' ').next();
    let load: Option<f64> = first.and_then(|load| load.parse().ok());
    load.is_some_and(|load| load + THREADS as f64 <= cpus as f64 + 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_is_read_and_its_absence_is_noticed() {
        let output = "1..1\n# scaling: 4 threads make 3.71 times the calls of one\nok 1 a\n";
        assert_eq!(scale(output).expect("there"), 3.71);
        assert!(scale("1..1\nok 1 a\n").is_err());
    }

    #[test]
    fn a_busy_host_is_no_judge() {
        assert!(has_free_cpus(4, "0.20 1.00 1.00 1/100 1\n"));
        assert!(!has_free_cpus(4, "0.80 1.00 1.00 1/100 1\n"));
        assert!(!has_free_cpus(2, "0.00 0.00 0.00 1/100 1\n"));
        assert!(!has_free_cpus(4, ""));
    }
}
