//! What tests came to.

use std::time::Duration;

/// Counts, and the names behind the ones that matter.
#[derive(Clone, Debug, Default)]
pub struct Report {
    passed: usize,
    failed: Vec<String>,
    skipped: Vec<String>,
}

impl Report {
    /// Counts a test that passed and says so.
    pub fn pass(&mut self, name: &str, time: Duration) {
        println!("ok      {name} ({:.1} s)", time.as_secs_f32());
        self.passed += 1;
    }

    /// Counts tests that passed, of which another program spoke.
    pub fn pass_silently(&mut self, count: usize) {
        self.passed += count;
    }

    /// Counts a test that failed and says why.
    pub fn fail(&mut self, name: &str, reason: &str) {
        println!("FAILED  {name}: {reason}");
        self.failed.push(format!(
            "{name}: {}",
            reason.lines().next().unwrap_or_default()
        ));
    }

    /// Counts a test that did not run and says why.
    pub fn skip(&mut self, name: &str, reason: &str) {
        println!("skipped {name}: {reason}");
        self.skipped.push(format!("{name}: {reason}"));
    }

    /// Whether something ran and nothing failed.
    pub fn is_success(&self) -> bool {
        self.failed.is_empty() && self.passed > 0
    }

    /// The last line of a test run.
    pub fn last_line(&self) -> String {
        let mut line = format!("{} passed, {} failed", self.passed, self.failed.len());
        if !self.skipped.is_empty() {
            line.push_str(&format!(", {} skipped", self.skipped.len()));
        }
        line
    }

    /// Prints what failed and what was skipped, then the last line.
    pub fn print_summary(&self) {
        for skipped in &self.skipped {
            println!("skipped: {skipped}");
        }
        for failed in &self.failed {
            println!("failed: {failed}");
        }
        if self.passed == 0 && self.failed.is_empty() {
            println!("no test ran");
        }
        println!("{}", self.last_line());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_has_its_fixed_form() {
        let mut report = Report::default();
        assert!(!report.is_success(), "nothing ran");
        report.pass_silently(2);
        assert_eq!(report.last_line(), "2 passed, 0 failed");
        assert!(report.is_success());
        report.skip("a", "no reason");
        assert_eq!(report.last_line(), "2 passed, 0 failed, 1 skipped");
        report.fail("b", "broken\nmore");
        assert_eq!(report.last_line(), "2 passed, 1 failed, 1 skipped");
        assert!(!report.is_success());
    }
}
