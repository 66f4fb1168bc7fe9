//! Threads on all CPUs: locks, sleeping, parking.

use crate::limits::CPUS_MAX;
use crate::sched;
use crate::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::sync::{Mutex, SpinLock, WaitQueue};
use crate::time::now_ns;

use super::{Test, Verdict, check, check_eq};

pub(super) const TESTS: &[Test] = &[
    Test {
        name: "scheduler::every_cpu_runs_threads",
        run: every_cpu,
    },
    Test {
        name: "scheduler::spin_locks_exclude",
        run: spin_locks,
    },
    Test {
        name: "scheduler::mutexes_exclude_while_holders_sleep",
        run: mutexes,
    },
    Test {
        name: "scheduler::no_wake_up_is_lost",
        run: wake_ups,
    },
    Test {
        name: "scheduler::threads_that_never_yield_share_a_cpu",
        run: sharing,
    },
    Test {
        name: "scheduler::ended_threads_leave_nothing",
        run: ending,
    },
];

const THREADS: u32 = 8;
const ROUNDS: u32 = 2_000;

static DONE: AtomicU32 = AtomicU32::new(0);
static FINISHED: WaitQueue = WaitQueue::new();

/// Starts `THREADS` threads and waits until each has called [`finish`].
fn run_threads(body: extern "C" fn(u64) -> !) -> Verdict {
    DONE.store(0, Ordering::SeqCst);
    for number in 0..THREADS {
        sched::spawn_kernel_thread(body, u64::from(number)).map_err(|_| "no memory")?;
    }
    let deadline = now_ns().saturating_add(30_000_000_000);
    let all = FINISHED.wait_until(deadline, || {
        (DONE.load(Ordering::SeqCst) == THREADS).then_some(())
    });
    check!(all.is_some());
    Ok(())
}

fn finish() -> ! {
    DONE.fetch_add(1, Ordering::SeqCst);
    FINISHED.wake_all();
    sched::exit_current()
}

static SEEN: AtomicU32 = AtomicU32::new(0);

extern "C" fn note_cpu(_number: u64) -> ! {
    let until = now_ns().saturating_add(60_000_000);
    while now_ns() < until {
        SEEN.fetch_or(1 << crate::arch::cpu_id(), Ordering::Relaxed);
    }
    finish()
}

fn every_cpu() -> Verdict {
    // Started CPUs need a moment until they schedule.
    for _ in 0..50 {
        SEEN.store(0, Ordering::SeqCst);
        run_threads(note_cpu)?;
        let running = sched::cpus_running();
        if SEEN.load(Ordering::SeqCst).count_ones() == running {
            check!(running as usize <= CPUS_MAX);
            return Ok(());
        }
    }
    Err(alloc::format!(
        "CPUs seen: {:#b}",
        SEEN.load(Ordering::SeqCst)
    ))
}

static SPIN: SpinLock<u64> = SpinLock::new(0);

extern "C" fn count_spinning(_number: u64) -> ! {
    for _ in 0..ROUNDS {
        let mut counter = SPIN.lock();
        let before = *counter;
        crate::arch::spin_hint();
        *counter = before + 1;
    }
    finish()
}

fn spin_locks() -> Verdict {
    *SPIN.lock() = 0;
    run_threads(count_spinning)?;
    check_eq!(*SPIN.lock(), u64::from(THREADS * ROUNDS));
    Ok(())
}

static SLEEPING: Mutex<u64> = Mutex::new(0);

extern "C" fn count_sleeping(number: u64) -> ! {
    for round in 0..40 {
        let mut counter = SLEEPING.lock();
        let before = *counter;
        if (round + number).is_multiple_of(8) {
            sched::sleep_until(now_ns().saturating_add(200_000));
        } else {
            sched::yield_now();
        }
        *counter = before + 1;
    }
    finish()
}

fn mutexes() -> Verdict {
    *SLEEPING.lock() = 0;
    run_threads(count_sleeping)?;
    check_eq!(*SLEEPING.lock(), u64::from(THREADS * 40));
    Ok(())
}

static TURN: AtomicU64 = AtomicU64::new(0);
static TURNS: WaitQueue = WaitQueue::new();

extern "C" fn take_turns(number: u64) -> ! {
    // Each round passes a token through all threads; a lost wake-up stops it for good.
    for round in 0..200 {
        let mine = round * u64::from(THREADS) + number;
        TURNS.wait_until(abi::NEVER, || {
            (TURN.load(Ordering::SeqCst) == mine).then_some(())
        });
        TURN.store(mine + 1, Ordering::SeqCst);
        TURNS.wake_all();
    }
    finish()
}

fn wake_ups() -> Verdict {
    TURN.store(0, Ordering::SeqCst);
    run_threads(take_turns)?;
    check_eq!(TURN.load(Ordering::SeqCst), 200 * u64::from(THREADS));
    Ok(())
}

static STARTED: AtomicU32 = AtomicU32::new(0);

extern "C" fn wait_for_all(_number: u64) -> ! {
    // Nobody goes on before all have had the CPU: possible only with preemption.
    STARTED.fetch_add(1, Ordering::SeqCst);
    while STARTED.load(Ordering::SeqCst) < THREADS {
        crate::arch::spin_hint();
    }
    finish()
}

fn sharing() -> Verdict {
    STARTED.store(0, Ordering::SeqCst);
    run_threads(wait_for_all)
}

extern "C" fn end_at_once(_number: u64) -> ! {
    finish()
}

fn ending() -> Verdict {
    run_threads(end_at_once)?;
    let before = crate::mm::free_frames();
    for _ in 0..50 {
        run_threads(end_at_once)?;
    }
    // The last threads are dropped by the next switch of their CPU.
    sched::sleep_until(now_ns().saturating_add(50_000_000));
    check!(before.saturating_sub(crate::mm::free_frames()) <= 256);
    Ok(())
}
