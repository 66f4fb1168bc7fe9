//! Locks that lend the holder the urgency of those that wait.

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;

use abi::Error;
use abi::job::JobResource;
use rt::inherit::{RawLock, Taken};
use viper::process::Job;
use viper::sync::{PiCondvar, PiMutex};
use viper::thread;

use super::scheduling::share;
use super::{Case, Verdict};
use crate::inversion::{AFTER, BEFORE};
use crate::{check, check_eq, need};

/// The tests.
pub const CASES: &[Case] = &[
    Case {
        name: "locks::keep_others_out",
        run: exclusion,
    },
    Case {
        name: "locks::conditions_are_waited_for",
        run: conditions,
    },
    Case {
        name: "locks::an_urgent_thread_does_not_wait_for_a_lesser_one",
        run: inversion,
    },
    Case {
        name: "locks::waiting_in_a_circle_is_refused",
        run: circle,
    },
    Case {
        name: "locks::a_holder_that_ends_is_noticed",
        run: abandoned,
    },
    Case {
        name: "locks::deadlines_are_kept",
        run: deadlines,
    },
    Case {
        name: "locks::words_that_are_none",
        run: words,
    },
];

fn exclusion() -> Verdict {
    const TURNS: u64 = 3_000;
    let counter = Arc::new(PiMutex::new((0u64, 0u64)));
    let mut threads = Vec::new();
    for _ in 0..4 {
        let counter = Arc::clone(&counter);
        threads.push(need!(thread::spawn(move || {
            for _ in 0..TURNS {
                let mut both = counter.lock()?;
                both.0 += 1;
                if both.0 % 64 == 0 {
                    thread::yield_now();
                }
                both.1 += 1;
                if both.0 != both.1 {
                    return Err(Error::BadState);
                }
            }
            Ok(())
        })));
    }
    for thread in threads {
        check_eq!(need!(thread.join()), Ok(()));
    }
    check_eq!(*need!(counter.lock()), (4 * TURNS, 4 * TURNS));
    check!(counter.try_lock().is_some());
    Ok(())
}

fn conditions() -> Verdict {
    const TURNS: u32 = 300;
    let shared = Arc::new((PiMutex::new(0u32), PiCondvar::new()));
    let other = Arc::clone(&shared);
    let turn = |shared: &(PiMutex<u32>, PiCondvar), mine: u32| -> Result<(), Error> {
        let (lock, changed) = shared;
        let mut guard = lock.lock()?;
        while *guard < TURNS {
            if *guard % 2 == mine {
                *guard += 1;
                changed.notify_all();
            } else {
                guard = changed.wait(guard)?;
            }
        }
        Ok(())
    };
    let thread = need!(thread::spawn(move || turn(&other, 1)));
    need!(turn(&shared, 0));
    check_eq!(need!(thread.join()), Ok(()));
    check_eq!(*need!(shared.0.lock()), TURNS);
    Ok(())
}

/// Runs until it comes out as it has to, a few times at most: a host that takes the machine's
/// CPU away uses up the real-time budget of the threads.
fn inversion() -> Verdict {
    let job = need!(Job::new());
    need!(job.set_limit(JobResource::RealTime, 9_000));
    for (how, wanted) in [("INHERIT", BEFORE), ("PLAIN", AFTER)] {
        let mut seen = Vec::new();
        while seen.last() != Some(&i32::from(wanted)) {
            if seen.len() == 6 {
                return Err(format!("{how}: {seen:?}, never {wanted}"));
            }
            seen.push(share(how, &job, true)?);
        }
    }
    Ok(())
}

fn circle() -> Verdict {
    let lock = PiMutex::new(());
    let guard = need!(lock.lock());
    check_eq!(lock.lock().err(), Some(Error::BadState));
    drop(guard);
    // Two that each hold what the other wants: one of them is told, and lets go.
    let locks = Arc::new([PiMutex::new(()), PiMutex::new(())]);
    let ready = Arc::new(AtomicU32::new(0));
    let (others, other_ready) = (Arc::clone(&locks), Arc::clone(&ready));
    let both = |locks: &[PiMutex<()>; 2], ready: &AtomicU32, first: usize| -> Result<(), Error> {
        let [one, two] = locks;
        let (mine, wanted) = if first == 0 { (one, two) } else { (two, one) };
        let _mine = mine.lock()?;
        ready.fetch_add(1, Ordering::SeqCst);
        while ready.load(Ordering::SeqCst) < 2 {
            thread::yield_now();
        }
        let _wanted = wanted.lock()?;
        Ok(())
    };
    let thread = need!(thread::spawn(move || both(&others, &other_ready, 1)));
    let here = both(&locks, &ready, 0);
    let there = need!(thread.join());
    check!(here.is_err() != there.is_err());
    check_eq!(here.err().or(there.err()), Some(Error::BadState));
    Ok(())
}

fn abandoned() -> Verdict {
    let lock = Arc::new(PiMutex::new(5));
    let taken = Arc::new(AtomicU32::new(0));
    let (theirs, told) = (Arc::clone(&lock), Arc::clone(&taken));
    let holder = need!(thread::spawn(move || {
        core::mem::forget(theirs.lock());
        told.store(1, Ordering::SeqCst);
        thread::sleep(Duration::from_millis(5));
    }));
    while taken.load(Ordering::SeqCst) == 0 {
        thread::yield_now();
    }
    // Waits, and is told when the holder ends; whoever comes later is told at once.
    check_eq!(lock.lock().err(), Some(Error::PeerClosed));
    check_eq!(lock.lock().err(), Some(Error::PeerClosed));
    need!(holder.join());
    // The lock itself can be had, by who knows what to do about it.
    let raw = Arc::new(RawLock::new());
    let theirs = Arc::clone(&raw);
    let holder = need!(thread::spawn(move || theirs.lock(abi::NEVER)));
    check_eq!(need!(holder.join()), Ok(Taken::Free));
    check_eq!(raw.lock(abi::NEVER), Ok(Taken::Abandoned));
    raw.unlock();
    check_eq!(raw.lock(abi::NEVER), Ok(Taken::Free));
    Ok(())
}

fn deadlines() -> Verdict {
    let lock = Arc::new(PiMutex::new(0));
    let theirs = Arc::clone(&lock);
    let guard = need!(lock.lock());
    let waiting = need!(thread::spawn(move || {
        let deadline = rt::time::now()?.saturating_add(2_000_000);
        let result = theirs.lock_until(deadline).map(drop);
        Ok::<_, Error>((result, rt::time::now()? >= deadline))
    }));
    check_eq!(need!(waiting.join()), Ok((Err(Error::TimedOut), true)));
    drop(guard);
    // Freed although the word still says that somebody waits.
    drop(need!(lock.lock_until(1)));
    Ok(())
}

fn words() -> Verdict {
    let lock = RawLock::new();
    check_eq!(
        rt::inherit::wait_for(&lock, 0, abi::NOW),
        Err(Error::InvalidArgument)
    );
    check_eq!(
        rt::inherit::wait_for(&lock, 5, abi::NOW),
        Err(Error::InvalidArgument)
    );
    let waited_for = abi::lock::WAITED_FOR;
    check_eq!(
        rt::inherit::wait_for(&lock, waited_for, abi::NOW),
        Err(Error::InvalidArgument)
    );
    check_eq!(
        rt::inherit::wait_for(&lock, waited_for | 5, abi::NOW),
        Err(Error::WouldBlock)
    );
    // Nobody holds it, so nobody can free it.
    check_eq!(rt::inherit::hand_over(&lock), Err(Error::BadState));
    check!(lock.try_lock());
    check_eq!(rt::inherit::hand_over(&lock), Ok(()));
    check!(lock.try_lock());
    lock.unlock();
    Ok(())
}
