//! The command `repro`: one random test once more, with the seed that it printed.

use crate::arguments::{ReproOptions, Suite, TestOptions};
use crate::scenario::schedules;
use crate::test;

/// Runs a suite with a seed; the value is the exit code.
pub fn repro(options: &ReproOptions) -> anyhow::Result<u8> {
    let (rung, filter) = match options.suite {
        Suite::Schedules => return schedules::repeat(options.seed, options.plant.as_deref()),
        Suite::Host => ("host", None),
        Suite::Kernel => ("kernel", None),
        Suite::RandomCalls => ("system", Some("random_calls")),
        Suite::PowerCuts => ("system", Some("power_cuts")),
    };
    let words = [Some(rung), filter.or(options.filter.as_deref())];
    test::test(&TestOptions {
        words: words.into_iter().flatten().map(str::to_owned).collect(),
        full: options.full,
        seed: Some(options.seed),
    })
}
