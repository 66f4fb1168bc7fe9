//! Schedules changed by a seed, in a kernel that checks itself.
//!
//! The machine's CPUs take turns, and the kernel (`kernel/src/sync/sched_fuzz.rs`) gives the
//! turn away at points of its own choosing, so that a race that needs the worst moment meets
//! it. Found is what ends otherwise than with every test passed: a report of the lock
//! classes, a panic, the kernel's watchdog, a failed test, or no end at all.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};

use super::lab::{Lab, Outcome, Rig};
use crate::arguments::Profile;
use crate::build::guest::{self, Kernel};
use crate::build::system;
use crate::qemu::execution::{self, End};
use crate::qemu::machine::{Machine, WhileIdle};

/// Seeds where time is short, and where it is not.
const SEEDS_SHORT: u64 = 3;
const SEEDS_LONG: u64 = 120;
/// Seeds within which a planted mistake has to be found.
const SEEDS_TO_FIND: u64 = 20;

/// Longest time of one seed.
const LIMIT: Duration = Duration::from_secs(600);
/// The same with a mistake, which can break the report of a panic, too; twenty times what
/// the tests take.
const PLANT_LIMIT: Duration = Duration::from_secs(120);

/// What is run with every seed: the tests in which threads meet.
const TESTS: &str = "SelfTest threads:: events:: ports:: calls:: channels:: pipes:: timers:: \
                     waits:: meetings:: \
                     exits:: races:: revocation:: upcalls::";

/// What is run with a mistake: those tests that are to find it.
const PLANT_TESTS: &str = "SelfTest threads:: meetings::";

/// Every mistake that the kernel can be made to make (`kernel/src/sync/plant.rs`).
const PLANTS: [&str; 9] = [
    "wait-finished",
    "wait-kill",
    "wait-claim",
    "futex-look",
    "queue-look-again",
    "park-permit",
    "epoch-quiesce",
    "stack-in-use",
    "lock-order",
];

/// The kernel that changes its schedule, built.
struct Fuzzed<'a> {
    rig: &'a Rig<'a>,
    kernel: PathBuf,
}

impl Fuzzed<'_> {
    fn new<'a>(rig: &'a Rig<'a>) -> anyhow::Result<Fuzzed<'a>> {
        let toolchain = &rig.lab.system.toolchain;
        let elf = guest::kernel(toolchain, Profile::Release, Kernel::Fuzzed)?;
        let kernel = system::flat_image(&elf)?;
        Ok(Fuzzed { rig, kernel })
    }

    fn machine(&self, seed: u64, plant: Option<&str>) -> anyhow::Result<Machine> {
        let mut machine = self.rig.machine()?;
        machine.kernel = self.kernel.clone();
        machine.takes_turns = true;
        // Time passes with the instructions, or a slow host would be all there is to see;
        // and where every thread waits, the watchdog's time comes at once.
        machine.count_instructions(WhileIdle::Jumps);
        let words = &mut machine.boot_arguments;
        words.push(format!("sched-fuzz={seed}"));
        words.extend(plant.map(|name| format!("plant={name}")));
        Ok(machine)
    }

    /// Runs the tests with a seed.
    fn run(&self, seed: u64, plant: Option<&str>, tests: &str) -> anyhow::Result<Outcome> {
        let limit = if plant.is_some() { PLANT_LIMIT } else { LIMIT };
        let outcome = self.rig.run_for(self.machine(seed, plant)?, tests, limit)?;
        // A kernel that did not understand its seed would prove nothing.
        let word = format!("sched-fuzz: seed {seed}");
        ensure!(outcome.log.contains(&word), "no line {word:?}\n{outcome}");
        Ok(outcome)
    }
}

/// What a seed has found; nothing where every test passed.
fn found(outcome: &Outcome) -> Option<String> {
    let line_with = |text: &str, words: &[&str]| {
        let has = |line: &&str| words.iter().any(|word| line.contains(word));
        text.lines().find(has).map(str::to_owned)
    };
    match outcome.end {
        End::Code(0) if outcome.output.contains(" passed, 0 failed") => None,
        End::Code(execution::PANIC) => {
            Some(line_with(&outcome.log, &["KERNEL PANIC"]).unwrap_or("a panic".to_owned()))
        }
        End::Hang => Some("no end in time".to_owned()),
        end => Some(
            line_with(&outcome.output, &["not ok "])
                .unwrap_or_else(|| format!("the machine ended with {end:?}")),
        ),
    }
}

/// The last line in which the kernel says how far the changes went.
fn course(outcome: &Outcome) -> &str {
    let mut lines = outcome.log.lines().rev();
    let line = lines.find_map(|line| line.split_once("sched-fuzz: "));
    line.map_or("", |(_, course)| course)
}

/// Every test passes with every seed.
pub fn seeds_find_nothing(rig: &Rig<'_>) -> anyhow::Result<()> {
    let fuzzed = Fuzzed::new(rig)?;
    let (first, count) = match rig.lab.is_full {
        true => (1, SEEDS_LONG),
        // Others each time, and said.
        false => (rig.lab.seed, SEEDS_SHORT),
    };
    let mut findings = Vec::new();
    for seed in (first..).take(usize::try_from(count)?) {
        let start = Instant::now();
        let outcome = fuzzed.run(seed, None, TESTS)?;
        let seconds = start.elapsed().as_secs_f32();
        match found(&outcome) {
            None => println!("        seed {seed}: {} ({seconds:.1} s)", course(&outcome)),
            Some(what) => {
                println!("        seed {seed}: {what} ({seconds:.1} s)");
                std::fs::copy(rig.log(), rig.folder.join(format!("seed-{seed}.log")))?;
                findings.push(format!(
                    "seed {seed}: {what} (cargo xtask repro schedules {seed})\n{outcome}"
                ));
            }
        }
    }
    if !findings.is_empty() {
        bail!(
            "{} of {count} seeds: {}",
            findings.len(),
            findings.join("\n")
        );
    }
    Ok(())
}

/// Every planted mistake is found within so many seeds, with which nothing is found
/// otherwise.
pub fn planted_races_are_found(rig: &Rig<'_>) -> anyhow::Result<()> {
    let fuzzed = Fuzzed::new(rig)?;
    let mut used = 0;
    for plant in PLANTS {
        let mut finding = None;
        for seed in 1..=SEEDS_TO_FIND {
            used = used.max(seed);
            let outcome = fuzzed.run(seed, Some(plant), PLANT_TESTS)?;
            finding = found(&outcome).map(|what| (seed, what));
            if finding.is_some() {
                break;
            }
        }
        let Some((seed, what)) = finding else {
            bail!("{plant} was not found with {SEEDS_TO_FIND} seeds");
        };
        println!("        {plant}: seed {seed}: {what}");
    }
    for seed in 1..=used {
        let outcome = fuzzed.run(seed, None, PLANT_TESTS)?;
        if let Some(what) = found(&outcome) {
            bail!("seed {seed} without a mistake: {what}\n{outcome}");
        }
    }
    Ok(())
}

/// Runs one seed again and shows everything; the value is an exit code.
pub fn repeat(seed: u64, plant: Option<&str>) -> anyhow::Result<u8> {
    let lab = Lab::new(seed, false)?;
    let rig = lab.rig("repro")?;
    let tests = plant.map_or(TESTS, |_| PLANT_TESTS);
    let outcome = Fuzzed::new(&rig)?.run(seed, plant, tests)?;
    print!("{outcome}");
    let finding = found(&outcome);
    match &finding {
        None => println!("seed {seed}: nothing found, {}", course(&outcome)),
        Some(what) => println!("seed {seed}: {what}; the log is {}", rig.log().display()),
    }
    Ok(u8::from(finding.is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(end: End, output: &str, log: &str) -> Outcome {
        Outcome {
            end,
            output: output.to_owned(),
            log: log.to_owned(),
        }
    }

    #[test]
    fn only_a_run_in_which_all_tests_passed_finds_nothing() {
        let good = outcome(End::Code(0), "ok 1 a\n1 passed, 0 failed\n", "");
        assert_eq!(found(&good), None);
        let log = "sched-fuzz: seed 1\nKERNEL PANIC on CPU 1: lock order: a lock\n";
        let panic = found(&outcome(End::Code(101), "ok 1 a\n", log)).expect("found");
        assert!(panic.contains("lock order"), "{panic}");
        let failed = outcome(End::Code(10), "not ok 1 a\n0 passed, 1 failed\n", "");
        assert_eq!(found(&failed).as_deref(), Some("not ok 1 a"));
        assert!(found(&outcome(End::Hang, "ok 1 a\n", "")).is_some());
        assert!(
            found(&outcome(End::Code(0), "", "")).is_some(),
            "no test ran"
        );
    }

    #[test]
    fn the_course_is_the_last_line() {
        let log = "[1.0] warn sched-fuzz: seed 3\nx\n[2.0] warn sched-fuzz: 7 points, course ab\n";
        assert_eq!(
            course(&outcome(End::Code(0), "", log)),
            "7 points, course ab"
        );
    }
}
