//! A device that fails: errors are passed on, and nothing acknowledged is lost.

mod support;

use std::cell::{Cell, RefCell};

use kernel::block::{self, BlockDevice, Completion, Limits, MemoryDisk, Request, Ticket};
use kernel::fs::viperfs::check::{CheckOptions, check};
use kernel::fs::viperfs::{Error, MountOptions, Volume};
use support::fixture::{self, MIB, new_file};
use support::model::{Model, difference, read_back};

/// What fails, counted from the moment it is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    Write(u64),
    Flush(u64),
    Read(u64),
}

/// A disk that fails on demand: at submission, or only when waited for.
struct Faulty {
    disk: MemoryDisk,
    fault: Cell<Fault>,
    late: bool,
    failed: RefCell<Vec<Ticket>>,
}

impl Faulty {
    fn hit(&self, request: &Request) -> bool {
        let (next, hit) = match (self.fault.get(), request) {
            (Fault::Write(0), Request::Write { .. }) => (Fault::Write(0), true),
            (Fault::Write(left), Request::Write { .. }) => (Fault::Write(left - 1), false),
            (Fault::Flush(0), Request::Flush) => (Fault::Flush(0), true),
            (Fault::Flush(left), Request::Flush) => (Fault::Flush(left - 1), false),
            (Fault::Read(0), Request::Read { .. }) => (Fault::Read(0), true),
            (Fault::Read(left), Request::Read { .. }) => (Fault::Read(left - 1), false),
            (fault, _) => (fault, false),
        };
        self.fault.set(next);
        hit
    }
}

impl BlockDevice for Faulty {
    fn submit(&self, request: Request) -> Result<Ticket, block::Error> {
        if !self.hit(&request) {
            return self.disk.submit(request);
        }
        if !self.late {
            return Err(block::Error::Failed);
        }
        let ticket = Ticket::new(u64::MAX - self.failed.borrow().len() as u64);
        self.failed.borrow_mut().push(Ticket::new(ticket.number()));
        Ok(ticket)
    }

    fn wait(&self, ticket: Ticket) -> Result<Completion, block::Error> {
        if self.failed.borrow().contains(&ticket) {
            return Err(block::Error::Failed);
        }
        self.disk.wait(ticket)
    }

    fn capacity(&self) -> u64 {
        self.disk.capacity()
    }

    fn limits(&self) -> Limits {
        self.disk.limits()
    }
}

/// A volume on a device that works so far, with a synced state.
fn prepare(late: bool) -> (Volume<Faulty>, Model) {
    let mut volume = fixture::volume(16 * MIB, 4096);
    let root = volume.root();
    for number in 0..30u8 {
        let ino = volume
            .create(root, &[b'a', number + b'A'], new_file(1))
            .unwrap();
        volume
            .write(ino, 0, &vec![number; usize::from(number) * 500], 1)
            .unwrap();
    }
    let (disk, outcome) = volume.unmount();
    outcome.unwrap();
    let device = Faulty {
        disk,
        fault: Cell::new(Fault::None),
        late,
        failed: RefCell::default(),
    };
    let mut volume = fixture::mount(device);
    let model = read_back(&mut volume).unwrap();
    (volume, model)
}

/// Changes something and syncs.
fn change(volume: &mut Volume<Faulty>) -> Result<(), Error> {
    let root = volume.root();
    let ino = volume.create(root, b"new", new_file(2))?;
    volume.write(ino, 0, &[7; 200_000], 2)?;
    volume.sync()
}

fn io_failure(outcome: Result<(), Error>) -> bool {
    matches!(
        outcome,
        Err(Error::Io {
            cause: block::Error::Failed,
            ..
        })
    )
}

/// What lies on the disk is one of these states, whole.
fn holds(volume: Volume<Faulty>, states: &[Model]) {
    let disk = volume.unmount().0.disk;
    let report = check(&disk, &CheckOptions { data: true }).unwrap();
    assert!(report.is_clean(), "{report}");
    let mut volume = fixture::mount(disk);
    let found = read_back(&mut volume).unwrap();
    let differences: Vec<_> = states
        .iter()
        .map(|state| difference(&found, state))
        .collect();
    assert!(differences.contains(&None), "{differences:?}");
}

fn a_lost_request_stops_the_volume(fault: impl Fn(u64) -> Fault, late: bool) -> u64 {
    for number in 0.. {
        let (mut volume, model) = prepare(late);
        let before = volume.generation();
        volume.device().fault.set(fault(number));
        let outcome = change(&mut volume);
        if outcome.is_ok() {
            // Beyond the last request of the commit; nothing else may be affected.
            assert!(!volume.is_read_only());
            return number;
        }
        assert!(io_failure(outcome), "{outcome:?}");
        assert!(
            volume.sync().is_err(),
            "what was lost is never acknowledged"
        );
        volume.device().fault.set(Fault::None);
        assert!(volume.sync().is_err(), "also when the device works again");
        let mut states = vec![model];
        let read = read_back(&mut volume);
        match fault(number) {
            // The superblock was written; whether it is there nobody can say.
            Fault::Flush(1) => states.extend(read),
            // What was lost on its way is an error, never wrong bytes.
            _ => assert!(
                matches!(read, Ok(_) | Err(Error::Corrupt { .. })),
                "reading goes on: {read:?}"
            ),
        }
        if volume.generation() == before {
            holds(volume, &states);
        }
    }
    unreachable!("a commit has an end")
}

#[test]
fn a_lost_write_is_never_acknowledged() {
    for late in [false, true] {
        let writes = a_lost_request_stops_the_volume(Fault::Write, late);
        assert!(writes >= 4, "the commit had {writes} writes");
    }
}

#[test]
fn a_failed_flush_is_never_acknowledged() {
    for late in [false, true] {
        assert_eq!(a_lost_request_stops_the_volume(Fault::Flush, late), 2);
    }
}

#[test]
fn a_device_that_cannot_read_gives_errors() {
    for late in [false, true] {
        let (mut volume, model) = prepare(late);
        volume.drop_caches();
        volume.device().fault.set(Fault::Read(0));
        let root = volume.root();
        assert!(matches!(volume.stat(root), Err(Error::Io { .. })));
        let made = volume.create(root, b"x", new_file(2));
        assert!(matches!(made, Err(Error::Io { .. })), "{made:?}");
        volume.device().fault.set(Fault::None);
        assert!(
            !volume.is_read_only(),
            "nothing was changed, nothing is lost"
        );
        assert!(volume.create(root, b"x", new_file(2)).is_ok());
        volume
            .unlink(root, b"x", kernel::fs::viperfs::Case::Exact, 3)
            .unwrap();
        holds(volume, &[model]);
    }
}

#[test]
fn a_device_that_cannot_read_is_not_taken_for_an_older_state() {
    let mut mounted = 0;
    for number in 0..20 {
        let (volume, model) = prepare(number % 2 == 0);
        let generation = volume.generation();
        let (device, outcome) = volume.unmount();
        outcome.unwrap();
        device.fault.set(Fault::Read(number));
        match Volume::mount(device, &MountOptions::default()) {
            Ok(volume) => {
                assert_eq!(volume.generation(), generation);
                volume.device().fault.set(Fault::None);
                holds(volume, &[model]);
                mounted += 1;
            }
            Err((_, error)) => assert!(matches!(error, Error::Io { .. }), "{error}"),
        }
    }
    assert!(
        (1..20).contains(&mounted),
        "some fail and some do not: {mounted}"
    );
}

#[test]
fn a_read_that_fails_now_and_then_never_does_half_an_operation() {
    // Each operation meets a failing device at a different depth of its way down.
    for cache_bytes in [0, 1 << 20] {
        let (volume, _) = prepare(false);
        let (device, _) = volume.unmount();
        let options = MountOptions {
            cache_bytes,
            ..MountOptions::default()
        };
        let mut volume = fixture::mount_with(device, &options);
        let root = volume.root();
        for step in 0..300u64 {
            if step % 3 == 0 {
                volume.drop_caches();
                volume.device().fault.set(Fault::Read(0));
            }
            let name = format!("n{}", step % 40).into_bytes();
            let _ = volume.create(root, &name, new_file(2));
            volume.device().fault.set(Fault::None);
            let _ = volume.unlink(root, &name, kernel::fs::viperfs::Case::Exact, 3);
        }
        let read_only = volume.is_read_only();
        let (device, outcome) = volume.unmount();
        assert_eq!(outcome.is_err(), read_only);
        let report = check(&device.disk, &CheckOptions { data: true }).unwrap();
        assert!(report.is_clean(), "{report}");
    }
}
