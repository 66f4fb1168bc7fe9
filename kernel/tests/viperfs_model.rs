//! Random operations on a volume against a reference filesystem in memory.
//!
//! `VIPERFS_MODEL_OPS` asks for more operations, `VIPERFS_SEED` for another seed.

mod support;

use kernel::block::MemoryDisk;
use kernel::fs::viperfs::{Case, Error, Kind, MountOptions, Place, RenameOptions, Volume, check};
use support::fixture::{self, MIB};
use support::model::{Model, difference, read_back};
use support::random::{Random, setting};

/// One run: a volume, its model and what was seen.
struct Run {
    volume: Option<Volume<MemoryDisk>>,
    model: Model,
    random: Random,
    options: MountOptions,
    max_file: u64,
    now: u64,
    full: u64,
    remounts: u64,
}

impl Run {
    fn new(seed: u64, bytes: usize, node_bytes: usize, cache_bytes: usize, max_file: u64) -> Run {
        let options = MountOptions {
            cache_bytes,
            ..MountOptions::default()
        };
        let volume = fixture::remount(fixture::volume(bytes, node_bytes), &options);
        let model = Model::new(volume.root());
        Run {
            volume: Some(volume),
            model,
            random: Random::new(seed),
            options,
            max_file,
            now: 10,
            full: 0,
            remounts: 0,
        }
    }

    fn volume(&mut self) -> &mut Volume<MemoryDisk> {
        self.volume.as_mut().expect("a volume is mounted")
    }

    fn name(&mut self) -> Vec<u8> {
        let number = self.random.below(60);
        // Names that differ only in case share an item.
        match self.random.below(4) {
            0 => format!("name-{number}").into_bytes(),
            1 => format!("NAME-{number}").into_bytes(),
            2 => format!("f{}-{}", number, "x".repeat(number as usize * 3)).into_bytes(),
            _ => format!("Datei-{number}-ä").into_bytes(),
        }
    }

    fn directory(&mut self) -> u64 {
        let all = self.model.directories();
        *self.random.pick(&all).expect("there is a root")
    }

    /// Any inode number, now and then of a wrong kind.
    fn any_directory(&mut self) -> u64 {
        if self.random.one_in(50) {
            let files = self.model.files();
            return self.random.pick(&files).copied().unwrap_or(9_999_999);
        }
        self.directory()
    }

    /// Compares two outcomes; running out of space is noted and accepted.
    fn same<T>(&mut self, what: &str, got: Result<T, Error>, want: Result<(), Error>) -> Option<T> {
        match (got, want) {
            (Ok(value), Ok(())) => Some(value),
            (Err(Error::NoSpace), _) => {
                self.full += 1;
                None
            }
            (Err(got), Err(want)) if got == want => None,
            (got, want) => panic!("{what}: got {:?}, expected {want:?}", got.map(|_| ())),
        }
    }

    fn step(&mut self) {
        self.now += 1;
        match self.random.below(100) {
            0..=21 => self.create(),
            22..=35 => self.unlink(),
            36..=40 => self.remove_dir(),
            41..=50 => self.rename(),
            51..=70 => self.write(),
            71..=77 => self.truncate(),
            78..=89 => self.read(),
            90..=94 => self.lookup(),
            95..=97 => self.sync(),
            98 => self.list(),
            _ => self.hold_and_unlink(),
        }
    }

    fn create(&mut self) {
        let (dir, name) = (self.any_directory(), self.name());
        let crowded = self.model.nodes.len() > 400;
        if crowded && !self.random.one_in(10) {
            return self.unlink();
        }
        let kind = if self.random.one_in(5) {
            Kind::Directory
        } else {
            Kind::File
        };
        let now = self.now;
        let new = if kind == Kind::File {
            fixture::new_file(now)
        } else {
            fixture::new_dir(now)
        };
        let got = self.volume().create(dir, &name, new);
        let want = self.model.check_create(dir, &name);
        if let Some(ino) = self.same("create", got, want) {
            self.model.add(dir, &name, ino, kind);
        }
    }

    fn existing(&mut self) -> (u64, Vec<u8>) {
        let dir = self.directory();
        let names: Vec<Vec<u8>> = self
            .model
            .entries(dir)
            .expect("a directory")
            .keys()
            .cloned()
            .collect();
        match self.random.pick(&names) {
            Some(name) if !self.random.one_in(20) => (dir, name.clone()),
            _ => (dir, self.name()),
        }
    }

    fn unlink(&mut self) {
        let (dir, name) = self.existing();
        let now = self.now;
        let got = self.volume().unlink(dir, &name, Case::Exact, now);
        let want = self.model.check_unlink(dir, &name).map(|_| ());
        assert_ne!(got, Err(Error::NoSpace), "deleting works on a full disk");
        if self.same("unlink", got, want).is_some() {
            self.model.remove(dir, &name);
        }
    }

    fn hold_and_unlink(&mut self) {
        let (dir, name) = self.existing();
        let Ok(ino) = self.model.check_unlink(dir, &name) else {
            return;
        };
        let now = self.now;
        let data = self.model.data_mut(ino).clone();
        let volume = self.volume();
        volume.hold(ino);
        volume
            .unlink(dir, &name, Case::Exact, now)
            .expect("the file is there");
        let mut read = vec![0; data.len() + 1];
        let len = volume
            .read(ino, 0, &mut read)
            .expect("a held file can be read");
        assert_eq!(read[..len], data, "a held file keeps its content");
        if now.is_multiple_of(3) {
            volume.sync().expect("the volume syncs");
        }
        volume.release(ino).expect("the last holder deletes it");
        assert_eq!(volume.stat(ino), Err(Error::NotFound));
        self.model.remove(dir, &name);
    }

    fn remove_dir(&mut self) {
        let (dir, name) = self.existing();
        let now = self.now;
        let got = self.volume().remove_dir(dir, &name, Case::Exact, now);
        let want = self.model.check_remove_dir(dir, &name).map(|_| ());
        if self.same("remove_dir", got, want).is_some() {
            self.model.remove(dir, &name);
        }
    }

    fn rename(&mut self) {
        let (from, old) = self.existing();
        let to = self.any_directory();
        let new = if self.random.one_in(3) {
            self.existing().1
        } else {
            self.name()
        };
        let replace = self.random.one_in(2);
        let options = RenameOptions {
            case: Case::Exact,
            replace,
        };
        let now = self.now;
        let places = (
            Place {
                dir: from,
                name: &old,
            },
            Place {
                dir: to,
                name: &new,
            },
        );
        let got = self.volume().rename(places.0, places.1, options, now);
        let want = self
            .model
            .check_rename((from, &old), (to, &new), replace)
            .map(|_| ());
        if self.same("rename", got, want).is_some() {
            self.model.rename((from, &old), (to, &new));
        }
    }

    fn file(&mut self) -> Option<u64> {
        let files = self.model.files();
        self.random.pick(&files).copied()
    }

    fn write(&mut self) {
        let Some(ino) = self.file() else { return };
        let size = self.model.data_mut(ino).len() as u64;
        let (offset, len) = match self.random.below(6) {
            0 => (self.random.below(1500), self.random.below(200)),
            1 => (size, self.random.below(600)),
            2 => (self.random.below(self.max_file), self.random.below(9000)),
            3 => (self.random.below(self.max_file / 4096) * 4096, 4096),
            4 => (
                size.min(self.max_file),
                self.random.below(self.max_file / 4),
            ),
            _ => (self.random.below(size + 1), self.random.below(5000)),
        };
        let data = self.random.bytes(len as usize);
        let now = self.now;
        let got = self.volume().write(ino, offset, &data, now);
        if let Some(done) = self.same("write", got, Ok(())) {
            assert!(done == data.len() || done.is_multiple_of(4096) || self.full > 0 || done > 0);
            self.model.write(ino, offset as usize, &data[..done]);
        }
    }

    fn truncate(&mut self) {
        let Some(ino) = self.file() else { return };
        let size = self.model.data_mut(ino).len() as u64;
        let to = match self.random.below(4) {
            0 => 0,
            1 => self.random.below(size + 1),
            2 => self.random.below(2000),
            _ => self.random.below(self.max_file),
        };
        let now = self.now;
        let got = self.volume().truncate(ino, to, now);
        if self.same("truncate", got, Ok(())).is_some() {
            self.model.data_mut(ino).resize(to as usize, 0);
        }
    }

    fn read(&mut self) {
        let Some(ino) = self.file() else { return };
        let want = self.model.data_mut(ino).clone();
        let offset = self.random.below(want.len() as u64 + 100);
        let len = self.random.below(20_000) as usize;
        let mut buffer = vec![0xaa; len];
        let got = self
            .volume()
            .read(ino, offset, &mut buffer)
            .expect("the file can be read");
        let start = want.len().min(offset as usize);
        let end = want.len().min(offset as usize + len);
        assert_eq!(buffer[..got], want[start..end], "file {ino} at {offset}");
    }

    fn lookup(&mut self) {
        let (dir, name) = self.existing();
        let got = self.volume().lookup(dir, &name, Case::Exact);
        match (got, self.model.lookup(dir, &name)) {
            (Ok(found), Ok(ino)) => assert_eq!(found.ino, ino),
            (Err(got), Err(want)) => assert_eq!(got, want),
            (got, want) => panic!("lookup: got {got:?}, expected {want:?}"),
        }
    }

    /// Lists a directory in pieces while entries come and go between them.
    fn list(&mut self) {
        let dir = self.directory();
        let want: Vec<Vec<u8>> = self
            .model
            .entries(dir)
            .expect("a directory")
            .keys()
            .cloned()
            .collect();
        let mut names = Vec::new();
        let mut cookie = 0;
        loop {
            let mut room = 1 + self.random.below(4);
            let before = names.len();
            self.volume()
                .read_dir(dir, cookie, |entry| {
                    if room == 0 {
                        return false;
                    }
                    room -= 1;
                    names.push(entry.name.to_vec());
                    cookie = entry.cookie;
                    true
                })
                .expect("the directory can be listed");
            if names.len() == before {
                break;
            }
        }
        names.sort();
        assert_eq!(names, want, "directory {dir} lists each entry once");
    }

    fn sync(&mut self) {
        match self.random.below(8) {
            0 => {
                let volume = self.volume.take().expect("a volume is mounted");
                self.volume = Some(fixture::remount(volume, &self.options));
                self.remounts += 1;
            }
            1 => self.volume().drop_caches(),
            _ => self.volume().sync().expect("the volume syncs"),
        }
    }

    fn compare(&mut self) {
        let found = read_back(self.volume()).expect("everything can be read");
        if let Some(text) = difference(&found, &self.model) {
            panic!("volume and model differ: {text}");
        }
    }

    fn go(mut self, steps: u64) -> (u64, u64) {
        for step in 0..steps {
            self.step();
            if step % 5000 == 4999 {
                self.compare();
            }
        }
        let volume = self.volume.take().expect("a volume is mounted");
        self.volume = Some(fixture::remount(volume, &self.options));
        self.compare();
        let volume = self.volume.take().expect("a volume is mounted");
        let (device, outcome) = volume.unmount();
        outcome.expect("the volume unmounts");
        let report = check::check(&device, &check::CheckOptions { data: true }).expect("it runs");
        assert!(report.is_clean(), "{report}");
        (self.full, self.remounts)
    }
}

fn run(seed: u64, mib: usize, node_bytes: usize, cache: usize, max_file: u64) -> (u64, u64) {
    let seed = setting("VIPERFS_SEED", seed);
    let steps = setting("VIPERFS_MODEL_OPS", 200_000) / 4;
    println!("seed {seed}, {steps} operations, {mib} MiB, nodes of {node_bytes}, cache {cache}");
    Run::new(seed, mib * MIB, node_bytes, cache, max_file).go(steps)
}

#[test]
fn a_roomy_volume_behaves_like_the_model() {
    let (full, remounts) = run(1, 256, 4096, 8 << 20, 300_000);
    assert_eq!(full, 0, "a roomy volume is never full");
    assert!(remounts > 10);
}

#[test]
fn a_small_cache_changes_nothing() {
    run(2, 64, 4096, 64 << 10, 200_000);
}

#[test]
fn a_full_volume_behaves_like_the_model() {
    let (full, _) = run(3, 6, 4096, 256 << 10, 400_000);
    assert!(full > 20, "the volume was full only {full} times");
}

#[test]
fn large_nodes_behave_like_the_model() {
    run(4, 64, 16384, 1 << 20, 100_000);
}
