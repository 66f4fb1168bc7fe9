//! Power cuts at every moment of a workload, with every order of unflushed writes.
//!
//! `VIPERFS_CRASH_SEEDS` asks for more workloads, `VIPERFS_SEED` for other ones.

mod support;

use std::collections::BTreeMap;
use std::time::Instant;

use kernel::block::MemoryDisk;
use kernel::fs::viperfs::{Case, Error, MountOptions, Place, RenameOptions, Volume};
use support::crash::{Recording, Tally, enumerate};
use support::fixture::{self, MIB};
use support::model::{Model, read_back};
use support::random::{Random, setting};
use support::recorder::Recorder;

/// States that every run has to look at.
const STATES_MIN: u64 = 20_000;

/// How a workload is made.
#[derive(Clone, Copy)]
struct Plan {
    seed: u64,
    steps: u64,
    /// Fill the volume first, so that blocks are used again at once.
    crowded: bool,
    lost_flush: Option<u64>,
    keep_generations: u8,
}

impl Plan {
    fn new(seed: u64, crowded: bool) -> Plan {
        Plan {
            seed,
            steps: 24,
            crowded,
            lost_flush: None,
            keep_generations: 2,
        }
    }
}

/// A volume at work, its model, and the commits so far.
struct Work {
    volume: Volume<Recorder>,
    model: Model,
    commits: BTreeMap<u64, Vec<Model>>,
    random: Random,
}

/// Prepares a disk: some directories and files, or hardly any room.
fn prepare(plan: &Plan) -> MemoryDisk {
    let mut volume = fixture::volume(if plan.crowded { 4 } else { 16 } * MIB, 4096);
    let root = volume.root();
    for name in [b"one", b"two"] {
        let dir = volume.create(root, name, fixture::new_dir(1)).unwrap();
        for number in 0..6u8 {
            let file = volume
                .create(dir, &[b'a' + number], fixture::new_file(1))
                .unwrap();
            volume
                .write(file, 0, &vec![number; 700 * number as usize], 1)
                .unwrap();
        }
    }
    if plan.crowded {
        let filler = volume
            .create(root, b"filler", fixture::new_file(1))
            .unwrap();
        let mut size = 0;
        while let Ok(done) = volume.write(filler, size, &[9; 4096], 1) {
            size += done as u64;
        }
    }
    let (disk, outcome) = volume.unmount();
    outcome.unwrap();
    disk
}

fn record(plan: &Plan) -> Recording {
    let disk = prepare(plan);
    let start = disk.with_bytes(|bytes| bytes.to_vec());
    let (recorder, log) = Recorder::new(disk, plan.lost_flush);
    let options = MountOptions {
        keep_generations: plan.keep_generations,
        cache_bytes: 1 << 20,
        ..MountOptions::default()
    };
    let mut volume = fixture::mount_with(recorder, &options);
    let model = read_back(&mut volume).unwrap();
    let first_generation = volume.generation();
    let commits = BTreeMap::from([(first_generation, vec![model.clone()])]);
    let mut work = Work {
        volume,
        model,
        commits,
        random: Random::new(plan.seed),
    };
    for _ in 0..plan.steps {
        work.step();
    }
    let events = log.borrow().clone();
    Recording {
        start,
        events,
        first_generation,
        commits: work.commits,
    }
}

impl Work {
    /// One operation, and now and then a sync.
    fn step(&mut self) {
        let before = self.model.clone();
        let generation = self.volume.generation();
        self.operation();
        for made in generation + 1..=self.volume.generation() {
            self.commits
                .insert(made, vec![before.clone(), self.model.clone()]);
        }
        if self.random.one_in(2) {
            let generation = self.volume.generation();
            self.volume.sync().unwrap();
            if self.volume.generation() > generation {
                self.commits
                    .insert(generation + 1, vec![self.model.clone()]);
            }
        }
    }

    fn place(&mut self) -> (u64, Vec<u8>) {
        let dirs = self.model.directories();
        let dir = *self.random.pick(&dirs).unwrap();
        (dir, vec![b'a' + self.random.below(8) as u8])
    }

    fn operation(&mut self) {
        let (dir, name) = self.place();
        match self.random.below(10) {
            0 | 1 => self.create(dir, &name),
            2 | 3 => self.unlink(dir, &name),
            4 => self.rename(dir, &name),
            5 => self.truncate(),
            _ => self.write(),
        }
    }

    fn create(&mut self, dir: u64, name: &[u8]) {
        let directory = self.random.one_in(4);
        let new = if directory {
            fixture::new_dir(2)
        } else {
            fixture::new_file(2)
        };
        match (
            self.volume.create(dir, name, new),
            self.model.check_create(dir, name),
        ) {
            (Ok(ino), Ok(())) => self.model.add(dir, name, ino, new.kind),
            (Err(Error::NoSpace), _) => {}
            (got, want) => assert_eq!(got.map(|_| ()), want),
        }
    }

    fn unlink(&mut self, dir: u64, name: &[u8]) {
        let got = self.volume.unlink(dir, name, Case::Exact, 3);
        assert_eq!(got, self.model.check_unlink(dir, name).map(|_| ()));
        if got.is_ok() {
            self.model.remove(dir, name);
        }
    }

    fn rename(&mut self, dir: u64, name: &[u8]) {
        let (to, new) = self.place();
        let options = RenameOptions {
            case: Case::Exact,
            replace: true,
        };
        let places = (
            Place { dir, name },
            Place {
                dir: to,
                name: &new,
            },
        );
        let got = self.volume.rename(places.0, places.1, options, 4);
        let want = self
            .model
            .check_rename((dir, name), (to, &new), true)
            .map(|_| ());
        if got != Err(Error::NoSpace) {
            assert_eq!(got, want);
        }
        if got.is_ok() {
            self.model.rename((dir, name), (to, &new));
        }
    }

    fn file(&mut self) -> Option<u64> {
        let files = self.model.files();
        self.random.pick(&files).copied()
    }

    fn write(&mut self) {
        let Some(ino) = self.file() else { return };
        let size = self.model.data_mut(ino).len() as u64;
        let (offset, len) = match self.random.below(4) {
            0 => (0, self.random.below(900)),
            1 => (size.min(60_000), self.random.below(3000)),
            2 => (self.random.below(20_000), 4096),
            _ => (self.random.below(size + 1), self.random.below(12_000)),
        };
        let data = self.random.bytes(len as usize);
        match self.volume.write(ino, offset, &data, 5) {
            Ok(done) => self.model.write(ino, offset as usize, &data[..done]),
            Err(error) => assert_eq!(error, Error::NoSpace),
        }
    }

    fn truncate(&mut self) {
        let Some(ino) = self.file() else { return };
        let size = self
            .random
            .below(self.model.data_mut(ino).len() as u64 + 3000);
        match self.volume.truncate(ino, size, 6) {
            Ok(()) => self.model.data_mut(ino).resize(size as usize, 0),
            Err(error) => assert_eq!(error, Error::NoSpace),
        }
    }
}

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
