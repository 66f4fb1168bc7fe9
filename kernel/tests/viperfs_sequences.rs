//! All short sequences of operations on a fresh volume, with a power cut in each.
//!
//! Most crash faults of filesystems show with two or three operations on a handful of
//! names. Every sequence of one and two operations is recorded twice, with a sync after
//! each operation and with one at the end. `VIPERFS_SEQUENCES_LEN=3` asks for three
//! operations; `VIPERFS_SEQUENCES_PART=N` takes every Nth sequence.

mod support;

use std::collections::BTreeMap;
use std::time::Instant;

use kernel::block::MemoryDisk;
use kernel::fs::viperfs::{Case, Error, Place, RenameOptions, Volume};
use support::crash::{Effort, Recording, Tally, enumerate};
use support::fixture::{self, MIB};
use support::model::{Model, read_back};
use support::random::setting;
use support::recorder::Recorder;

/// A name below one of the two directories.
type Path = (&'static str, &'static str);

#[derive(Clone, Copy, Debug)]
enum Operation {
    Create(Path),
    MakeDir(Path),
    /// Offset (or the end) and length.
    Write(Path, Option<u64>, usize),
    Truncate(Path, u64),
    Unlink(Path),
    RemoveDir(Path),
    Rename(Path, Path),
}

use Operation::{Create, MakeDir, RemoveDir, Rename, Truncate, Unlink, Write};

const OPERATIONS: [Operation; 27] = [
    Create(("A", "bar")),
    Create(("B", "foo")),
    MakeDir(("A", "sub")),
    MakeDir(("B", "foo")),
    Write(("A", "foo"), Some(0), 100),
    Write(("A", "foo"), Some(5000), 5000),
    Write(("A", "foo"), None, 100),
    Write(("A", "foo"), Some(40_000), 4096),
    Write(("B", "bar"), None, 2000),
    Write(("A", "bar"), Some(0), 4096),
    Truncate(("A", "foo"), 0),
    Truncate(("A", "foo"), 3000),
    Truncate(("A", "foo"), 20_000),
    Truncate(("B", "bar"), 50),
    Unlink(("A", "foo")),
    Unlink(("A", "bar")),
    Unlink(("B", "bar")),
    RemoveDir(("A", "sub")),
    RemoveDir(("", "B")),
    Rename(("A", "foo"), ("A", "bar")),
    Rename(("A", "foo"), ("B", "bar")),
    Rename(("A", "foo"), ("B", "foo")),
    Rename(("B", "bar"), ("A", "foo")),
    Rename(("A", "sub"), ("B", "sub")),
    Rename(("", "A"), ("B", "A")),
    Rename(("", "A"), ("", "C")),
    Rename(("", "B"), ("A", "sub")),
];

fn start() -> Vec<u8> {
    let mut volume = fixture::volume(4 * MIB, 4096);
    let root = volume.root();
    let a = volume.create(root, b"A", fixture::new_dir(1)).unwrap();
    let b = volume.create(root, b"B", fixture::new_dir(1)).unwrap();
    let first = volume.create(a, b"foo", fixture::new_file(1)).unwrap();
    volume.write(first, 0, &[1; 6000], 1).unwrap();
    let bar = volume.create(b, b"bar", fixture::new_file(1)).unwrap();
    volume.write(bar, 0, &[2; 100], 1).unwrap();
    let (disk, outcome) = volume.unmount();
    outcome.unwrap();
    disk.into_bytes()
}

/// A volume and what should be on it.
struct Pair {
    volume: Volume<Recorder>,
    model: Model,
}

impl Pair {
    fn dir(&self, name: &str) -> Result<u64, Error> {
        if name.is_empty() {
            return Ok(self.model.root);
        }
        self.model.lookup(self.model.root, name.as_bytes())
    }

    /// Does the same to both; an error must be the same for both.
    fn apply(&mut self, operation: Operation) -> Result<(), Error> {
        match operation {
            Create(path) | MakeDir(path) => {
                let (dir, name) = (self.dir(path.0)?, path.1.as_bytes());
                let directory = matches!(operation, MakeDir(_));
                let new = if directory {
                    fixture::new_dir(2)
                } else {
                    fixture::new_file(2)
                };
                self.model.check_create(dir, name)?;
                let ino = self
                    .volume
                    .create(dir, name, new)
                    .expect("the model says it works");
                self.model.add(dir, name, ino, new.kind);
            }
            Write(path, offset, len) => {
                let ino = self
                    .model
                    .check_unlink(self.dir(path.0)?, path.1.as_bytes())?;
                let end = self.model.data_mut(ino).len() as u64;
                let offset = offset.unwrap_or(end);
                let data = vec![7; len];
                assert_eq!(self.volume.write(ino, offset, &data, 3), Ok(len));
                self.model.write(ino, offset as usize, &data);
            }
            Truncate(path, size) => {
                let ino = self
                    .model
                    .check_unlink(self.dir(path.0)?, path.1.as_bytes())?;
                self.volume
                    .truncate(ino, size, 3)
                    .expect("the model says it works");
                self.model.data_mut(ino).resize(size as usize, 0);
            }
            Unlink(path) | RemoveDir(path) => self.remove(operation, path)?,
            Rename(from, to) => self.rename(from, to)?,
        }
        Ok(())
    }

    fn remove(&mut self, operation: Operation, path: Path) -> Result<(), Error> {
        let (dir, name) = (self.dir(path.0)?, path.1.as_bytes());
        let directory = matches!(operation, RemoveDir(_));
        let (want, got) = if directory {
            let want = self.model.check_remove_dir(dir, name);
            (want, self.volume.remove_dir(dir, name, Case::Exact, 4))
        } else {
            let want = self.model.check_unlink(dir, name);
            (want, self.volume.unlink(dir, name, Case::Exact, 4))
        };
        assert_eq!(got, want.map(|_| ()));
        got?;
        self.model.remove(dir, name);
        Ok(())
    }

    fn rename(&mut self, from: Path, to: Path) -> Result<(), Error> {
        let (from, to) = ((self.dir(from.0)?, from.1), (self.dir(to.0)?, to.1));
        let (from, to) = ((from.0, from.1.as_bytes()), (to.0, to.1.as_bytes()));
        let options = RenameOptions {
            case: Case::Exact,
            replace: true,
        };
        let places = (
            Place {
                dir: from.0,
                name: from.1,
            },
            Place {
                dir: to.0,
                name: to.1,
            },
        );
        let got = self.volume.rename(places.0, places.1, options, 5);
        assert_eq!(got, self.model.check_rename(from, to, true).map(|_| ()));
        got?;
        self.model.rename(from, to);
        Ok(())
    }
}

/// Runs a sequence; `None` when one of its operations does nothing.
fn record(start: &[u8], sequence: &[Operation], sync_each: bool) -> Option<Recording> {
    let (recorder, log) = Recorder::new(MemoryDisk::from_bytes(start.to_vec()), None);
    let mut volume = fixture::mount(recorder);
    let model = read_back(&mut volume).unwrap();
    let first_generation = volume.generation();
    let mut commits = BTreeMap::from([(first_generation, vec![model.clone()])]);
    let mut pair = Pair { volume, model };
    for (index, operation) in sequence.iter().enumerate() {
        pair.apply(*operation).ok()?;
        if sync_each || index + 1 == sequence.len() {
            pair.volume.sync().unwrap();
            commits.insert(pair.volume.generation(), vec![pair.model.clone()]);
        }
    }
    let events = log.borrow().clone();
    Some(Recording {
        start: start.to_vec(),
        events,
        first_generation,
        commits,
    })
}

/// Sequences of this length by number.
fn sequence(mut number: usize, len: usize) -> Vec<Operation> {
    let mut chosen = Vec::new();
    for _ in 0..len {
        chosen.push(OPERATIONS[number % OPERATIONS.len()]);
        number /= OPERATIONS.len();
    }
    chosen
}

#[test]
fn every_short_sequence_survives_a_power_cut() {
    let longest = setting("VIPERFS_SEQUENCES_LEN", 2) as usize;
    let part = setting("VIPERFS_SEQUENCES_PART", 1).max(1) as usize;
    let started = Instant::now();
    let start = start();
    let effort = Effort {
        exhaustive_blocks: 4,
        random_subsets: 4,
    };
    let mut tally = Tally {
        effort,
        ..Tally::default()
    };
    let mut run = 0;
    for len in 1..=longest {
        for number in (0..OPERATIONS.len().pow(len as u32)).step_by(part) {
            for sync_each in [false, true] {
                let operations = sequence(number, len);
                let recording = record(&start, &operations, sync_each && len > 1);
                let Some(recording) = recording.filter(|_| len > 1 || !sync_each) else {
                    continue;
                };
                enumerate(&recording, number as u64, false, &mut tally);
                let bad = tally.bad.first();
                assert!(
                    bad.is_none(),
                    "{operations:?}, sync after each {sync_each}: {bad:?}"
                );
                run += 1;
            }
        }
    }
    println!(
        "{run} sequences, {} states, {} distinct, 0 bad, {:.1} s",
        tally.states,
        tally.distinct,
        started.elapsed().as_secs_f64()
    );
    assert!(run > 500 / part, "only {run} sequences do something");
}
