//! The rung on the host: `cargo test` of what runs here, and the models.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::Context;

use super::Selection;
use super::report::Report;
use crate::command;

/// Runs the host's tests.
pub fn run(selection: &Selection, report: &mut Report) -> anyhow::Result<()> {
    let mut cargo = command::host_cargo();
    cargo.args(["test", "--workspace", "--no-fail-fast"]);
    if let Some(filter) = &selection.filter {
        cargo.arg(filter);
    }
    run_cargo(cargo, "host", selection, report)?;
    // Models have a build of their own, in which nothing else is meant to run.
    let models = match selection.filter.as_deref() {
        None => "models::",
        Some(filter) if filter.contains("models") => filter,
        Some(_) => return Ok(()),
    };
    let mut cargo = command::host_cargo();
    cargo.args(["test", "--package", "kernel", "--lib", "--no-fail-fast"]);
    cargo.args(["--features", "model", "--profile", "model", "--", models]);
    run_cargo(cargo, "models", selection, report)
}

fn run_cargo(
    mut cargo: Command,
    name: &str,
    selection: &Selection,
    report: &mut Report,
) -> anyhow::Result<()> {
    // Backtraces of expected panics would bury the failures.
    cargo
        .env("RUST_BACKTRACE", "0")
        .env("VIPEROS_TEST_SEED", selection.seed.to_string());
    if selection.is_full {
        cargo.env("VIPEROS_TEST_FULL", "1");
    }
    let mut child = cargo
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start cargo")?;
    let stdout = child
        .stdout
        .take()
        .context("cargo has no standard output")?;
    let mut results = Results::default();
    for line in BufReader::new(stdout).lines() {
        let line = line?;
        if results.read(&line) == Interest::Shown {
            println!("{line}");
        }
    }
    let status = child.wait()?;
    report.pass_silently(results.passed);
    for name in &results.ignored {
        report.skip(name, "left out by its own mark");
    }
    for name in &results.failed {
        report.fail(name, "its output is above");
    }
    if !status.success() && results.failed.is_empty() {
        report.fail("cargo test", &format!("{status}, see above"));
    }
    println!(
        "{name}: {} passed, {} failed",
        results.passed,
        results.failed.len()
    );
    Ok(())
}

/// Whether a person wants to see a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Interest {
    Shown,
    Hidden,
}

/// What the lines of test programs add up to.
#[derive(Debug, Default)]
struct Results {
    passed: usize,
    failed: Vec<String>,
    ignored: Vec<String>,
    /// Inside the part of a program's output that explains failures.
    is_explaining: bool,
}

impl Results {
    fn read(&mut self, line: &str) -> Interest {
        if let Some((name, verdict)) = line
            .strip_prefix("test ")
            .and_then(|rest| rest.rsplit_once(" ... "))
        {
            match verdict.split_whitespace().next().unwrap_or_default() {
                "ok" => self.passed += 1,
                "FAILED" => self.failed.push(name.to_owned()),
                "ignored" | "ignored," => self.ignored.push(name.to_owned()),
                _ => {}
            }
            return Interest::Hidden;
        }
        if line == "failures:" {
            self.is_explaining = true;
        } else if line.starts_with("test result:") {
            self.is_explaining = false;
            return if line.contains("FAILED") {
                Interest::Shown
            } else {
                Interest::Hidden
            };
        }
        if self.is_explaining {
            Interest::Shown
        } else {
            Interest::Hidden
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_counted_by_name() {
        let output = "running 3 tests\ntest a ... ok\ntest b ... FAILED\n\
                      test c ... ignored, slow\ntest d - should panic ... ok\n\nfailures:\n\n\
                      ---- b stdout ----\nbecause\n\ntest result: FAILED. 2 passed; 1 failed\n";
        let mut results = Results::default();
        let shown: Vec<_> = output
            .lines()
            .filter(|line| results.read(line) == Interest::Shown)
            .collect();
        assert_eq!(
            (results.passed, results.failed.len(), results.ignored.len()),
            (2, 1, 1)
        );
        assert!(shown.contains(&"because") && !shown.contains(&"running 3 tests"));
    }
}
