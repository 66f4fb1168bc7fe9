//! What operations cost: bytes and flushes for each, and time as a trend.
//!
//! Bytes and flushes do not depend on the machine, so they have limits here; what they
//! are set against is in `docs/05-filesystem.md`. `VIPERFS_COST_FILES` asks for more
//! files.

mod support;

use std::cell::Cell;
use std::time::Instant;

use kernel::block::{BlockDevice, Completion, Error, Limits, MemoryDisk, Request, Ticket};
use kernel::fs::viperfs::check::{CheckOptions, check};
use kernel::fs::viperfs::{Case, MountOptions, Volume};
use support::fixture::{self, MIB};
use support::random::{Random, setting};

/// A disk that counts what it is asked for.
struct Meter {
    disk: MemoryDisk,
    counts: Cell<Counts>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    reads: u64,
    read_bytes: u64,
    writes: u64,
    written_bytes: u64,
    flushes: u64,
}

impl BlockDevice for Meter {
    fn submit(&self, request: Request) -> Result<Ticket, Error> {
        let mut counts = self.counts.get();
        match &request {
            Request::Read { buffer, .. } => {
                counts.reads += 1;
                counts.read_bytes += buffer.len() as u64;
            }
            Request::Write { buffer, .. } => {
                counts.writes += 1;
                counts.written_bytes += buffer.len() as u64;
            }
            Request::Flush => counts.flushes += 1,
            Request::Discard { .. } => {}
        }
        self.counts.set(counts);
        self.disk.submit(request)
    }

    fn wait(&self, ticket: Ticket) -> Result<Completion, Error> {
        self.disk.wait(ticket)
    }

    fn capacity(&self) -> u64 {
        self.disk.capacity()
    }

    fn limits(&self) -> Limits {
        self.disk.limits()
    }
}

struct Lab {
    volume: Volume<Meter>,
    files: u64,
}

/// Bytes and flushes for one operation.
#[derive(Clone, Copy, Debug)]
struct Cost {
    bytes: f64,
    flushes: f64,
}

impl Lab {
    fn new(mib: usize) -> Lab {
        let (disk, outcome) = fixture::volume(mib * MIB, 4096).unmount();
        outcome.unwrap();
        Lab {
            volume: mount(disk),
            files: setting("VIPERFS_COST_FILES", 20_000),
        }
    }

    /// Runs `count` operations and what makes them durable.
    fn measure(
        &mut self,
        what: &str,
        count: u64,
        mut run: impl FnMut(&mut Volume<Meter>, u64),
    ) -> Cost {
        let before = self.volume.device().counts.get();
        let started = Instant::now();
        for number in 0..count {
            run(&mut self.volume, number);
        }
        self.volume.sync().unwrap();
        let seconds = started.elapsed().as_secs_f64();
        let after = self.volume.device().counts.get();
        let per = |value: u64| value as f64 / count as f64;
        let cost = Cost {
            bytes: per(after.written_bytes - before.written_bytes),
            flushes: per(after.flushes - before.flushes),
        };
        println!(
            "{what}: {:.0} B/op, {:.3} flushes/op, {:.2} writes/op, {:.0} op/s",
            cost.bytes,
            cost.flushes,
            per(after.writes - before.writes),
            count as f64 / seconds
        );
        cost
    }

    fn directories(&mut self) -> Vec<u64> {
        let root = self.volume.root();
        let make = |n: u64| format!("d{n}").into_bytes();
        (0..100)
            .map(|n| {
                let made = self.volume.create(root, &make(n), fixture::new_dir(1));
                made.unwrap()
            })
            .collect()
    }
}

fn mount(disk: MemoryDisk) -> Volume<Meter> {
    let meter = Meter {
        disk,
        counts: Cell::default(),
    };
    let options = MountOptions {
        cache_bytes: 64 << 20,
        ..MountOptions::default()
    };
    fixture::mount_with(meter, &options)
}

fn name(number: u64) -> Vec<u8> {
    format!("file-{number:06}").into_bytes()
}

#[test]
fn creating_and_removing_many_files_is_cheap() {
    // Room for the content of more files, should they be asked for.
    let files = setting("VIPERFS_COST_FILES", 20_000);
    let mut lab = Lab::new(512 + files as usize / 100);
    let dirs = lab.directories();
    let dir = |number: u64| dirs[(number % 100) as usize];
    let empty = lab.measure("create empty, one sync", files, |volume, number| {
        volume
            .create(dir(number), &name(number), fixture::new_file(2))
            .unwrap();
    });
    let looked = lab.measure("look up", files, |volume, number| {
        volume
            .lookup(dir(number), &name(number * 7 % files), Case::Exact)
            .ok();
    });
    let removed = lab.measure("unlink empty, one sync", files, |volume, number| {
        volume
            .unlink(dir(number), &name(number), Case::Exact, 3)
            .unwrap();
    });
    let small = lab.measure("create 100 B", files, |volume, number| {
        let ino = volume
            .create(dir(number), &name(number), fixture::new_file(2))
            .unwrap();
        volume.write(ino, 0, &[5; 100], 2).unwrap();
    });
    let blocks = lab.measure("create 4 KiB", files, |volume, number| {
        let ino = volume
            .create(dir(number), &name(number + files), fixture::new_file(2))
            .unwrap();
        volume.write(ino, 0, &[6; 4096], 2).unwrap();
    });
    assert_eq!(looked.bytes, 0.0);
    assert!(empty.bytes <= 900.0, "{empty:?}");
    assert!(small.bytes <= 1_300.0, "{small:?}");
    assert!(blocks.bytes <= 5_400.0, "{blocks:?}");
    assert!(removed.bytes <= 500.0, "{removed:?}");
}

#[test]
fn large_writes_cost_what_they_hold() {
    let mut lab = Lab::new(256);
    let root = lab.volume.root();
    let ino = lab
        .volume
        .create(root, b"large", fixture::new_file(2))
        .unwrap();
    let chunk = Random::new(1).bytes(128 << 10);
    let written = lab.measure("write 128 KiB in sequence", 1000, |volume, number| {
        volume.write(ino, number * (128 << 10), &chunk, 2).unwrap();
    });
    assert!(written.bytes <= 1.02 * f64::from(128 << 10), "{written:?}");
    let mut random = Random::new(2);
    let over = lab.measure("overwrite 4 KiB at random", 8000, |volume, _| {
        volume
            .write(ino, random.below(16_000) * 4096, &chunk[..4096], 2)
            .unwrap();
    });
    assert!(over.bytes <= 6_500.0, "{over:?}");
    let mut buffer = vec![0; 128 << 10];
    lab.measure("read 128 KiB in sequence", 1000, |volume, number| {
        volume.read(ino, number * (128 << 10), &mut buffer).unwrap();
    });
}

#[test]
fn a_durable_change_has_two_flushes() {
    let mut lab = Lab::new(256);
    let root = lab.volume.root();
    let durable = lab.measure("create 4 KiB and sync", 2000, |volume, number| {
        let ino = volume
            .create(root, &name(number), fixture::new_file(2))
            .unwrap();
        volume.write(ino, 0, &[6; 4096], 2).unwrap();
        volume.fsync(ino).unwrap();
    });
    assert!((2.0..2.01).contains(&durable.flushes), "{durable:?}");
    // Two copies of a leaf and its branch, the root tree, a bitmap, three superblocks.
    assert!(durable.bytes <= 76_000.0, "{durable:?}");
    let idle = lab.measure("sync without a change", 1000, |volume, _| {
        volume.sync().unwrap()
    });
    assert_eq!((idle.bytes, idle.flushes), (0.0, 0.0));
}

#[test]
fn a_mount_reads_little() {
    let mut lab = Lab::new(512);
    let dirs = lab.directories();
    for number in 0..lab.files {
        let dir = dirs[(number % 100) as usize];
        lab.volume
            .create(dir, &name(number), fixture::new_file(2))
            .unwrap();
    }
    let (meter, outcome) = lab.volume.unmount();
    outcome.unwrap();
    let started = Instant::now();
    let mut volume = mount(meter.disk);
    let micros = started.elapsed().as_micros();
    let counts = volume.device().counts.get();
    println!("mount of {} files: {counts:?}, {micros} us", lab.files);
    assert!(
        counts.reads <= 10 && counts.written_bytes == 0,
        "{counts:?}"
    );
    volume.lookup(volume.root(), b"d1", Case::Exact).unwrap();
    let after = volume.device().counts.get();
    assert!(
        after.reads - counts.reads <= 4,
        "a look-up reads one way down: {after:?}"
    );
    let (meter, outcome) = volume.unmount();
    outcome.unwrap();
    let started = Instant::now();
    let report = check(&meter.disk, &CheckOptions { data: true }).unwrap();
    assert!(report.is_clean(), "{report}");
    println!("check: {report}, {} us", started.elapsed().as_micros());
}
