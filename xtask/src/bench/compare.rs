//! Comparison of two benchmark runs.

use std::fmt;
use std::path::Path;

use anyhow::bail;

use super::results::{BenchResult, Run};

/// What became of one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Same,
    Better,
    Worse,
}

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Verdict::Same => "",
            Verdict::Better => "better",
            Verdict::Worse => "WORSE",
        })
    }
}

/// Prints the change of every value; the exit code is 1 when one got worse by
/// more than `threshold` per cent.
pub fn compare(before: &Path, after: &Path, threshold: f64) -> anyhow::Result<u8> {
    if !threshold.is_finite() || threshold < 0.0 {
        bail!("--threshold {threshold}: give a number of per cent, 0 or more");
    }
    let (old, new) = (Run::read(before)?, Run::read(after)?);
    if old.clock != new.clock {
        bail!(
            "the runs count different things: {} and {}",
            old.clock,
            new.clock
        );
    }
    println!(
        "before {} ({}), after {} ({})",
        old.commit, old.qemu, new.commit, new.qemu
    );
    let mut worse = 0;
    for result in &new.results {
        match old.results.iter().find(|other| other.name == result.name) {
            Some(other) => {
                let verdict = judge(other, result, threshold)?;
                worse += usize::from(verdict == Verdict::Worse);
                println!("{}", line(other, result, verdict));
            }
            None => println!("{:<32} new", result.name),
        }
    }
    let mut gone = 0;
    for result in &old.results {
        if !new.results.iter().any(|other| other.name == result.name) {
            println!("{:<32} GONE", result.name);
            gone += 1;
        }
    }
    println!("{worse} worse by more than {threshold} %, {gone} gone");
    Ok(u8::from(worse + gone > 0))
}

/// Change for the worse in per cent; below 0 it is one for the better.
fn change_for_the_worse(old: &BenchResult, new: &BenchResult) -> f64 {
    if old.value == new.value {
        return 0.0;
    }
    // Against 0 every change is without measure.
    let change = (new.value - old.value) / old.value.abs() * 100.0;
    if more_is_better(&new.unit) {
        -change
    } else {
        change
    }
}

fn judge(old: &BenchResult, new: &BenchResult, threshold: f64) -> anyhow::Result<Verdict> {
    if old.unit != new.unit {
        bail!(
            "{} is in {} before and in {} after",
            new.name,
            old.unit,
            new.unit
        );
    }
    let change = change_for_the_worse(old, new);
    Ok(match change {
        _ if change > threshold => Verdict::Worse,
        _ if change < -threshold => Verdict::Better,
        _ => Verdict::Same,
    })
}

/// Rates and scores grow when things get better; everything else shrinks.
fn more_is_better(unit: &str) -> bool {
    unit.ends_with("per_s") || matches!(unit, "ratio" | "score" | "0-1" | "0-100")
}

fn line(old: &BenchResult, new: &BenchResult, verdict: Verdict) -> String {
    let change = (new.value - old.value) / old.value.abs() * 100.0;
    let change = if old.value == new.value { 0.0 } else { change };
    format!(
        "{:<32} {:>14.3} {:>14.3} {:<8} {change:>+8.2} % {verdict}",
        new.name, old.value, new.value, new.unit
    )
    .trim_end()
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(value: f64, unit: &str) -> BenchResult {
        BenchResult {
            name: "x".into(),
            value,
            unit: unit.into(),
            values: vec![value],
        }
    }

    fn verdict(old: f64, new: f64, unit: &str) -> Verdict {
        judge(&result(old, unit), &result(new, unit), 20.0).expect("same unit")
    }

    #[test]
    fn the_threshold_decides() {
        assert_eq!(verdict(100.0, 120.0, "insn"), Verdict::Same);
        assert_eq!(verdict(100.0, 120.1, "insn"), Verdict::Worse);
        assert_eq!(verdict(100.0, 79.0, "insn"), Verdict::Better);
        assert_eq!(verdict(0.0, 0.0, "insn"), Verdict::Same);
        assert_eq!(verdict(0.0, 1.0, "insn"), Verdict::Worse);
    }

    #[test]
    fn more_of_a_rate_is_better() {
        assert_eq!(verdict(100.0, 200.0, "ops_per_s"), Verdict::Better);
        assert_eq!(verdict(100.0, 50.0, "MB_per_s"), Verdict::Worse);
    }

    #[test]
    fn different_units_do_not_compare() {
        assert!(judge(&result(1.0, "ns"), &result(1.0, "insn"), 20.0).is_err());
    }

    #[test]
    fn a_planted_regression_is_found_in_files() {
        let folder = tempfile::tempdir().expect("folder");
        let write = |name: &str, value: f64| {
            let run = Run {
                form: 1,
                commit: "c".into(),
                qemu: "q".into(),
                compiler: "r".into(),
                clock: "icount".into(),
                results: vec![result(value, "insn")],
            };
            let file = folder.path().join(name);
            run.write(&file).expect("written");
            file
        };
        let (good, same, bad) = (write("a", 100.0), write("b", 101.0), write("c", 150.0));
        assert_eq!(compare(&good, &same, 20.0).expect("compared"), 0);
        assert_eq!(compare(&good, &bad, 20.0).expect("compared"), 1);
        assert!(compare(&good, &bad, f64::NAN).is_err());
    }
}
