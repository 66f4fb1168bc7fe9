//! Memory: mapping, sharing, protection.

use alloc::vec;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;

use abi::Error;
use abi::memory::MapFlags;
use rt::memory::Mapping;

use super::{Case, Verdict};
use crate::{check, check_eq, need};

/// The tests.
pub const CASES: &[Case] = &[
    Case {
        name: "memory::fresh_pages_are_zero",
        run: zero,
    },
    Case {
        name: "memory::never_writable_and_executable",
        run: write_xor_execute,
    },
    Case {
        name: "memory::a_memory_is_shared_by_its_mappings",
        run: shared,
    },
    Case {
        name: "memory::fixed_does_not_replace",
        run: fixed,
    },
    Case {
        name: "memory::bad_sizes_are_refused",
        run: bad_sizes,
    },
    Case {
        name: "memory::the_heap_takes_and_gives",
        run: heap,
    },
    Case {
        name: "memory::exhaustion_is_an_error",
        run: exhaustion,
    },
    Case {
        name: "memory::a_file_is_mapped_with_its_contents",
        run: file,
    },
];

const READ_WRITE: MapFlags = MapFlags::READ.union(MapFlags::WRITE);

fn zero() -> Verdict {
    for _ in 0..4 {
        let mut pages = need!(Mapping::anonymous(16 * 4096, READ_WRITE));
        let bytes = pages.bytes_mut().ok_or("not writable")?;
        check!(bytes.iter().all(|byte| *byte == 0));
        // So that the next round would find it, were pages not cleared.
        bytes.fill(0xa5);
    }
    Ok(())
}

fn write_xor_execute() -> Verdict {
    let all = READ_WRITE | MapFlags::EXECUTE;
    check_eq!(
        Mapping::anonymous(4096, all).err(),
        Some(Error::InvalidArgument)
    );
    let mut pages = need!(Mapping::anonymous(4096, READ_WRITE));
    check_eq!(pages.protect(all), Err(Error::InvalidArgument));
    check_eq!(
        pages.protect(MapFlags::WRITE | MapFlags::EXECUTE),
        Err(Error::InvalidArgument)
    );
    need!(pages.protect(MapFlags::READ | MapFlags::EXECUTE));
    need!(pages.protect(MapFlags::READ));
    check_eq!(pages.bytes().map(<[u8]>::len), Some(4096));
    need!(pages.protect(READ_WRITE));
    Ok(())
}

fn shared() -> Verdict {
    let memory = need!(rt::memory::create(8192));
    let one = need!(Mapping::shared(memory.get(), 0, 8192, READ_WRITE));
    let other = need!(Mapping::shared(memory.get(), 4096, 4096, READ_WRITE));
    drop(memory);
    let (one, other) = (one.atomics().ok_or("?")?, other.atomics().ok_or("?")?);
    let (near, far) = (one.get(4100).ok_or("?")?, other.get(4).ok_or("?")?);
    near.store(77, Ordering::Relaxed);
    check_eq!(far.load(Ordering::Relaxed), 77);
    far.store(78, Ordering::Relaxed);
    check_eq!(near.load(Ordering::Relaxed), 78);
    Ok(())
}

fn fixed() -> Verdict {
    let pages = need!(Mapping::anonymous(8192, READ_WRITE));
    let taken = Mapping::anonymous_at(pages.address(), 4096, READ_WRITE);
    check_eq!(taken.err(), Some(Error::AlreadyExists));
    let address = pages.address();
    drop(pages);
    let free = need!(Mapping::anonymous_at(address, 4096, READ_WRITE));
    check_eq!(free.address(), address);
    for address in [0, 0x8000, 1 << 47, usize::MAX & !4095] {
        check!(Mapping::anonymous_at(address, 4096, READ_WRITE).is_err() || address == 0);
    }
    Ok(())
}

fn bad_sizes() -> Verdict {
    check!(Mapping::anonymous(0, READ_WRITE).is_err());
    check!(Mapping::anonymous(1 << 48, READ_WRITE).is_err());
    check!(Mapping::anonymous(usize::MAX, READ_WRITE).is_err());
    check!(rt::memory::create(0).is_err());
    check!(rt::memory::create(u64::MAX).is_err());
    let memory = need!(rt::memory::create(4096));
    check!(Mapping::shared(memory.get(), 4096, 4096, READ_WRITE).is_err());
    check!(Mapping::shared(memory.get(), 0, 8192, READ_WRITE).is_err());
    check!(Mapping::shared(memory.get(), 1, 4096, READ_WRITE).is_err());
    check!(Mapping::shared(memory.get(), 0, 4096, READ_WRITE).is_ok());
    Ok(())
}

fn heap() -> Verdict {
    let mut blocks: Vec<Vec<u8>> = Vec::new();
    for round in 0..2000usize {
        let size = (round * 7919) % 5000 + 1;
        blocks.push(vec![round.to_le_bytes()[0]; size]);
        if round % 3 == 0 {
            let gone = blocks.swap_remove((round * 31) % blocks.len());
            let first = gone.first().copied().ok_or("empty")?;
            check!(gone.iter().all(|byte| *byte == first));
        }
    }
    Ok(())
}

fn exhaustion() -> Verdict {
    // More than any machine of the tests has: refused now or when it is touched, but
    // never at the cost of this process.
    let mut all: Vec<u8> = Vec::new();
    check!(all.try_reserve_exact(1 << 46).is_err());
    let mut some: Vec<u8> = Vec::new();
    check!(some.try_reserve_exact(1 << 20).is_ok());
    Ok(())
}

fn file() -> Verdict {
    let path = super::files::path("mapped");
    let bytes: Vec<u8> = (0..10_000u32).map(|n| (n % 251).to_le_bytes()[0]).collect();
    need!(super::files::put(&path, &bytes));
    let file = need!(viper::fs::File::open(&path));
    let handle = file.handle().ok_or("no handle")?;
    let memory = need!(rt::file::memory(handle.get()));
    let flags = MapFlags::READ | MapFlags::WRITE | MapFlags::PRIVATE;
    let pages = need!(Mapping::shared(memory.get(), 0, 3 * 4096, flags));
    let mapped = pages.atomics().ok_or("not readable")?;
    let same = bytes
        .iter()
        .zip(mapped)
        .all(|(byte, page)| *byte == page.load(Ordering::Relaxed));
    check!(same);
    // A private change does not reach the file.
    mapped.first().ok_or("empty")?.store(99, Ordering::Relaxed);
    check!(need!(super::files::get(&path)) == bytes);
    Ok(())
}
