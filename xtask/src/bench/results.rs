//! Results of a benchmark run, and their file.

use std::path::Path;

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use crate::command;
use crate::workspace;

/// Version of the file's form.
const FORM: u32 = 1;

/// One value as it was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// Name from the list of benchmarks.
    pub name: String,
    /// The value.
    pub value: f64,
    /// Its unit.
    pub unit: String,
}

/// A name with the values of all repetitions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BenchResult {
    /// Name from the list of benchmarks.
    pub name: String,
    /// Median of the values.
    pub value: f64,
    /// Unit of every value.
    pub unit: String,
    /// In the order they were measured.
    pub values: Vec<f64>,
}

/// A benchmark run and what it ran with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Version of this form.
    pub form: u32,
    /// Commit of the sources, `+` when they were changed since.
    pub commit: String,
    /// Version of QEMU.
    pub qemu: String,
    /// Version of the compiler.
    pub compiler: String,
    /// What the values count: `icount` or `wall`.
    pub clock: String,
    /// By name, in the order of appearance.
    pub results: Vec<BenchResult>,
}

impl Measurement {
    /// Reads a line `bench NAME VALUE UNIT`; nothing for any other line.
    pub fn from_line(line: &str) -> Option<Measurement> {
        let mut words = line.split_whitespace();
        if words.next()? != "bench" {
            return None;
        }
        let name = words.next()?.to_owned();
        let value: f64 = words.next()?.parse().ok()?;
        let unit = words.next()?.to_owned();
        (words.next().is_none() && value.is_finite()).then_some(Measurement { name, value, unit })
    }
}

impl BenchResult {
    /// The line `bench NAME VALUE UNIT`.
    pub fn line(&self) -> String {
        // Whole numbers have no fraction; others three digits.
        let value = match self.value.fract() == 0.0 {
            true => format!("{}", self.value),
            false => format!("{:.3}", self.value),
        };
        format!("bench {} {value} {}", self.name, self.unit)
    }
}

impl Run {
    /// A run without results.
    pub fn new(qemu: &str, compiler: &str, clock: &str) -> Run {
        Run {
            form: FORM,
            commit: commit(),
            qemu: qemu.to_owned(),
            compiler: compiler.to_owned(),
            clock: clock.to_owned(),
            results: Vec::new(),
        }
    }

    /// Adds the measurements of one repetition.
    pub fn add(&mut self, measurements: Vec<Measurement>) {
        for measured in measurements {
            match self
                .results
                .iter_mut()
                .find(|result| result.name == measured.name)
            {
                Some(result) => {
                    result.values.push(measured.value);
                    result.value = median(&result.values);
                }
                None => self.results.push(BenchResult {
                    name: measured.name,
                    value: measured.value,
                    unit: measured.unit,
                    values: vec![measured.value],
                }),
            }
        }
    }

    /// Writes the run to a file.
    pub fn write(&self, file: &Path) -> anyhow::Result<()> {
        workspace::write(file, serde_json::to_string_pretty(self)? + "\n")
    }

    /// Reads a run from a file.
    pub fn read(file: &Path) -> anyhow::Result<Run> {
        let text = workspace::read_text(file)?;
        let run: Run = serde_json::from_str(&text)
            .with_context(|| format!("{} is no file of `bench --json`", file.display()))?;
        if run.form != FORM {
            bail!(
                "{} has form {}; this program reads form {FORM}",
                file.display(),
                run.form
            );
        }
        Ok(run)
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() % 2 {
        1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

fn commit() -> String {
    let git = |arguments: &[&str]| command::capture(command::program("git").args(arguments)).ok();
    let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) else {
        return "unknown".to_owned();
    };
    let is_changed = git(&["status", "--porcelain"]).is_some_and(|text| !text.is_empty());
    format!("{}{}", commit.trim(), if is_changed { "+" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measurement(name: &str, value: f64) -> Measurement {
        Measurement {
            name: name.to_owned(),
            value,
            unit: "insn".to_owned(),
        }
    }

    #[test]
    fn lines_are_read_and_others_left() {
        assert_eq!(
            Measurement::from_line("bench event_signal 39.5 insn"),
            Some(measurement("event_signal", 39.5))
        );
        for line in [
            "",
            "bench",
            "bench x",
            "bench x 1",
            "bench x y insn",
            "RES x 1 insn",
            "bench x 1 insn more",
            "bench x NaN insn",
        ] {
            assert_eq!(Measurement::from_line(line), None, "{line}");
        }
    }

    #[test]
    fn the_median_counts() {
        let mut run = Run::new("7.2", "1.95", "icount");
        for value in [5.0, 1.0, 3.0] {
            run.add(vec![measurement("a", value)]);
        }
        assert_eq!(run.results[0].line(), "bench a 3 insn");
        run.add(vec![measurement("a", 4.0), measurement("b", 0.25)]);
        assert_eq!(run.results[0].value, 3.5);
        assert_eq!(run.results[1].line(), "bench b 0.250 insn");
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("run.json");
        run.write(&file).expect("written");
        assert_eq!(Run::read(&file).expect("read"), run);
        std::fs::write(&file, "{}").expect("written");
        assert!(Run::read(&file).is_err());
    }
}
