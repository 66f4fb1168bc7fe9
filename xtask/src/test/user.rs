//! The rung of programs: `SelfTest` in the booted system.

use std::time::{Duration, Instant};

use super::Selection;
use super::report::Report;
use super::tap::{self, Tests};
use crate::qemu::execution::End;
use crate::scenario::lab::{Lab, Outcome};

/// Longest time of one run of all programs.
const LIMIT: Duration = Duration::from_secs(600);

/// What is run on each kind of machine.
struct Kind {
    cpu: &'static str,
    cpus: u32,
    /// A boot argument that makes something rare happen often.
    argument: Option<&'static str>,
    /// Which tests; all where there is no word.
    words: &'static str,
}

/// Everything.
const ALL: &str = "";
/// What a hostile program tries.
const HOSTILE: &str = " attacks:: instructions:: protection:: bugs:: exits:: races:: pointers::";

const fn kind(
    cpu: &'static str,
    cpus: u32,
    argument: Option<&'static str>,
    words: &'static str,
) -> Kind {
    Kind {
        cpu,
        cpus,
        argument,
        words,
    }
}

/// Every kind of machine.
const MACHINES: [Kind; 5] = [
    kind("cortex-a72", 4, None, ALL),
    kind("max", 4, None, ALL),
    kind("cortex-a72", 1, None, ALL),
    kind("max", 1, None, HOSTILE),
    kind("cortex-a72", 4, Some("asidbits=4"), ALL),
];

/// Runs the test programs on both CPU models, on one CPU and on four.
pub fn run(selection: &Selection, report: &mut Report) -> anyhow::Result<()> {
    let lab = Lab::new(selection.seed, selection.is_full)?;
    for Kind {
        cpu,
        cpus,
        argument,
        words,
    } in MACHINES
    {
        let with = argument.map_or(String::new(), |word| format!(" with {word}"));
        let kind = format!("user on {cpu}, {cpus} CPUs{with}");
        let rig = lab.rig(&kind)?;
        let mut machine = rig.machine()?;
        machine.cpu = cpu.to_owned();
        machine.cpus = cpus;
        machine.boot_arguments.extend(argument.map(str::to_owned));
        let start = Instant::now();
        let commands = format!("SelfTest{words}");
        let outcome = rig.run_for(machine, &commands, LIMIT)?;
        let tests = tap::read(&outcome.output);
        tests.count(selection, &kind, report);
        match wrong_as_a_whole(&outcome, &tests) {
            Some(wrong) => report.fail(&kind, &format!("{wrong}\n{outcome}")),
            None => rig.done()?,
        }
        println!(
            "{kind}: {} tests ({:.1} s)",
            tests.lines.len(),
            start.elapsed().as_secs_f32()
        );
    }
    Ok(())
}

/// What is wrong although every single test may have passed.
fn wrong_as_a_whole(outcome: &Outcome, tests: &Tests) -> Option<String> {
    let (passed, failed) = (tests.passed(), tests.failed());
    if outcome.end != End::Code(0) && failed == 0 {
        return Some(format!("SelfTest ended with {:?}", outcome.end));
    }
    if tests.lines.is_empty() {
        return Some("no test ran".to_owned());
    }
    if tests.planned != Some(tests.lines.len()) {
        return Some(format!(
            "announced {:?} tests, {} ran",
            tests.planned,
            tests.lines.len()
        ));
    }
    let last = outcome.output.lines().last().unwrap_or_default();
    let expected = format!("{passed} passed, {failed} failed");
    if !last.starts_with(&expected) {
        return Some(format!(
            "the last line is {last:?}, the lines before say {expected:?}"
        ));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(output: &str, code: u8) -> Option<String> {
        let outcome = Outcome {
            end: End::Code(code),
            output: output.to_owned(),
            log: String::new(),
        };
        wrong_as_a_whole(&outcome, &tap::read(output))
    }

    #[test]
    fn the_last_line_must_agree_with_the_others() {
        assert_eq!(wrong("1..2\nok 1 a\nok 2 b\n2 passed, 0 failed\n", 0), None);
        assert_eq!(
            wrong("1..2\nok 1 a\nnot ok 2 b\n1 passed, 1 failed\n", 10),
            None
        );
        assert!(wrong("1..1\nok 1 a\n2 passed, 0 failed\n", 0).is_some());
        assert!(wrong("1..1\nok 1 a\n", 0).is_some());
        assert!(wrong("1..3\nok 1 a\n1 passed, 0 failed\n", 0).is_some());
        assert!(wrong("0 passed, 0 failed\n", 0).is_some());
        assert!(wrong("1..1\nok 1 a\n1 passed, 0 failed\n", 20).is_some());
    }
}
