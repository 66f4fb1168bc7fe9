//! Power cuts at every moment of a workload, with every order of unflushed writes.
//!
//! `VIPERFS_CRASH_SEEDS` asks for more workloads, `VIPERFS_SEED` for other ones.

mod support;

use std::time::Instant;

use support::crash::{Tally, enumerate};
use support::random::setting;
use support::workload::{Plan, record};

/// States that every run has to look at.
const STATES_MIN: u64 = 20_000;

#[test]
fn a_power_cut_leaves_the_last_commit_or_the_next() {
    let started = Instant::now();
    let seeds = setting("VIPERFS_CRASH_SEEDS", 4);
    let first = setting("VIPERFS_SEED", 100);
    let mut tally = Tally::default();
    for seed in first..first + seeds {
        let recording = record(&Plan::new(seed, seed % 3 == 0));
        enumerate(&recording, seed, false, &mut tally);
        let worst = tally.bad.first();
        assert!(
            worst.is_none(),
            "seed {seed}: {} bad, first: {worst:?}",
            tally.bad.len()
        );
    }
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "seeds {first} to {}: {} states, {} distinct, 0 bad, {:.0} distinct states/s",
        first + seeds - 1,
        tally.states,
        tally.distinct,
        tally.distinct as f64 / seconds
    );
    assert!(
        tally.distinct >= STATES_MIN,
        "only {} distinct states",
        tally.distinct
    );
}

/// Looks for a bad state among some workloads with a planted fault.
fn finds(mut plan: Plan, seeds: u64) -> bool {
    (plan.seed + 1..=plan.seed + seeds).any(|seed| {
        plan.seed = seed;
        let mut tally = Tally::default();
        enumerate(&record(&plan), seed, true, &mut tally);
        if let Some(bad) = tally.bad.first() {
            println!("seed {seed}: found after {} states: {bad}", tally.distinct);
        }
        !tally.bad.is_empty()
    })
}

#[test]
fn a_missing_flush_before_the_superblock_is_found() {
    let plan = Plan {
        lost_flush: Some(0),
        ..Plan::new(0, false)
    };
    assert!(finds(plan, 7));
}

#[test]
fn a_missing_flush_after_the_superblock_is_found() {
    let plan = Plan {
        lost_flush: Some(1),
        ..Plan::new(0, false)
    };
    assert!(finds(plan, 7));
}

#[test]
fn blocks_given_out_too_early_are_found() {
    let plan = Plan {
        keep_generations: 0,
        ..Plan::new(4, true)
    };
    assert!(finds(plan, 7));
}

#[test]
fn the_same_search_finds_nothing_without_a_fault() {
    // The seeds are those with which the faults above are found.
    assert!(!finds(Plan::new(4, true), 1));
    assert!(!finds(Plan::new(0, false), 1));
}
