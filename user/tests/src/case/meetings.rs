//! Threads that meet at the worst moment.
//!
//! What one of them counts, the other has to have seen.
//! Short on a usual kernel; one that changes its schedule by a seed runs them to find
//! mistakes (`docs/testing.md`).

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use abi::{Error, Handle, Signals};
use rt::process::Side;
use viper::fs::File;
use viper::thread;

use super::{Case, Verdict};
use crate::hostile::run::{self, End};
use crate::selftest::FOLDER;
use crate::{check_eq, need};

/// The tests.
pub const CASES: &[Case] = &[
    Case {
        name: "meetings::wakes_and_deadlines_add_up",
        run: wakes,
    },
    Case {
        name: "meetings::ended_on_the_way_into_a_wait",
        run: ended,
    },
    Case {
        name: "meetings::a_new_event_is_nobody_s",
        run: events,
    },
    Case {
        name: "meetings::a_file_is_written_by_all",
        run: files,
    },
];

/// Threads that wait, and waits of each.
const WAITERS: u64 = 3;
const WAITS: u64 = 400;

/// A wait that a wake-up ends was counted by the waker, and one that its deadline ends was
/// not, however close to each other they come.
fn wakes() -> Verdict {
    let word = Arc::new(AtomicU32::new(0));
    let running = Arc::new(AtomicU64::new(WAITERS));
    let mut waiters = Vec::new();
    for number in 0..WAITERS {
        let (word, running) = (Arc::clone(&word), Arc::clone(&running));
        waiters.push(need!(thread::spawn(move || {
            let mut woken = 0u64;
            for round in 0..WAITS {
                let soon = (round * 7 + number * 3) % 30 * 1_000;
                let deadline = rt::time::now().unwrap_or(0).saturating_add(soon);
                if rt::futex::wait(&word, 0, deadline).is_ok() {
                    woken += 1;
                }
            }
            running.fetch_sub(1, Ordering::SeqCst);
            woken
        })));
    }
    let mut counted = 0;
    while running.load(Ordering::SeqCst) > 0 {
        counted += need!(rt::futex::wake(&word, 1));
        thread::yield_now();
    }
    let mut seen = 0;
    for waiter in waiters {
        seen += need!(waiter.join());
    }
    check_eq!(u64::try_from(counted).unwrap_or(u64::MAX), seen);
    Ok(())
}

/// Processes that are ended in one run.
const ENDED: u64 = 40;

/// Two that hand a word to each other and wait without a deadline, until they are ended:
/// wherever that meets them, nothing of them is left behind.
fn ended() -> Verdict {
    for round in 0..ENDED {
        let process = match need!(rt::process::clone()) {
            Side::Original(process) => process,
            Side::Copy { .. } => {
                let word = Arc::new(AtomicU32::new(0));
                let each = if round % 2 == 0 {
                    hand_on
                } else {
                    wait_or_wake
                };
                for turn in 0..3 {
                    let word = Arc::clone(&word);
                    let _ = thread::spawn(move || each(&word, turn));
                }
                each(&word, 3)
            }
        };
        let pause = 1_000_000 + (round % 11).saturating_mul(41_000);
        let deadline = need!(rt::time::now()).saturating_add(pause);
        need!(rt::thread::sleep_until(deadline));
        need!(rt::process::kill(process.get(), 9));
        check_eq!((round, run::end_of(&process, 0)?), (round, End::Exited(9)));
    }
    Ok(())
}

/// Waits for its turn, and gives it to the next of four.
fn hand_on(word: &AtomicU32, turn: u32) -> ! {
    loop {
        let now = word.load(Ordering::SeqCst);
        if now % 4 == turn {
            word.store(now.wrapping_add(1), Ordering::SeqCst);
            let _ = rt::futex::wake(word, u32::MAX);
        } else {
            let _ = rt::futex::wait(word, now, abi::NEVER);
        }
    }
}

/// Three wait as often as they can, and the fourth lets them go on.
fn wait_or_wake(word: &AtomicU32, turn: u32) -> ! {
    loop {
        if turn == 3 {
            let _ = rt::futex::wake(word, 1);
        } else {
            let _ = rt::futex::wait(word, 0, abi::NEVER);
        }
    }
}

/// Events that are made in one run.
const EVENTS: u32 = 120;

/// A signal to an event that is being closed does not reach the next one, which may lie at
/// the same place.
fn events() -> Verdict {
    let target = Arc::new(AtomicU64::new(0));
    let over = Arc::new(AtomicBool::new(false));
    let mut threads = Vec::new();
    for _ in 0..2 {
        let (target, over) = (Arc::clone(&target), Arc::clone(&over));
        threads.push(need!(thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                let event = Handle(target.load(Ordering::Relaxed));
                // It may be closed by now, which is no other's business.
                let _ = rt::event::signal(event, Signals::empty(), Signals::USER_0);
            }
        })));
    }
    let mut wrong = 0u32;
    for _ in 0..EVENTS {
        let first = need!(rt::event::create());
        target.store(first.get().0, Ordering::Relaxed);
        thread::yield_now();
        drop(first);
        let second = need!(rt::event::create());
        let heard = rt::event::wait(second.get(), Signals::USER_0, abi::NOW);
        wrong += u32::from(heard != Err(Error::TimedOut));
    }
    over.store(true, Ordering::Relaxed);
    for thread in threads {
        need!(thread.join());
    }
    check_eq!(wrong, 0);
    Ok(())
}

/// Rounds, and what each of the threads writes in one.
const ROUNDS: u32 = 12;
const LINES: usize = 8;
const LINE: &[u8] = b"a line of its own\n";

/// Every line of threads that append to one file is there.
fn files() -> Verdict {
    let name = format!("{FOLDER}/meeting");
    for round in 0..ROUNDS {
        let file = Arc::new(need!(File::create(&name)));
        let mut threads = Vec::new();
        for _ in 0..4 {
            let file = Arc::clone(&file);
            threads.push(need!(thread::spawn(move || {
                let handle = file.handle().map_or(Handle::NONE, |handle| handle.get());
                (0..LINES).all(|_| rt::stream::write(handle, LINE) == Ok(LINE.len()))
            })));
        }
        for thread in threads {
            check_eq!((round, need!(thread.join())), (round, true));
        }
        let length = need!(file.metadata()).len();
        check_eq!(
            (round, length),
            (round, 4 * LINES as u64 * LINE.len() as u64)
        );
    }
    Ok(())
}
