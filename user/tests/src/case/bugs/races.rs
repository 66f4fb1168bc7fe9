//! Races that other kernels lost, on as many CPUs as there are.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use core::time::Duration;

use abi::memory::MapFlags;
use abi::startup::Tag;
use abi::{Error, Handle, Rights, Signals};
use rt::OwnedHandle;
use rt::memory::Mapping;
use rt::process::Side;
use viper::thread;

use super::super::{Case, Verdict, accounts};
use crate::hostile::run::{self, End};
use crate::{check, check_eq, need};

/// The tests.
pub const CASES: &[Case] = &[
    Case {
        name: "bugs::bug_024_futexes_of_copies_and_of_shared_memory",
        run: futexes,
    },
    Case {
        name: "bugs::bug_036_handles_closed_while_they_are_used",
        run: closes,
    },
    Case {
        name: "bugs::bug_040_mappings_that_change_under_other_cpus",
        run: mappings,
    },
    Case {
        name: "bugs::bug_042_address_spaces_do_not_mix",
        run: spaces,
    },
    Case {
        name: "races::rights_taken_back_while_they_are_used",
        run: revoked,
    },
    Case {
        name: "races::handles_are_not_used_again_too_soon",
        run: reused,
    },
    Case {
        name: "races::rights_never_grow",
        run: rights,
    },
];

const READ_WRITE: MapFlags = MapFlags::READ.union(MapFlags::WRITE);

/// The first word of a mapping.
fn word_of(mapping: &Mapping) -> Result<&AtomicU32, String> {
    let words = mapping.futex_words();
    Ok(words.and_then(<[_]>::first).ok_or("no words")?)
}

/// Tries for a while to wake one thread that waits for a word; whether there was one.
fn wakes(word: &AtomicU32, rounds: u32) -> bool {
    (0..rounds).any(|_| {
        thread::sleep(Duration::from_millis(1));
        rt::futex::wake(word, 1) == Ok(1)
    })
}

/// Source: redox eb73fa82. Who waits for a word of its own is not woken by a copy of the
/// process, at the same address; who waits for a word of shared memory is woken by the copy,
/// and by another mapping of it.
fn futexes() -> Verdict {
    let memory = need!(rt::memory::create(8192));
    let shared = Arc::new(need!(Mapping::shared(memory.get(), 0, 8192, READ_WRITE)));
    let second = Arc::new(need!(Mapping::shared(memory.get(), 4096, 4096, READ_WRITE)));
    let own = Arc::new(need!(Mapping::anonymous(4096, READ_WRITE)));
    let (word, own_word) = (word_of(&shared)?, word_of(&own)?);
    let over = || rt::time::now().map(|now| now.saturating_add(60_000_000));
    let copy_that_wakes = |word: &AtomicU32, rounds: u32| match rt::process::clone() {
        Ok(Side::Original(process)) => Ok(process),
        Ok(Side::Copy { .. }) => rt::process::exit(i32::from(wakes(word, rounds))),
        Err(error) => Err(error),
    };
    let copy = need!(copy_that_wakes(own_word, 200));
    let deadline = need!(over());
    check_eq!(rt::futex::wait(own_word, 0, deadline), Err(Error::TimedOut));
    check_eq!(run::end_of(&copy, 0)?, End::Exited(0));
    let copy = need!(copy_that_wakes(word, 5000));
    check_eq!(rt::futex::wait(word, 0, abi::NEVER), Ok(()));
    check_eq!(run::end_of(&copy, 0)?, End::Exited(1));
    // The control: a thread of the same process wakes its own word, and one of the shared
    // memory through another mapping.
    for (waits, wakes_here, place) in [(own.clone(), own, 0), (shared, second, 1024)] {
        let waker = need!(thread::spawn(move || {
            word_of(&wakes_here).is_ok_and(|word| wakes(word, 5000))
        }));
        let word = waits.futex_words().and_then(|words| words.get(place));
        check_eq!(rt::futex::wait(word.ok_or("?")?, 0, abi::NEVER), Ok(()));
        check!(need!(waker.join()));
    }
    Ok(())
}

/// Source: redox dc33c679, a count below zero. Handles are made, used, duplicated and closed
/// by four threads at once, and nothing is left.
fn closes() -> Verdict {
    let own = rt::startup::handle(Tag::OwnProcess).ok_or("no handle to this process")?;
    let slots: Arc<[AtomicU64; 16]> = Arc::new([const { AtomicU64::new(0) }; 16]);
    // The table grows once, and its size stays.
    let wide: Vec<_> = (0..200).map(|_| rt::event::create()).collect();
    drop(wide);
    let handles = || rt::process::info(own).map(|info| info.handles);
    let before = need!(handles());
    let mut threads = Vec::new();
    for number in 0..4u64 {
        let slots = Arc::clone(&slots);
        threads.push(need!(thread::spawn(move || use_and_close(&slots, number))));
    }
    let mut used = 0u64;
    for thread in threads {
        used = used.saturating_add(need!(thread.join())?);
    }
    for slot in slots.iter() {
        drop(OwnedHandle::new(Handle(slot.swap(0, Ordering::AcqRel))));
    }
    // Some calls found a live handle, or nothing was raced for.
    check!(used > 100);
    accounts::eventually("handles are left, or gone", || {
        Ok(need!(handles()) == before)
    })
}

/// Rounds of each thread.
const ROUNDS: u64 = 4000;

/// Uses what others may be closing; how often it was still there.
fn use_and_close(slots: &[AtomicU64; 16], number: u64) -> Result<u64, String> {
    let mut dice = rt::hostile::Dice::new(number + 1);
    let mut used = 0u64;
    for _ in 0..ROUNDS {
        let Some(slot) = slots.get(dice.below(16) as usize) else {
            continue;
        };
        let handle = Handle(slot.load(Ordering::Acquire));
        let result = match dice.below(6) {
            0 => {
                let new = need!(rt::event::create()).into_raw();
                let old = slot.swap(new.0, Ordering::AcqRel);
                rt::handle::close(Handle(old))
            }
            1 => {
                let old = slot.swap(0, Ordering::AcqRel);
                rt::handle::close(Handle(old))
            }
            2 => rt::handle::duplicate(handle, Rights::WAIT).map(drop),
            3 => rt::event::signal(handle, Signals::empty(), Signals::USER_0),
            4 => rt::event::wait(handle, Signals::USER_0, abi::NOW).map(drop),
            _ => rt::handle::info(handle).map(drop),
        };
        match result {
            Ok(()) => used = used.saturating_add(1),
            Err(Error::BadHandle | Error::TimedOut) => {}
            Err(error) => return Err(alloc::format!("a race for a handle: {error:?}")),
        }
    }
    Ok(used)
}

/// Pages that all threads look at.
const SHARED_PAGES: usize = 4;

/// Source: asterinas #1264, a translation that was not forgotten. A page changes its place
/// in memory while others read through it: nobody ever sees what was there before.
fn mappings() -> Verdict {
    let memory = need!(rt::memory::create(4096 * SHARED_PAGES as u64));
    let window = Arc::new(need!(Mapping::shared(
        memory.get(),
        0,
        4096 * SHARED_PAGES,
        READ_WRITE
    )));
    let over = Arc::new(AtomicBool::new(false));
    let round = Arc::new(AtomicU64::new(1));
    let mut readers = Vec::new();
    for _ in 0..3 {
        let (window, over, round) = (Arc::clone(&window), Arc::clone(&over), Arc::clone(&round));
        readers.push(need!(thread::spawn(move || watch(&window, &over, &round))));
    }
    for number in 1..600u64 {
        round.store(number, Ordering::SeqCst);
        for page in 0..SHARED_PAGES {
            // One word further in each round; a stale page would keep the old ones.
            if let Some(word) = window
                .atomic_words()
                .and_then(|words| words.get(page * 512))
            {
                word.store(number, Ordering::SeqCst);
            }
        }
        churn(number)?;
    }
    over.store(true, Ordering::SeqCst);
    for reader in readers {
        let (looks, stale) = need!(reader.join());
        check_eq!(stale, 0);
        check!(looks > 0);
    }
    Ok(())
}

/// Maps, touches, protects and unmaps pages of the same addresses, each with other contents.
fn churn(number: u64) -> Verdict {
    const PLACE: usize = 0x3456_7890_0000;
    let mut pages = need!(Mapping::anonymous_at(PLACE, 2 * 4096, READ_WRITE));
    let words = pages.atomic_words().ok_or("not readable")?;
    let (first, second) = (words.first().ok_or("?")?, words.get(512).ok_or("?")?);
    // What was at this address in the last round is gone.
    check_eq!(
        (first.load(Ordering::SeqCst), second.load(Ordering::SeqCst)),
        (0, 0)
    );
    first.store(number, Ordering::SeqCst);
    second.store(number, Ordering::SeqCst);
    need!(pages.protect(MapFlags::READ));
    need!(pages.protect(READ_WRITE));
    let words = pages.atomic_words().ok_or("not readable")?;
    check_eq!(
        words.first().map(|word| word.load(Ordering::SeqCst)),
        Some(number)
    );
    Ok(())
}

/// Reads until it is over; how often, and how often it saw a round that was over before.
fn watch(window: &Mapping, over: &AtomicBool, round: &AtomicU64) -> (u64, u64) {
    let (mut looks, mut stale) = (0u64, 0u64);
    let mut last = [0u64; SHARED_PAGES];
    while !over.load(Ordering::SeqCst) {
        let least = round.load(Ordering::SeqCst).saturating_sub(1);
        for (page, last) in last.iter_mut().enumerate() {
            let words = window.atomic_words().unwrap_or(&[]);
            let seen = words
                .get(page * 512)
                .map_or(0, |word| word.load(Ordering::SeqCst));
            if seen < *last || seen < least {
                stale = stale.wrapping_add(1);
            }
            *last = seen;
        }
        looks = looks.wrapping_add(1);
        rt::thread::yield_now();
    }
    (looks, stale)
}

/// Processes that run at the same time, more than a build with few address space numbers
/// has of them.
const SPACES: u64 = 24;

/// Source: asterinas #3920. Each has a secret of its own at the same address, and looks for
/// it again and again; the test runs with 4-bit address space numbers, too.
fn spaces() -> Verdict {
    let secret = AtomicU64::new(0);
    let mut processes = Vec::new();
    for number in 1..=SPACES {
        match need!(rt::process::clone()) {
            Side::Original(process) => processes.push(process),
            Side::Copy { .. } => {
                secret.store(number, Ordering::SeqCst);
                let kept = (0..400u64).all(|_| {
                    rt::thread::yield_now();
                    secret.load(Ordering::SeqCst) == number
                });
                rt::process::exit(i32::from(kept))
            }
        }
    }
    for process in &processes {
        check_eq!(run::end_of(process, 0)?, End::Exited(1));
    }
    check_eq!(secret.load(Ordering::SeqCst), 0);
    Ok(())
}

/// A handle is taken back while another thread uses copies of it: each use succeeds or says
/// that it was taken back, and nothing is left.
fn revoked() -> Verdict {
    for _ in 0..40 {
        let event = need!(rt::event::create());
        let copy = need!(event.try_clone()).into_raw();
        let user = need!(thread::spawn(move || {
            let mut good = 0u64;
            loop {
                match rt::event::signal(copy, Signals::empty(), Signals::USER_0) {
                    Ok(()) => good = good.wrapping_add(1),
                    Err(error) => return (good, error),
                }
                match rt::handle::duplicate(copy, Rights::SIGNAL) {
                    Ok(_) => {}
                    Err(error) => return (good, error),
                }
            }
        }));
        thread::sleep(Duration::from_micros(300));
        need!(rt::handle::revoke(event.get()));
        let (_, error) = need!(user.join());
        check_eq!(error, Error::Revoked);
        need!(rt::handle::close(copy));
        // The original is as good as ever.
        need!(rt::event::signal(
            event.get(),
            Signals::empty(),
            Signals::USER_0
        ));
    }
    Ok(())
}

/// Handles that take the place of a closed one.
const SUCCESSORS: u32 = 70_000;

/// A closed handle stays bad, however many have taken its place.
fn reused() -> Verdict {
    let first = need!(rt::event::create()).into_raw();
    need!(rt::handle::close(first));
    for round in 0..SUCCESSORS {
        let next = need!(rt::event::create());
        check!(next.get() != first);
        if round % 1000 == 0 {
            check_eq!(rt::handle::info(first).err(), Some(Error::BadHandle));
        }
    }
    check_eq!(rt::handle::close(first), Err(Error::BadHandle));
    // The number of a handle here means nothing in a process that is no copy of this one.
    let event = need!(rt::event::create());
    let text = alloc::format!("{}", event.get().0);
    let child = viper::process::Command::new("SYS:Tests/Child")
        .arg("HAS")
        .arg(&text);
    let status = need!(need!(child.spawn()).wait());
    check_eq!(status.rc().code(), crate::child::BAD_HANDLE);
    Ok(())
}

/// Steps of the walk.
const STEPS: u64 = 20_000;

/// Copies of copies with random rights: none ever has one that its origin had not.
fn rights() -> Verdict {
    let event = need!(rt::event::create());
    let all = need!(rt::handle::info(event.get())).rights();
    let (near, far) = need!(rt::channel::create());
    let mut dice = rt::hostile::Dice::new(17);
    let mut handle = need!(event.try_clone());
    let (mut may, mut refused, mut given) = (all, 0u64, 0u64);
    for _ in 0..STEPS {
        let any = Rights::from_bits_truncate(dice.roll() as u32 | dice.roll() as u32);
        let wanted = match dice.below(2) {
            0 => any,
            _ => any.intersection(may),
        };
        let expected = may.contains(Rights::DUPLICATE) && may.contains(wanted);
        match rt::handle::duplicate(handle.get(), wanted) {
            Ok(copy) => {
                check!(expected);
                check_eq!(need!(rt::handle::info(copy.get())).rights(), wanted);
                (handle, may, given) = (copy, wanted, given + 1);
            }
            Err(Error::AccessDenied) => {
                check!(!expected);
                refused += 1;
            }
            Err(Error::LimitReached) => {}
            Err(error) => return Err(alloc::format!("a copy: {error:?}")),
        }
        // A journey through a channel changes nothing; without TRANSFER there is none.
        if may.contains(Rights::TRANSFER) {
            let raw = handle.into_raw();
            need!(rt::channel::write(near.get(), b"", &[raw]));
            let mut arrived = [Handle::NONE];
            need!(rt::channel::read(far.get(), &mut [], &mut arrived));
            handle = OwnedHandle::new(arrived[0]);
            check_eq!(need!(rt::handle::info(handle.get())).rights(), may);
        } else {
            let denied = rt::channel::write(near.get(), b"", &[handle.get()]);
            check_eq!(denied, Err(Error::AccessDenied));
        }
        if !may.contains(Rights::DUPLICATE) || dice.below(20) == 0 {
            handle = need!(event.try_clone());
            may = all;
        }
    }
    check!(refused > 100 && given > 10);
    Ok(())
}
