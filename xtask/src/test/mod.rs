//! The command `test`: the rungs, one after the other.

mod host;
mod kernel;
pub mod report;
mod system;
mod tap;
mod user;

use std::time::Instant;

use clap::ValueEnum;

use crate::arguments::{Rung, TestOptions};

use report::Report;

/// What is to be tested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// The rungs, from the lowest up.
    rungs: Vec<Rung>,
    /// Only tests with this in their name.
    pub filter: Option<String>,
    /// Everything, not only the share of half an hour.
    pub is_full: bool,
    /// Seed of everything random.
    pub seed: u64,
}

/// Runs the rungs; the exit code is 0 only if no test failed.
pub fn test(options: &TestOptions) -> anyhow::Result<u8> {
    let selection = Selection::new(options)?;
    println!(
        "seed {} (repeat with --seed {})",
        selection.seed, selection.seed
    );
    let start = Instant::now();
    let mut report = Report::default();
    for rung in &selection.rungs {
        println!("--- {}", name(*rung));
        let run = match rung {
            Rung::Host => host::run,
            Rung::Kernel => kernel::run,
            Rung::User => user::run,
            Rung::System => system::run,
        };
        // A rung that cannot run is a failure, and the others still tell something.
        if let Err(error) = run(&selection, &mut report) {
            report.fail(name(*rung), &format!("{error:#}"));
        }
    }
    println!("--- {} s", start.elapsed().as_secs());
    report.print_summary();
    Ok(u8::from(!report.is_success()))
}

fn name(rung: Rung) -> &'static str {
    match rung {
        Rung::Host => "host",
        Rung::Kernel => "kernel",
        Rung::User => "user",
        Rung::System => "system",
    }
}

impl Selection {
    fn new(options: &TestOptions) -> anyhow::Result<Selection> {
        let mut words = options.words.iter().map(String::as_str).peekable();
        let rung = words
            .peek()
            .and_then(|word| Rung::from_str(word, false).ok());
        let rungs = match rung {
            Some(rung) => {
                words.next();
                vec![rung]
            }
            None => vec![Rung::Host, Rung::Kernel, Rung::User, Rung::System],
        };
        let filter = words.next().map(str::to_owned);
        if let Some(more) = words.next() {
            anyhow::bail!("test takes a rung and one filter; what is {more}?");
        }
        let seed = options.seed.unwrap_or_else(|| {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            now.map_or(1, |since| since.as_secs())
        });
        Ok(Selection {
            rungs,
            filter,
            is_full: options.full,
            seed,
        })
    }

    /// Whether a test of this name is wanted.
    pub fn wants(&self, name: &str) -> bool {
        self.filter
            .as_ref()
            .is_none_or(|filter| name.contains(filter.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(words: &[&str]) -> anyhow::Result<Selection> {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        Selection::new(&TestOptions {
            words,
            full: false,
            seed: Some(7),
        })
    }

    #[test]
    fn a_rung_and_a_filter_are_told_apart() {
        assert_eq!(selection(&[]).expect("valid").rungs.len(), 4);
        let one = selection(&["system", "power"]).expect("valid");
        assert_eq!(
            (one.rungs.as_slice(), one.seed),
            ([Rung::System].as_slice(), 7)
        );
        assert!(one.wants("power_cut") && !one.wants("kernel_boot"));
        let all = selection(&["power"]).expect("valid");
        assert_eq!((all.rungs.len(), all.filter.as_deref()), (4, Some("power")));
        assert!(selection(&["host", "a", "b"]).is_err());
    }
}
