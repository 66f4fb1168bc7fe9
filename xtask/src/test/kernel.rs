//! The rung in the kernel: it boots with its tests inside and ends by exit code.

use std::path::Path;
use std::time::{Duration, Instant};

use super::Selection;
use super::report::Report;
use super::tap::{self, Tests};
use crate::arguments::{MachineOptions, Profile};
use crate::build::guest::{self, Kernel};
use crate::build::system;
use crate::qemu::execution::{self, End};
use crate::qemu::machine::{Console, LogSink, Machine};
use crate::qemu::transcript::Transcript;
use crate::toolchain::{self, emulator};
use crate::workspace;

/// Longest time of one boot with all tests.
const LIMIT: Duration = Duration::from_secs(120);

/// Runs the kernel's tests on every kind of machine.
pub fn run(selection: &Selection, report: &mut Report) -> anyhow::Result<()> {
    let emulator = emulator::resolve()?;
    let toolchain = toolchain::resolve()?;
    let image = system::flat_image(&guest::kernel(&toolchain, Profile::Release, Kernel::Tests)?)?;
    let log = workspace::output().join("kernel-tests.log");
    for options in machines() {
        let kind = kind(&options);
        let mut machine = Machine::new(&options, image.clone(), Console::Pipe);
        machine.log_to(LogSink::File(log.clone()));
        machine
            .boot_arguments
            .push(format!("seed={}", selection.seed));
        let start = Instant::now();
        let output = Transcript::default();
        let sinks = [Box::new(output.clone()), Box::new(output.clone())];
        let [stdout, stderr] = sinks;
        let end = execution::execute(&emulator, &machine, stdout, stderr, LIMIT)?;
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        let tests = tap::read(&text);
        tests.count(selection, &kind, report);
        if let Some(wrong) = wrong_as_a_whole(end, &tests) {
            let kept = keep(&log, &kind)?;
            report.fail(
                &kind,
                &format!("{wrong}; {}{}", output.text(), kept.display()),
            );
        }
        println!(
            "{kind}: {} tests ({:.1} s)",
            tests.lines.len(),
            start.elapsed().as_secs_f32()
        );
    }
    Ok(())
}

/// Both interrupt controllers, both CPU models, one CPU and four.
fn machines() -> Vec<MachineOptions> {
    let mut machines = Vec::new();
    for gic in [3, 2] {
        for cpu in ["cortex-a72", "max"] {
            for smp in [1, 4] {
                let profile = Profile::Release;
                machines.push(MachineOptions {
                    smp,
                    memory: 128,
                    cpu: cpu.into(),
                    gic,
                    profile,
                });
            }
        }
    }
    machines
}

fn kind(options: &MachineOptions) -> String {
    format!(
        "kernel on {}, {} CPUs, GICv{}",
        options.cpu, options.smp, options.gic
    )
}

/// What is wrong although every single test may have passed.
fn wrong_as_a_whole(end: End, tests: &Tests) -> Option<String> {
    match end {
        End::Hang => return Some(format!("no end within {} s", LIMIT.as_secs())),
        End::Code(execution::PANIC) => return Some("the kernel panicked".to_owned()),
        End::Code(0) => {}
        // Expected when a test said that it failed.
        End::Code(_) if tests.failed() > 0 => {}
        other => return Some(format!("the kernel ended with {other:?}")),
    }
    match tests.planned {
        _ if tests.lines.is_empty() => Some("no test ran".to_owned()),
        Some(planned) if planned != tests.lines.len() => Some(format!(
            "{planned} tests were announced, {} ran",
            tests.lines.len()
        )),
        _ => None,
    }
}

/// Keeps the log of a failure under a name of its own.
fn keep(log: &Path, kind: &str) -> anyhow::Result<std::path::PathBuf> {
    let name = kind.replace([' ', ','], "-") + ".log";
    let kept = log.with_file_name(name);
    workspace::copy(log, &kept)?;
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_and_cut_off_runs_are_failures() {
        let none = tap::read("");
        assert!(wrong_as_a_whole(End::Code(0), &none).is_some());
        let some = tap::read("1..2\nok 1 a\nok 2 b\n");
        assert_eq!(wrong_as_a_whole(End::Code(0), &some), None);
        assert!(wrong_as_a_whole(End::Code(101), &some).is_some());
        assert!(wrong_as_a_whole(End::Code(1), &some).is_some());
        assert!(wrong_as_a_whole(End::Hang, &some).is_some());
        let cut_off = tap::read("1..2\nok 1 a\n");
        assert!(wrong_as_a_whole(End::Code(0), &cut_off).is_some());
        let failed = tap::read("ok 1 a\nnot ok 2 b\n");
        assert_eq!(wrong_as_a_whole(End::Code(1), &failed), None);
    }

    #[test]
    fn every_kind_of_machine_is_there() {
        let kinds: std::collections::BTreeSet<_> = machines().iter().map(kind).collect();
        assert_eq!(kinds.len(), 8);
    }
}
