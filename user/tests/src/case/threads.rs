//! Threads: running, joining, locking, waiting.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;

use abi::Error;
use viper::sync::{Condvar, Mutex};
use viper::thread;
use viper::time::Instant;

use super::{Case, Verdict};
use crate::{check, check_eq, need};

/// The tests.
pub const CASES: &[Case] = &[
    Case {
        name: "threads::results_are_joined",
        run: join,
    },
    Case {
        name: "threads::a_lock_keeps_others_out",
        run: lock,
    },
    Case {
        name: "threads::conditions_are_waited_for",
        run: condition,
    },
    Case {
        name: "threads::futex_waits_wakes_and_times_out",
        run: futex,
    },
    Case {
        name: "threads::sleep_lasts",
        run: sleep,
    },
    Case {
        name: "threads::many_come_and_go",
        run: many,
    },
    Case {
        name: "threads::all_make_progress",
        run: progress,
    },
];

fn join() -> Verdict {
    let threads: Vec<_> = (0..8u64)
        .map(|number| thread::spawn(move || (number * number, thread::current())))
        .collect();
    let mut numbers = Vec::new();
    for (number, thread) in (0u64..).zip(threads) {
        let (square, current) = need!(need!(thread).join());
        check_eq!(square, number * number);
        check!(!numbers.contains(&current) && current != thread::current());
        numbers.push(current);
    }
    Ok(())
}

fn lock() -> Verdict {
    let counter = Arc::new(Mutex::new((0u64, 0u64)));
    let mut threads = Vec::new();
    for _ in 0..4 {
        let counter = Arc::clone(&counter);
        threads.push(need!(thread::spawn(move || {
            for _ in 0..5000 {
                let mut both = counter.lock();
                both.0 += 1;
                if both.0 % 64 == 0 {
                    thread::yield_now();
                }
                both.1 += 1;
            }
        })));
    }
    for thread in threads {
        need!(thread.join());
    }
    check_eq!(*counter.lock(), (20_000, 20_000));
    Ok(())
}

fn condition() -> Verdict {
    let shared = Arc::new((Mutex::new(0u32), Condvar::new()));
    let other = Arc::clone(&shared);
    let thread = need!(thread::spawn(move || {
        for turn in 0..200u32 {
            let mut number = other.0.lock();
            while *number != 2 * turn + 1 {
                other.1.wait(&mut number);
            }
            *number += 1;
            other.1.notify_all();
        }
    }));
    for turn in 0..200u32 {
        let mut number = shared.0.lock();
        while *number != 2 * turn {
            shared.1.wait(&mut number);
        }
        *number += 1;
        shared.1.notify_all();
    }
    need!(thread.join());
    check_eq!(*shared.0.lock(), 400);
    Ok(())
}

fn futex() -> Verdict {
    let word = Arc::new(AtomicU32::new(5));
    check_eq!(
        rt::futex::wait(&word, 4, abi::NEVER),
        Err(Error::WouldBlock)
    );
    let soon = Instant::now().since_boot_ns() + 2_000_000;
    check_eq!(rt::futex::wait(&word, 5, soon), Err(Error::TimedOut));
    check!(Instant::now().since_boot_ns() >= soon);
    check_eq!(rt::futex::wake(&word, 1), Ok(0));
    let other = Arc::clone(&word);
    let waiter = need!(thread::spawn(move || rt::futex::wait(
        &other,
        5,
        abi::NEVER
    )));
    let mut woken = 0;
    let start = Instant::now();
    while woken == 0 && start.elapsed() < Duration::from_secs(10) {
        thread::yield_now();
        woken = need!(rt::futex::wake(&word, u32::MAX));
    }
    check_eq!(woken, 1);
    check_eq!(need!(waiter.join()), Ok(()));
    Ok(())
}

fn sleep() -> Verdict {
    let start = Instant::now();
    thread::sleep(Duration::from_millis(20));
    check!(start.elapsed() >= Duration::from_millis(20));
    // Generous: a busy host may stop the machine at any moment.
    check!(start.elapsed() < Duration::from_secs(10));
    need!(rt::thread::sleep_until(abi::NOW));
    Ok(())
}

fn many() -> Verdict {
    let sum = Arc::new(AtomicU32::new(0));
    for _ in 0..20 {
        let mut threads = Vec::new();
        for _ in 0..10 {
            let sum = Arc::clone(&sum);
            threads.push(need!(thread::spawn(
                move || sum.fetch_add(1, Ordering::Relaxed)
            )));
        }
        for thread in threads {
            need!(thread.join());
        }
    }
    check_eq!(sum.load(Ordering::Relaxed), 200);
    Ok(())
}

fn progress() -> Verdict {
    // Threads that never yield, on however many CPUs: each must get some time.
    let stop = Arc::new(AtomicU32::new(0));
    let mut threads = Vec::new();
    for _ in 0..6 {
        let stop = Arc::clone(&stop);
        threads.push(need!(thread::spawn(move || {
            let mut turns: u64 = 0;
            while stop.load(Ordering::Relaxed) == 0 {
                turns += 1;
            }
            turns
        })));
    }
    thread::sleep(Duration::from_millis(200));
    stop.store(1, Ordering::Relaxed);
    for thread in threads {
        check!(need!(thread.join()) > 0);
    }
    Ok(())
}
