//! Test lines of programs that run in the machine (Test Anything Protocol).
//!
//! `ok N NAME`, `not ok N NAME`, and `ok N NAME # SKIP REASON`; a line `1..N`
//! tells how many there are, lines `# TEXT` behind a failure explain it. Anything
//! else is passed over.

use super::Selection;
use super::report::Report;

/// Verdict on one test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It passed.
    Passed,
    /// It failed, for this reason.
    Failed(String),
    /// It did not run, for this reason.
    Skipped(String),
}

/// One test line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestLine {
    /// What the test is called.
    pub name: String,
    /// What came of it.
    pub verdict: Verdict,
}

/// The test lines of an output, and what is wrong with it as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tests {
    /// In the order of the output.
    pub lines: Vec<TestLine>,
    /// How many the program said there are.
    pub planned: Option<usize>,
}

impl Tests {
    /// Number of tests that passed.
    pub fn passed(&self) -> usize {
        self.lines
            .iter()
            .filter(|line| line.verdict == Verdict::Passed)
            .count()
    }

    /// Number of tests that failed.
    pub fn failed(&self) -> usize {
        self.lines
            .iter()
            .filter(|line| matches!(line.verdict, Verdict::Failed(_)))
            .count()
    }

    /// Adds a reason to the last test, if it failed.
    fn explain(&mut self, text: &str) {
        if let Some(TestLine {
            verdict: Verdict::Failed(reason),
            ..
        }) = self.lines.last_mut()
        {
            reason.push_str(if reason.is_empty() { "" } else { "; " });
            reason.push_str(text);
        }
    }

    /// Counts the tests of a kind of machine that are wanted.
    pub fn count(&self, selection: &Selection, kind: &str, report: &mut Report) {
        for line in self.lines.iter().filter(|line| selection.wants(&line.name)) {
            let name = format!("{} ({kind})", line.name);
            match &line.verdict {
                Verdict::Passed => report.pass_silently(1),
                Verdict::Failed(reason) => report.fail(&name, reason),
                Verdict::Skipped(reason) => report.skip(&name, reason),
            }
        }
    }
}

/// Reads the test lines of an output.
pub fn read(output: &str) -> Tests {
    let mut tests = Tests::default();
    for line in output.lines() {
        let line = without_time(line.trim());
        if let Some(count) = line.strip_prefix("1..") {
            tests.planned = count.trim().parse().ok();
        } else if let Some(rest) = line.strip_prefix("not ok ") {
            tests
                .lines
                .extend(test_line(rest, Verdict::Failed(String::new())));
        } else if let Some(text) = line.strip_prefix("# ") {
            tests.explain(text);
        } else if let Some(rest) = line.strip_prefix("ok ") {
            let (rest, verdict) = match rest.split_once("# SKIP") {
                Some((rest, reason)) => (rest, Verdict::Skipped(reason.trim().to_owned())),
                None => (rest, Verdict::Passed),
            };
            tests.lines.extend(test_line(rest, verdict));
        }
    }
    tests
}

/// The line without a log's `[time]` before it.
fn without_time(line: &str) -> &str {
    match line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((_, rest)) => rest.trim_start(),
        None => line,
    }
}

fn test_line(rest: &str, verdict: Verdict) -> Option<TestLine> {
    let (number, name) = rest.trim().split_once(' ')?;
    number.parse::<usize>().ok()?;
    let name = name.trim().trim_start_matches("- ").to_owned();
    Some(TestLine { name, verdict })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_are_told_apart() {
        let output = "1..3\n[    0.012] ok 1 mm::frame\nnot ok 2 - cap::revoke\n# 1 is not 2\n\
                      ok 3 net # SKIP no card\nokay 4 no test\nok fine\n";
        let tests = read(output);
        assert_eq!(tests.planned, Some(3));
        assert_eq!((tests.passed(), tests.failed()), (1, 1));
        let verdicts: Vec<_> = tests
            .lines
            .iter()
            .map(|line| (line.name.as_str(), line.verdict.clone()))
            .collect();
        assert_eq!(
            verdicts,
            [
                ("mm::frame", Verdict::Passed),
                ("cap::revoke", Verdict::Failed("1 is not 2".to_owned())),
                ("net", Verdict::Skipped("no card".to_owned())),
            ]
        );
    }
}
