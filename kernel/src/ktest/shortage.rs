//! Memory taken away, one request at a time.

use alloc::vec::Vec;

use crate::account::Resource;
use crate::arch;
use crate::fs::vfs::{File, OpenedNode};
use crate::mm::shortage::Length;
use crate::mm::{self, MapError, PAGE};
use crate::process::{LoadError, SpawnError, SpawnRequest, spawn};
use crate::sync::{Ref, WaitQueue};
use crate::time::now_ns;
use crate::workload::{Lab, RamDisk, STEPS, Stop, sweep, sweep_at_random};

use super::{Test, Verdict, check};

pub(super) const TESTS: &[Test] = &[
    Test {
        name: "shortage::every_refused_request_is_an_error_and_leaves_nothing_behind",
        run: sweeps,
    },
    Test {
        name: "shortage::refusals_at_random_leave_nothing_behind",
        run: random_sweeps,
    },
    Test {
        name: "shortage::a_leak_would_be_seen",
        run: planted_leak,
    },
];

const PROGRAM: &[u8] = b"program";
/// The host's sweep has others; here the machine differs.
const SEED: u64 = 7;
/// Pages that caches and spare slabs may take more than before.
const LEFT_MAX: u64 = 48;

fn lab() -> Result<Lab, alloc::string::String> {
    let disk = RamDisk::new(8 << 20).ok_or("no memory")?;
    Lab::new(&Ref::new(disk).map_err(|_| "no memory")?)
}

fn sweeps() -> Verdict {
    let lab = lab()?;
    put_program(&lab).map_err(|error| alloc::format!("{error:?}"))?;
    let steps = STEPS.iter().copied().chain([("spawn", run_program as _)]);
    // Fills the caches.
    for (_, step) in steps.clone() {
        sweep(&lab, step, Length::Lasting)?;
    }
    let before = mm::free_frames();
    let mut points = 0;
    for (name, step) in steps {
        let swept = sweep(&lab, step, Length::Once)?;
        check!(swept.points > 5);
        arch::semihosting_write(&alloc::format!("# {name}: {swept:?}\n"));
        points += swept.points;
    }
    let left = before.saturating_sub(mm::free_frames());
    arch::semihosting_write(&alloc::format!("# {points} points, {left} pages\n"));
    check!(left <= LEFT_MAX);
    Ok(())
}

fn random_sweeps() -> Verdict {
    let lab = lab()?;
    put_program(&lab).map_err(|error| alloc::format!("{error:?}"))?;
    let steps = STEPS.iter().copied().chain([("spawn", run_program as _)]);
    let mut points = 0;
    for (_, step) in steps {
        points += sweep_at_random(&lab, step, SEED, 60, 50)?.points;
    }
    check!(points > 60);
    Ok(())
}

fn planted_leak() -> Verdict {
    fn leaks(_: &Lab) -> Result<(), Stop> {
        for _ in 0..32 {
            let page = Ref::new([0u8; 4000]).map_err(|_| Stop::Refused)?;
            core::mem::forget(core::hint::black_box(page));
        }
        Ok(())
    }
    let lab = lab()?;
    let before = mm::free_frames();
    sweep(&lab, leaks, Length::Once)?;
    check!(before.saturating_sub(mm::free_frames()) > LEFT_MAX);
    Ok(())
}

/// A program that ends at once.
fn program() -> Vec<u8> {
    const CODE: [u32; 3] = [
        0xd280_0000, // mov x0, #0
        0xd280_00e8, // mov x8, #7: process_exit
        0xd400_0001, // svc #0
    ];
    let mut file = alloc::vec![0; 4096 + 4 * CODE.len()];
    let mut put = |at: usize, bytes: &[u8]| {
        if let Some(room) = file.get_mut(at..at + bytes.len()) {
            room.copy_from_slice(bytes);
        }
    };
    // The header of the file, then that of one segment (System V ABI, chapters 4 and 5).
    put(0, b"\x7fELF\x02\x01\x01");
    put(16, &3u16.to_le_bytes());
    put(18, &183u16.to_le_bytes());
    put(20, &1u32.to_le_bytes());
    put(24, &0x1000u64.to_le_bytes());
    put(32, &64u64.to_le_bytes());
    put(52, &64u16.to_le_bytes());
    put(54, &56u16.to_le_bytes());
    put(56, &1u16.to_le_bytes());
    put(64, &1u32.to_le_bytes());
    put(68, &5u32.to_le_bytes());
    put(96, &0x100cu64.to_le_bytes());
    put(104, &0x100cu64.to_le_bytes());
    put(112, &PAGE.to_le_bytes());
    for (number, word) in CODE.into_iter().enumerate() {
        put(4096 + 4 * number, &word.to_le_bytes());
    }
    file
}

fn open_program(lab: &Lab, flags: abi::fs::OpenFlags) -> Result<Ref<File>, abi::Error> {
    match lab.root.open(PROGRAM, flags)? {
        OpenedNode::File(file) => Ok(file),
        OpenedNode::Directory(_) => Err(abi::Error::IsDirectory),
    }
}

fn put_program(lab: &Lab) -> Result<(), abi::Error> {
    let file = open_program(lab, abi::fs::OpenFlags::CREATE)?;
    file.write_from(0, &program())?;
    file.sync()
}

/// Starts the program and waits until nothing is left of it.
fn run_program(lab: &Lab) -> Result<(), Stop> {
    let of_file = |error| match error {
        abi::Error::NoMemory => Stop::Refused,
        other => Stop::Wrong(alloc::format!("{other:?}")),
    };
    let file = open_program(lab, abi::fs::OpenFlags::empty()).map_err(of_file)?;
    let started = spawn(SpawnRequest {
        file: &file,
        name: b"program",
        parent: 0,
        job: lab.job.clone(),
        restrictions: crate::process::Restrictions::none(),
        blob: &[],
        handles: Vec::new(),
    });
    let outcome = match started {
        Ok(process) if ended(|| process.exit().is_some()) => Ok(()),
        Ok(_) => Err(Stop::Wrong("the program does not end".into())),
        Err(
            SpawnError::NoMemory
            | SpawnError::Load(LoadError::Map(MapError::NoMemory))
            | SpawnError::Load(LoadError::Read(abi::Error::NoMemory)),
        ) => Err(Stop::Refused),
        Err(error) => Err(Stop::Wrong(alloc::format!("spawn: {error:?}"))),
    };
    let nothing_left = || Resource::ALL.iter().all(|what| lab.group.used(*what) == 0);
    match ended(nothing_left) {
        true => outcome,
        false => Err(Stop::Wrong("something is left of the program".into())),
    }
}

/// Waits until a condition holds; false after a long time.
fn ended(condition: impl Fn() -> bool) -> bool {
    static NEVER_WOKEN: WaitQueue = WaitQueue::new();
    for _ in 0..5000 {
        if condition() {
            return true;
        }
        let deadline = now_ns().saturating_add(1_000_000);
        let _: Option<()> = NEVER_WOKEN.wait_until(deadline, || None);
    }
    false
}
