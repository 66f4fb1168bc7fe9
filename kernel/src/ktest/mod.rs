//! Tests that need the machine; in the kernel built with the feature `ktest`.
//!
//! They run in the first thread, before any program, one line each on the log (`ok N
//! area::name` or `not ok N area::name` with the reason behind it), and the machine ends
//! with exit code 0 only if all passed.
#![forbid(unsafe_code)]

mod devices;
mod interrupts;
mod memory;
mod scheduler;
mod shortage;
mod user_copy;

use alloc::string::String;

use crate::arch;

/// What a test says: nothing, or what is wrong.
type Verdict = Result<(), String>;

/// One test.
struct Test {
    name: &'static str,
    run: fn() -> Verdict,
}

/// Fails the test unless a condition holds.
macro_rules! check {
    ($condition:expr) => {
        if !$condition {
            return Err(alloc::format!(
                "{}:{}: {} does not hold",
                file!(),
                line!(),
                stringify!($condition)
            ));
        }
    };
}

/// Fails the test unless two values are equal.
macro_rules! check_eq {
    ($left:expr, $right:expr) => {
        match (&$left, &$right) {
            (left, right) if left == right => {}
            (left, right) => {
                return Err(alloc::format!(
                    "{}:{}: {} is {left:?}, not {right:?}",
                    file!(),
                    line!(),
                    stringify!($left)
                ));
            }
        }
    };
}

use {check, check_eq};

const AREAS: [&[Test]; 6] = [
    devices::TESTS,
    memory::TESTS,
    user_copy::TESTS,
    scheduler::TESTS,
    interrupts::TESTS,
    shortage::TESTS,
];

/// Runs every test and ends the machine.
pub fn run() -> ! {
    let total: usize = AREAS.iter().map(|area| area.len()).sum();
    arch::semihosting_write(&alloc::format!("1..{total}\n"));
    let mut failed = 0;
    for (number, test) in (1..).zip(AREAS.iter().flat_map(|area| area.iter())) {
        let line = match (test.run)() {
            Ok(()) => alloc::format!("ok {number} {}\n", test.name),
            Err(why) => {
                failed += 1;
                alloc::format!("not ok {number} {}\n# {why}\n", test.name)
            }
        };
        arch::semihosting_write(&line);
    }
    arch::semihosting_exit(u32::from(failed > 0))
}
