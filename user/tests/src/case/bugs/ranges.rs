//! Ranges of memory at which other kernels stopped.

use abi::fs::OpenFlags;
use abi::memory::MapFlags;
use abi::{Error, Syscall};
use rt::memory::Mapping;
use viper::fs;

use super::super::clones::in_copy;
use super::super::files::{path, put};
use super::super::{Case, Verdict};
use super::arguments::{PAGE, page};
use super::{all_fail, all_succeed};
use crate::hostile::batch::Fate;
use crate::hostile::run::{self, End};
use crate::selftest::FOLDER;
use crate::{check, check_eq, need};

/// The tests.
pub const CASES: &[Case] = &[
    Case {
        name: "bugs::bug_002_sizes_that_overflow_when_rounded",
        run: rounded_sizes,
    },
    Case {
        name: "bugs::bug_003_address_and_size_overflow",
        run: address_and_size,
    },
    Case {
        name: "bugs::bug_004_no_size_and_unknown_flags",
        run: no_size,
    },
    Case {
        name: "bugs::bug_005_mapping_far_into_a_file",
        run: far_offset,
    },
    Case {
        name: "bugs::bug_006_everything_unmapped",
        run: unmapped,
    },
];

/// The sizes of the first bug, and their neighbours.
const HUGE: [u64; 5] = [
    0xffff_ffff_ffff_f000,
    0xffff_ffff_ffff_f001,
    u64::MAX,
    1 << 63,
    (1 << 63) - 1,
];

/// Source: asterinas #1213.
fn rounded_sizes() -> Verdict {
    let page = page()?;
    let at = page.address() as u64;
    let errors = [Error::InvalidArgument, Error::NotFound];
    for size in HUGE {
        let calls: &[(Syscall, &[u64])] = &[
            (Syscall::MemoryMap, &[0, 0, size, 0, 1]),
            (Syscall::MemoryMap, &[0, 0, size, at, 17]),
            (Syscall::MemoryUnmap, &[at, size]),
            (Syscall::MemoryProtect, &[at, size, 1]),
            (Syscall::MemoryAdvise, &[at, size, 0]),
            (Syscall::MemoryAdvise, &[at, size, 1]),
            (Syscall::MemoryCreate, &[size]),
        ];
        all_fail(calls, &errors)?;
    }
    all_succeed(&[
        (Syscall::MemoryMap, &[0, 0, PAGE, 0, 1]),
        (Syscall::MemoryAdvise, &[at, PAGE, 1]),
        (Syscall::MemoryProtect, &[at, PAGE, 1]),
        (Syscall::MemoryUnmap, &[at, PAGE]),
        (Syscall::MemoryCreate, &[PAGE]),
    ])
}

/// Source: asterinas #2868.
fn address_and_size() -> Verdict {
    let memory = need!(rt::memory::create(PAGE));
    let handle = memory.get().0;
    for size in HUGE {
        let calls: &[(Syscall, &[u64])] = &[
            (Syscall::MemoryResize, &[handle, size]),
            (Syscall::MemoryMap, &[handle, size, PAGE, 0, 1]),
            (Syscall::MemoryMap, &[handle, 0, size, 0, 1]),
            (Syscall::MemoryMap, &[0, 0, size, abi::USER_END - PAGE, 17]),
            (Syscall::MemoryMap, &[0, 0, PAGE, size, 17]),
        ];
        all_fail(calls, &[Error::InvalidArgument, Error::LimitReached])?;
    }
    let end = abi::USER_END - PAGE;
    let beyond: &[(Syscall, &[u64])] = &[(Syscall::MemoryMap, &[0, 0, 2 * PAGE, end, 17])];
    all_fail(beyond, &[Error::InvalidArgument])?;
    all_succeed(&[
        (Syscall::MemoryResize, &[handle, 2 * PAGE]),
        (Syscall::MemoryMap, &[handle, 0, PAGE, 0, 1]),
    ])
}

/// Source: asterinas #1172, #1203, #1604.
fn no_size() -> Verdict {
    let page = page()?;
    let at = page.address() as u64;
    all_fail(
        &[
            (Syscall::MemoryMap, &[0, 0, 0, 0, 1]),
            (Syscall::MemoryMap, &[0, 0, PAGE, 0, 1 << 5]),
            (Syscall::MemoryMap, &[0, 0, PAGE, 0, u64::MAX]),
            (Syscall::MemoryMap, &[0, 0, PAGE, 0, 6]),
            (Syscall::MemoryMap, &[0, 1, PAGE, 0, 1]),
            (Syscall::MemoryUnmap, &[at, 0]),
            (Syscall::MemoryUnmap, &[at + 1, PAGE]),
            (Syscall::MemoryProtect, &[at, 0, 1]),
            (Syscall::MemoryProtect, &[at, PAGE, 6]),
            (Syscall::MemoryProtect, &[at, PAGE, 8]),
            (Syscall::MemoryAdvise, &[at, PAGE, 2]),
            (Syscall::MemoryCreate, &[0]),
        ],
        &[Error::InvalidArgument],
    )
}

/// Source: asterinas #1316, pages around a fault were counted below zero.
fn far_offset() -> Verdict {
    need!(put(&path("far"), &[7; 3 * 4096]));
    let folder = need!(fs::open_directory(FOLDER)).0;
    let flags = OpenFlags::READ | OpenFlags::WRITE;
    let (file, _) = need!(rt::directory::open(folder.get(), b"far", flags));
    let memory = need!(rt::file::memory(file.get()));
    let handle = memory.get().0;
    for offset in [1 << 62, (1 << 40) - PAGE, u64::MAX - 4095, 3 * PAGE] {
        let calls: &[(Syscall, &[u64])] = &[(Syscall::MemoryMap, &[handle, offset, PAGE, 0, 1])];
        all_fail(calls, &[Error::InvalidArgument])?;
    }
    // The last page alone: touching it has nothing around it to read.
    let last = need!(Mapping::shared(
        memory.get(),
        2 * PAGE,
        4096,
        MapFlags::READ
    ));
    let load = |address: usize| run::code(&[0xf940_0020], &[0, address as u64], 0);
    check_eq!(load(last.address())?, End::Exited(0x0707_0707));
    // What is cut off a file faults, and so does what was never mapped.
    need!(rt::file::truncate(file.get(), 4096));
    check!(matches!(load(last.address())?, End::Faulted(..)));
    check!(matches!(load(last.address() - 8)?, End::Faulted(..)));
    Ok(())
}

/// Source: asterinas #1194, a process without any mapping could not exit.
fn unmapped() -> Verdict {
    let all = abi::USER_END - abi::USER_START;
    let fate = run::calls(&[run::attack(Syscall::MemoryUnmap, &[abi::USER_START, all])])?;
    check!(matches!(fate.first(), Some(Fate::Ended(_))));
    // The kernel goes on, and so does who asked for it.
    check_eq!(need!(in_copy(|_, _| 3)), 3);
    Ok(())
}
