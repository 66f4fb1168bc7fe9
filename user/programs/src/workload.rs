//! Small loads with a result of their own, for harnesses.

use alloc::format;
use core::time::Duration;

use rt::probe::null_call;
use viper::time::Instant;
use viper::{Failure, Outcome, Rc, println, thread};

use crate::snapshot::TICK_NS;

/// What a load is called, and what it does.
type Load = (&'static str, fn() -> Outcome);

/// All loads.
const LOADS: [Load; 4] = [
    ("smoke", smoke),
    ("sleep50", sleep50),
    ("fail", fail),
    ("syscall_bench", syscall_bench),
];

/// Threads of `smoke`.
const THREADS: u64 = 4;
/// Null calls of `syscall_bench`.
const CALLS: u64 = 100_000;
/// Ticks that `sleep50` sleeps.
const TICKS: u64 = 50;

/// Runs the load with this name.
///
/// # Errors
///
/// Where there is none, and what the load itself finds.
pub fn run(name: &str) -> Outcome {
    let load = LOADS
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name));
    match load {
        Some((_, load)) => load(),
        None => {
            let names = LOADS.map(|(known, _)| known).join(", ");
            Err(Failure::new(format!(
                "there is no load {name:?} but {names}"
            )))
        }
    }
}

/// A few threads each of which waits, yields and counts: all of them have to end.
fn smoke() -> Outcome {
    let work = |number: u64| {
        move || {
            (0..10).fold(0, |sum, _| {
                thread::sleep(Duration::from_millis(1));
                thread::yield_now();
                sum + number
            })
        }
    };
    let mut running = alloc::vec::Vec::new();
    for number in 1..=THREADS {
        running.push(thread::spawn(work(number))?);
    }
    let mut sum = 0;
    for one in running {
        sum += one.join()?;
    }
    let expected = THREADS * (THREADS + 1) / 2 * 10;
    println!("smoke: {THREADS} threads counted {sum} of {expected}");
    if sum == expected {
        Ok(Rc::OK)
    } else {
        Err(Failure::new("a thread lost something").with_rc(Rc::FAIL))
    }
}

/// A sleep of fifty ticks, which may end late but not early.
fn sleep50() -> Outcome {
    let wanted = Duration::from_nanos(TICKS * TICK_NS);
    let start = Instant::now();
    thread::sleep(wanted);
    let slept = start.elapsed();
    let Some(late) = slept.checked_sub(wanted) else {
        return Err(Failure::new(format!("woke after {slept:?} of {wanted:?}")).with_rc(Rc::FAIL));
    };
    println!(
        "sleep50: {TICKS} ticks of 20 ms, woke {} us late",
        late.as_micros()
    );
    Ok(Rc::OK)
}

/// Ends as a program does that failed: whoever runs it has to notice.
fn fail() -> Outcome {
    Err(Failure::new("fails, as it was asked to").with_rc(Rc::FAIL))
}

/// The time of a system call that does nothing.
fn syscall_bench() -> Outcome {
    let start = Instant::now();
    for _ in 0..CALLS {
        null_call();
    }
    let ns = start.elapsed().as_nanos() / u128::from(CALLS);
    println!("syscall_bench: {CALLS} calls, {ns} ns each");
    Ok(Rc::OK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loads_are_found_and_fail_fails() {
        assert_eq!(run("FAIL").map_err(|failure| failure.rc), Err(Rc::FAIL));
        assert_eq!(run("walk").map_err(|failure| failure.rc), Err(Rc::ERROR));
    }
}
