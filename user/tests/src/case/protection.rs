//! Memory: never code and data at once, never somebody else's.

use alloc::format;
use core::sync::atomic::Ordering;

use abi::memory::MapFlags;
use abi::process::FaultKind;
use abi::{Error, Rights, Syscall};
use rt::hostile::Code;
use rt::memory::Mapping;
use viper::fs;

use super::clones::in_copy;
use super::files::{path, put};
use super::{Case, Verdict};
use crate::hostile::run::{self, End};
use crate::{check, check_eq, need};

/// The tests.
pub const CASES: &[Case] = &[
    Case {
        name: "protection::code_cannot_be_written",
        run: own_code,
    },
    Case {
        name: "protection::data_cannot_be_executed",
        run: data,
    },
    Case {
        name: "protection::one_memory_is_not_both_by_two_mappings",
        run: aliases,
    },
    Case {
        name: "protection::the_lowest_pages_cannot_be_mapped",
        run: lowest,
    },
    Case {
        name: "protection::freed_pages_come_back_as_zeros",
        run: zeros,
    },
    Case {
        name: "protection::memory_that_goes_during_a_call_is_a_fault",
        run: disappearing,
    },
    Case {
        name: "protection::memory_that_changes_during_a_call_is_read_once",
        run: changing,
    },
    Case {
        name: "protection::results_hold_nothing_of_the_kernel",
        run: leftovers,
    },
];

const PAGE: usize = abi::PAGE_SIZE;
const READ_WRITE: MapFlags = MapFlags::READ.union(MapFlags::WRITE);
/// `str x0, [x1]` and `br x1`.
const STORE: u32 = 0xf900_0020;
const BRANCH: u32 = 0xd61f_0020;
/// `ret`, as two of them in a word.
const RETURNS: u64 = 0xd65f_03c0_d65f_03c0;

fn own_code() -> Verdict {
    let code = need!(Code::new(&[0xd503_201f]));
    for address in [own_code as fn() -> Verdict as usize as u64, code.address()] {
        let address = address & !7;
        let end = run::code(&[STORE], &[0, address], 0)?;
        check_eq!(end, End::Faulted(FaultKind::Write, address, 0));
    }
    // The control: what is data can be written.
    let mut word = 0u64;
    let address = core::ptr::from_mut(&mut word) as u64;
    check_eq!(run::code(&[STORE], &[0, address], 0)?, End::Exited(0));
    Ok(())
}

fn data() -> Verdict {
    let memory = need!(rt::memory::create(PAGE as u64));
    let shared = need!(Mapping::shared(memory.get(), 0, PAGE, READ_WRITE));
    let mut own = need!(Mapping::anonymous(PAGE, READ_WRITE));
    let bytes = own.bytes_mut().ok_or("not writable")?;
    bytes
        .chunks_exact_mut(8)
        .for_each(|word| word.copy_from_slice(&RETURNS.to_le_bytes()));
    let on_stack = [RETURNS; 2];
    let on_heap = alloc::boxed::Box::new([RETURNS; 2]);
    need!(put(&path("code"), &[0xc0; 4096]));
    let folder = need!(fs::open_directory(crate::selftest::FOLDER)).0;
    let flags = abi::fs::OpenFlags::READ | abi::fs::OpenFlags::WRITE;
    let (file, _) = need!(rt::directory::open(folder.get(), b"code", flags));
    let file = need!(rt::file::memory(file.get()));
    let mapped = need!(Mapping::shared(file.get(), 0, PAGE, MapFlags::READ));
    let places = [
        ("mapping", own.address() as u64),
        ("shared mapping", shared.address() as u64),
        ("file", mapped.address() as u64),
        ("stack", core::ptr::from_ref(&on_stack) as u64),
        ("heap", core::ptr::from_ref(&*on_heap) as u64),
    ];
    for (name, address) in places {
        let end = run::code(&[BRANCH], &[0, address], 0)?;
        let expected = End::Faulted(FaultKind::Execute, address, 0);
        let End::Faulted(kind, at, _) = end else {
            return Err(format!("{name}: {end:?}"));
        };
        check_eq!((name, End::Faulted(kind, at, 0)), (name, expected));
    }
    // The control: the same jump to code.
    let code = need!(Code::new(&[0xd280_00e0]));
    check_eq!(
        run::code(&[BRANCH], &[0, code.address()], 0)?,
        End::Exited(7)
    );
    Ok(())
}

fn aliases() -> Verdict {
    let memory = need!(rt::memory::create(PAGE as u64));
    let map = |flags: MapFlags| {
        run::error(
            Syscall::MemoryMap,
            &[memory.get().0, 0, PAGE as u64, 0, u64::from(flags.bits())],
        )
    };
    check_eq!(map(READ_WRITE)?, None);
    // A Memory that programs make has no right to be code.
    check!(
        !need!(rt::handle::info(memory.get()))
            .rights()
            .contains(Rights::EXECUTE)
    );
    let execute = MapFlags::READ | MapFlags::EXECUTE;
    check_eq!(map(execute)?, Some(Error::AccessDenied));
    check_eq!(map(execute | MapFlags::PRIVATE)?, Some(Error::AccessDenied));
    check!(map(READ_WRITE | MapFlags::EXECUTE)?.is_some());
    // Nor does it become code later.
    let mut mapping = need!(Mapping::shared(memory.get(), 0, PAGE, READ_WRITE));
    check_eq!(mapping.protect(execute), Err(Error::AccessDenied));
    Ok(())
}

fn lowest() -> Verdict {
    for address in [0, 0x1000, 0x8000, 0xf000] {
        let mapped = Mapping::anonymous_at(address, PAGE, READ_WRITE);
        check_eq!(mapped.err(), Some(Error::InvalidArgument));
        let mapped = Mapping::anonymous_at(address, 0x2_0000, READ_WRITE);
        check_eq!(mapped.err(), Some(Error::InvalidArgument));
        // Nor is it where the kernel puts what may lie anywhere.
        let arguments = [0, 0, PAGE as u64, address as u64, 1];
        let found = run::trace(Syscall::MemoryMap, &arguments)?;
        let [at, ..] = found.values;
        check!(found.error != 0 || at >= abi::USER_START);
    }
    for address in [
        abi::USER_END as usize - PAGE,
        abi::USER_END as usize,
        usize::MAX - PAGE + 1,
    ] {
        let mapped = Mapping::anonymous_at(address, 2 * PAGE, READ_WRITE);
        check_eq!(mapped.err(), Some(Error::InvalidArgument));
    }
    need!(Mapping::anonymous_at(
        abi::USER_START as usize,
        PAGE,
        READ_WRITE
    ));
    Ok(())
}

/// Bytes that one process fills with a secret, and another finds.
const SECRET_BYTES: usize = 6 << 20;
const SECRET: u64 = 0x5ec2_e75e_c2e7_5ec3;

fn zeros() -> Verdict {
    let fill = || match Mapping::anonymous(SECRET_BYTES, READ_WRITE) {
        Ok(pages) => {
            let words = pages.atomic_words().unwrap_or(&[]);
            words
                .iter()
                .for_each(|word| word.store(SECRET, Ordering::Relaxed));
            let all = words
                .iter()
                .all(|word| word.load(Ordering::Relaxed) == SECRET);
            u8::from(all)
        }
        Err(_) => 0,
    };
    check_eq!(in_copy(|_, _| fill())?, 1);
    let found = |pages: &Mapping| {
        let words = pages.atomic_words().unwrap_or(&[]);
        words
            .iter()
            .filter(|word| word.load(Ordering::Relaxed) != 0)
            .count()
    };
    let pages = need!(Mapping::anonymous(SECRET_BYTES, READ_WRITE));
    check_eq!(found(&pages), 0);
    let memory = need!(rt::memory::create(SECRET_BYTES as u64));
    let shared = need!(Mapping::shared(memory.get(), 0, SECRET_BYTES, READ_WRITE));
    check_eq!(found(&shared), 0);
    drop((pages, shared, memory));
    // The holes of a file, and what lies behind its end.
    need!(put(&path("sparse"), b"x"));
    let folder = need!(fs::open_directory(crate::selftest::FOLDER)).0;
    let flags = abi::fs::OpenFlags::READ | abi::fs::OpenFlags::WRITE;
    let (file, _) = need!(rt::directory::open(folder.get(), b"sparse", flags));
    need!(rt::file::truncate(file.get(), 100_000));
    let mut bytes = alloc::vec![1; 99_999];
    let mut done = 0usize;
    while done < bytes.len() {
        let rest = bytes.get_mut(done..).ok_or("?")?;
        let read = need!(rt::file::read_at(file.get(), 1 + done as u64, rest));
        check!(read > 0);
        done = done.saturating_add(read);
    }
    check!(bytes.iter().all(|byte| *byte == 0));
    let file = need!(rt::file::memory(file.get()));
    let own = READ_WRITE | MapFlags::PRIVATE;
    let mapped = need!(Mapping::shared(file.get(), 0, 25 * PAGE, own));
    check_eq!(found(&mapped), 1);
    Ok(())
}

/// Rounds of the races, each with a call on one side.
const ROUNDS: u64 = 3000;
/// Times that a race is run until both sides have won.
const ATTEMPTS: u32 = 20;

/// One thread takes the page away and gives it back while another has the kernel write to it.
fn disappearing() -> Verdict {
    let event = need!(rt::event::create());
    let (mut good, mut refused) = (0, 0);
    // Both have to happen, or nothing is tested; on a busy host one thread can be done
    // before the other runs.
    for _ in 0..ATTEMPTS {
        let count = need!(rt::hostile::vanishing_page(event.get(), ROUNDS));
        check_eq!(count.odd, 0);
        good += count.good;
        refused += count.refused;
        if good > 0 && refused > 0 {
            return Ok(());
        }
    }
    Err(format!("good {good}, refused {refused}"))
}

/// One thread changes a path while another has the kernel look it up: what is found is
/// what one of the two paths names.
fn changing() -> Verdict {
    need!(put(&path("aaaa"), b"1"));
    need!(put(&path("bbbb"), b"22"));
    let folder = need!(fs::open_directory(crate::selftest::FOLDER)).0;
    let paths = [*b"aaaa", *b"bbbb"];
    let count = need!(rt::hostile::changing_path(folder.get(), paths, ROUNDS));
    check_eq!(count.odd, 0);
    check!(count.good > 0 && count.other > 0);
    Ok(())
}

/// Fills the kernel's heap with a pattern, and looks for it in everything calls write.
fn leftovers() -> Verdict {
    const PATTERN: u64 = 0x1ea4_ed1e_a4ed_1ea4;
    let pattern = PATTERN.to_le_bytes();
    let found = crate::hostile::leak::words_written(PATTERN, || {
        let (near, far) = need!(rt::channel::create());
        for length in [8usize, 32, 64, 128, 256, 512, 1024, 4096, 65_536] {
            let message: alloc::vec::Vec<u8> =
                pattern.iter().copied().cycle().take(length).collect();
            for _ in 0..6 {
                need!(rt::channel::write(near.get(), &message, &[]));
            }
        }
        drop((near, far));
        Ok(())
    })?;
    check_eq!(found.hits, alloc::vec::Vec::<&str>::new());
    check!(found.calls >= 12);
    // The control: what does hold the pattern is found.
    check!(crate::hostile::leak::holds(&pattern, PATTERN));
    Ok(())
}
