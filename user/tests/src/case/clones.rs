//! Copies of processes and of Memories, and programs that take the place of others.

use alloc::vec;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;

use abi::memory::MapFlags;
use abi::process::SpawnHandle;
use abi::startup::Tag;
use abi::{Error, Handle, Rights, Signals};
use rt::memory::Mapping;
use rt::process::Side;
use viper::fs;

use super::{Case, Verdict};
use crate::{check, check_eq, need};

/// The tests.
pub const CASES: &[Case] = &[
    Case {
        name: "clones::each_side_has_its_own_memory",
        run: memory,
    },
    Case {
        name: "clones::handles_that_may_be_duplicated_are_there",
        run: handles,
    },
    Case {
        name: "clones::registers_are_the_same",
        run: registers,
    },
    Case {
        name: "clones::many_leave_no_memory_behind",
        run: many,
    },
    Case {
        name: "clones::a_copy_of_a_copy_shares_and_splits",
        run: grandchildren,
    },
    Case {
        name: "clones::who_has_most_ends_when_memory_runs_out",
        run: exhausted,
    },
    Case {
        name: "clones::exec_runs_another_program_with_what_is_named",
        run: exec,
    },
    Case {
        name: "clones::exec_that_is_refused_changes_nothing",
        run: refused,
    },
    Case {
        name: "clones::memories_of_any_depth_are_isolated",
        run: memories,
    },
    Case {
        name: "clones::a_memory_grows_and_shrinks",
        run: resize,
    },
    Case {
        name: "clones::memory_rights_are_enforced",
        run: rights,
    },
    Case {
        name: "clones::forgotten_memory_reads_as_zeros",
        run: forgotten,
    },
];

const READ_WRITE: MapFlags = MapFlags::READ.union(MapFlags::WRITE);
const PAGE: usize = abi::PAGE_SIZE;

/// Runs `work` in a copy of this process; its result is the copy's return code.
pub fn in_copy(work: impl FnOnce(Handle, Handle) -> u8) -> Result<i32, alloc::string::String> {
    match need!(rt::process::clone()) {
        Side::Copy { process, thread } => rt::process::exit(i32::from(work(process, thread))),
        Side::Original(copy) => {
            need!(rt::handle::wait(
                copy.get(),
                Signals::TERMINATED,
                abi::NEVER
            ));
            Ok(need!(rt::process::info(copy.get())).exit_code)
        }
    }
}

fn memory() -> Verdict {
    let mut pages: Vec<u8> = vec![1; 10 * PAGE];
    let seen = in_copy(|_, _| {
        let before = pages.iter().all(|byte| *byte == 1);
        pages.fill(2);
        u8::from(before && pages.iter().all(|byte| *byte == 2))
    })?;
    check_eq!(seen, 1);
    check!(pages.iter().all(|byte| *byte == 1));
    // A Memory that is mapped shared is one and the same on both sides.
    let memory = need!(rt::memory::create(PAGE as u64));
    let shared = need!(Mapping::shared(memory.get(), 0, PAGE, READ_WRITE));
    let word = shared.atomic_words().and_then(<[_]>::first).ok_or("?")?;
    let add = |number| {
        word.fetch_add(number, Ordering::SeqCst);
        0
    };
    check_eq!(in_copy(|_, _| add(40))?, 0);
    add(2);
    check_eq!(word.load(Ordering::SeqCst), 42);
    Ok(())
}

fn handles() -> Verdict {
    let event = need!(rt::event::create());
    let all = Rights::from_bits_retain(need!(rt::handle::info(event.get())).rights);
    let bound = all.difference(Rights::DUPLICATE);
    let bound = need!(rt::handle::duplicate(event.get(), bound));
    let own = rt::startup::handle(Tag::OwnProcess).ok_or("no process")?;
    let id = need!(rt::process::info(own)).id;
    let code = in_copy(|process, thread| {
        let is_absent = rt::handle::info(bound.get()).err() == Some(Error::BadHandle);
        let is_there = rt::event::signal(event.get(), Signals::empty(), Signals::USER_0).is_ok();
        // What comes new does not take the number that is absent.
        let is_new = (0..200).all(|_| {
            let new = rt::event::create();
            let is_other = new.as_ref().is_ok_and(|new| new.get() != bound.get());
            core::mem::forget(new);
            is_other
        });
        let parent = rt::process::info(process).map(|info| (info.parent, info.threads));
        let is_child = parent == Ok((id, 1)) && rt::handle::info(thread).is_ok();
        u8::from(is_absent)
            | u8::from(is_there) << 1
            | u8::from(is_new) << 2
            | u8::from(is_child) << 3
    })?;
    check_eq!(code, 15);
    check!(rt::handle::info(bound.get()).is_ok());
    check_eq!(
        rt::handle::wait(event.get(), Signals::USER_0, abi::NOW).map(|raised| raised.bits()),
        Ok(Signals::USER_0.bits())
    );
    Ok(())
}

fn registers() -> Verdict {
    // More values than there are registers that calls need not keep, of both kinds.
    let whole: [u64; 12] = core::array::from_fn(|n| core::hint::black_box(n as u64 * 3));
    let real: [f64; 12] = core::array::from_fn(|n| core::hint::black_box(n as f64 * 0.5));
    let expected = (whole.iter().sum::<u64>(), real.iter().sum::<f64>());
    let code = in_copy(|_, _| {
        let now = (whole.iter().sum::<u64>(), real.iter().sum::<f64>());
        u8::from(now == expected)
    })?;
    check_eq!(code, 1);
    check!((whole.iter().sum::<u64>(), real.iter().sum::<f64>()) == expected);
    Ok(())
}

fn many() -> Verdict {
    let mut pages: Vec<u8> = vec![1; 64 * PAGE];
    let mut run = |count: usize| {
        for round in 0..count {
            check_eq!(
                in_copy(|_, _| {
                    pages.iter_mut().step_by(PAGE).for_each(|byte| *byte = 9);
                    7
                })?,
                7
            );
            if let Some(byte) = pages.get_mut(round % 64 * PAGE) {
                *byte = 1;
            }
        }
        Ok(())
    };
    run(20)?;
    let before = super::system::programs_memory()?;
    run(1000)?;
    super::processes::settles(before)
}

fn grandchildren() -> Verdict {
    let mut pages: Vec<u8> = vec![1; 4 * PAGE];
    let code = in_copy(|_, _| {
        pages.iter_mut().take(PAGE).for_each(|byte| *byte = 2);
        let below = in_copy(|_, _| {
            pages
                .iter_mut()
                .skip(PAGE)
                .take(PAGE)
                .for_each(|byte| *byte = 3);
            let first = |page: usize| pages.get(page * PAGE).copied().unwrap_or(0);
            first(0) * 10 + first(1)
        });
        let first = |page: usize| pages.get(page * PAGE).copied().unwrap_or(0);
        u8::from(below == Ok(23) && (first(0), first(1)) == (2, 1))
    })?;
    check_eq!(code, 1);
    check!(pages.iter().all(|byte| *byte == 1));
    Ok(())
}

/// Touches every page of fresh memory.
fn take(bytes: usize) -> rt::Result<Mapping> {
    let mut pages = Mapping::anonymous(bytes, READ_WRITE)?;
    if let Some(bytes) = pages.bytes_mut() {
        bytes.iter_mut().step_by(PAGE).for_each(|byte| *byte = 1);
    }
    Ok(pages)
}

fn exhausted() -> Verdict {
    const LEFT: u64 = 24 << 20;
    let info = super::system::memory_info()?;
    let most = (info.free + info.cache).saturating_sub(LEFT);
    let ready = need!(rt::event::create());
    let hog = match need!(rt::process::clone()) {
        Side::Copy { .. } => {
            let taken = take(usize::try_from(most).unwrap_or(0));
            let _ = rt::event::signal(ready.get(), Signals::empty(), Signals::USER_0);
            let _ = rt::thread::sleep_until(abi::NEVER);
            drop(taken);
            rt::process::exit(1)
        }
        Side::Original(copy) => copy,
    };
    need!(rt::event::wait(ready.get(), Signals::USER_0, abi::NEVER));
    check_eq!(need!(rt::process::info(hog.get())).exit_code, 0);
    // More than is left, but less than the other has: it ends, and this goes on.
    let bytes = usize::try_from(2 * LEFT).map_err(|_| "?")?;
    drop(need!(take(bytes)));
    need!(rt::handle::wait(hog.get(), Signals::TERMINATED, abi::NEVER));
    let info = need!(rt::process::info(hog.get()));
    check_eq!(info.state, abi::process::ProcessState::Faulted as u32);
    check_eq!(info.fault_kind, abi::process::FaultKind::NoMemory as u32);
    Ok(())
}

/// A row for a handle that is kept as it is.
fn kept(handle: Handle, tag: Tag) -> rt::Result<SpawnHandle> {
    Ok(SpawnHandle {
        handle,
        rights: rt::handle::info(handle)?.rights,
        tag: tag as u32,
        index: 0,
        moved: 1,
    })
}

/// The copy's handles for a program that only ends.
fn exec_child(process: Handle, code: &str) -> Option<Error> {
    let program = fs::open_program("SYS:Tests/Child").ok()?;
    let mut blob = [0; 64];
    let kind = abi::startup::EntryKind::Argument;
    let mut at = 0;
    for word in ["Child", "CODE", code] {
        let room = blob.get_mut(at..)?;
        at = at.checked_add(abi::startup::write_entry(room, kind, word.as_bytes())?)?;
    }
    let rows = [kept(process, Tag::OwnProcess).ok()?];
    Some(rt::process::exec(program.get(), blob.get(..at)?, &rows))
}

fn exec() -> Verdict {
    let code = in_copy(|process, _| {
        // Returns only where it fails.
        exec_child(process, "33").map_or(1, |_| 2)
    })?;
    check_eq!(code, 33);
    Ok(())
}

fn refused() -> Verdict {
    let no_program = need!(fs::open_program("SYS:S/Startup-Sequence"));
    let error = rt::process::exec(no_program.get(), &[], &[]);
    check_eq!(error, Error::NotExecutable);
    let program = need!(fs::open_program("SYS:Tests/Child"));
    let event = need!(rt::event::create());
    let mut row = need!(kept(event.get(), Tag::User));
    row.moved = 0;
    let error = rt::process::exec(program.get(), &[], &[row]);
    check_eq!(error, Error::InvalidArgument);
    row.moved = 1;
    row.rights = 0;
    let error = rt::process::exec(program.get(), &[], &[row]);
    check_eq!(error, Error::InvalidArgument);
    row.handle = Handle(77);
    let error = rt::process::exec(program.get(), &[], &[row]);
    check_eq!(error, Error::BadHandle);
    // A process of several threads keeps its program.
    let gate = need!(rt::event::create());
    let gate_handle = gate.get();
    let waiter = alloc::boxed::Box::new(move || {
        let _ = rt::event::wait(gate_handle, Signals::USER_0, abi::NEVER);
    });
    let thread = need!(rt::thread::spawn(rt::thread::STACK_BYTES, waiter));
    let error = rt::process::exec(program.get(), &[], &[]);
    need!(rt::event::signal(
        gate.get(),
        Signals::empty(),
        Signals::USER_0
    ));
    need!(thread.join());
    check_eq!(error, Error::BadState);
    check!(rt::handle::info(event.get()).is_ok());
    Ok(())
}

fn memories() -> Verdict {
    let mut chain = vec![need!(rt::memory::create(3 * PAGE as u64))];
    let mut views: Vec<Mapping> = Vec::new();
    for depth in 0..12u8 {
        let last = chain.last().ok_or("?")?.get();
        let view = need!(Mapping::shared(last, 0, 3 * PAGE, READ_WRITE));
        let bytes = view.atomics().ok_or("?")?;
        for (page, value) in [(0, depth), (1, 100)] {
            if page == 0 || depth == 0 {
                bytes
                    .get(page * PAGE)
                    .ok_or("?")?
                    .store(value, Ordering::Relaxed);
            }
        }
        chain.push(need!(rt::memory::clone(last)));
        views.push(view);
    }
    // Each still has what it had when the next was made, though all wrote since.
    let stored = views.get(5).and_then(Mapping::atomics).ok_or("?")?;
    stored.get(PAGE).ok_or("?")?.store(55, Ordering::Relaxed);
    for (depth, view) in views.iter().enumerate() {
        let bytes = view.atomics().ok_or("?")?;
        let load = |page: usize| {
            bytes
                .get(page * PAGE)
                .map(|byte| byte.load(Ordering::Relaxed))
        };
        check_eq!(load(0).map(usize::from), Some(depth));
        check_eq!(load(1), Some(if depth == 5 { 55 } else { 100 }));
        check_eq!(load(2), Some(0));
    }
    Ok(())
}

fn resize() -> Verdict {
    let memory = need!(rt::memory::create(PAGE as u64));
    check!(Mapping::shared(memory.get(), 0, 3 * PAGE, READ_WRITE).is_err());
    need!(rt::memory::resize(memory.get(), 3 * PAGE as u64));
    let view = need!(Mapping::shared(memory.get(), 0, 3 * PAGE, READ_WRITE));
    let last = view
        .atomics()
        .and_then(|bytes| bytes.get(2 * PAGE))
        .ok_or("?")?;
    last.store(9, Ordering::Relaxed);
    need!(rt::memory::resize(memory.get(), PAGE as u64));
    // A copy of this process that looks there dies of it.
    match need!(rt::process::clone()) {
        Side::Copy { .. } => rt::process::exit(i32::from(last.load(Ordering::Relaxed))),
        Side::Original(copy) => {
            need!(rt::handle::wait(
                copy.get(),
                Signals::TERMINATED,
                abi::NEVER
            ));
            let info = need!(rt::process::info(copy.get()));
            check_eq!(info.state, abi::process::ProcessState::Faulted as u32);
        }
    }
    need!(rt::memory::resize(memory.get(), 3 * PAGE as u64));
    check_eq!(last.load(Ordering::Relaxed), 0);
    for bytes in [0, u64::MAX, 1 << 41] {
        let refused = rt::memory::resize(memory.get(), bytes);
        check_eq!(refused, Err(Error::InvalidArgument));
    }
    Ok(())
}

fn rights() -> Verdict {
    let memory = need!(rt::memory::create(PAGE as u64));
    let all = Rights::from_bits_retain(need!(rt::handle::info(memory.get())).rights);
    for (needed, clones) in [
        (Rights::READ, true),
        (Rights::WRITE, false),
        (Rights::MAP, false),
    ] {
        let less = need!(rt::handle::duplicate(memory.get(), all.difference(needed)));
        let just = Rights::READ | Rights::WRITE | Rights::MAP;
        let enough = need!(rt::handle::duplicate(memory.get(), just));
        if clones {
            check_eq!(
                rt::memory::clone(less.get()).err(),
                Some(Error::AccessDenied)
            );
            check!(rt::memory::clone(enough.get()).is_ok());
        } else {
            let bytes = 2 * PAGE as u64;
            check_eq!(
                rt::memory::resize(less.get(), bytes),
                Err(Error::AccessDenied)
            );
            need!(rt::memory::resize(enough.get(), bytes));
        }
    }
    let event = need!(rt::event::create());
    check_eq!(rt::memory::clone(event.get()).err(), Some(Error::WrongType));
    check_eq!(rt::memory::clone(Handle(3)).err(), Some(Error::BadHandle));
    Ok(())
}

fn forgotten() -> Verdict {
    let mut pages = need!(Mapping::anonymous(8 * PAGE, READ_WRITE));
    pages.bytes_mut().ok_or("?")?.fill(3);
    let own = rt::startup::handle(Tag::OwnProcess).ok_or("no process")?;
    let before = need!(rt::process::info(own)).pages;
    need!(pages.forget());
    let after = need!(rt::process::info(own)).pages;
    check_eq!(before.saturating_sub(after), 8);
    check!(pages.bytes_mut().ok_or("?")?.iter().all(|byte| *byte == 0));
    Ok(())
}
