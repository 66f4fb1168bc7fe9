//! Small workloads with many commits, and what each commit holds.

use std::collections::BTreeMap;

use kernel::block::MemoryDisk;
use kernel::fs::viperfs::{Case, Error, MountOptions, Place, RenameOptions, Volume};

use super::crash::Recording;
use super::fixture::{self, MIB};
use super::model::{Model, read_back};
use super::random::Random;
use super::recorder::Recorder;

/// How a workload is made.
#[derive(Clone, Copy)]
pub struct Plan {
    pub seed: u64,
    pub steps: u64,
    /// Fill the volume first, so that blocks are used again at once.
    pub crowded: bool,
    /// Drop the first (0) or second (1) flush of each commit.
    pub lost_flush: Option<u64>,
    pub keep_generations: u8,
}

impl Plan {
    pub fn new(seed: u64, crowded: bool) -> Plan {
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

/// Runs a workload and records what reached the disk.
pub fn record(plan: &Plan) -> Recording {
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
