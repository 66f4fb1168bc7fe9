//! The tests of `SelfTest`, by what they are about.

pub mod accounts;
pub mod attacks;
pub mod bombs;
pub mod bugs;
pub mod calls;
pub mod channels;
pub mod clones;
pub mod descriptors;
pub mod directories;
pub mod events;
pub mod faults;
pub mod files;
pub mod heartbeat;
pub mod instructions;
pub mod jobs;
pub mod locks;
pub mod meetings;
pub mod memory;
pub mod pipes;
pub mod pointers;
pub mod ports;
pub mod processes;
pub mod programs;
pub mod protection;
pub mod restrictions;
pub mod revocation;
pub mod rights;
pub mod scaling;
pub mod scheduling;
pub mod shell;
pub mod system;
pub mod threads;
pub mod timers;
pub mod trace;
pub mod upcalls;
pub mod vectors;
pub mod waits;

use alloc::string::String;

/// What a test gives back: nothing, or what was wrong.
pub type Verdict = Result<(), String>;

/// One test.
#[derive(Clone, Copy)]
pub struct Case {
    /// Its name, `area::behaviour`.
    pub name: &'static str,
    /// Runs it.
    pub run: fn() -> Verdict,
}

/// Every test.
pub fn all() -> impl Iterator<Item = &'static Case> {
    [
        files::CASES,
        directories::CASES,
        rights::CASES,
        memory::CASES,
        threads::CASES,
        scheduling::CASES,
        vectors::CASES,
        events::CASES,
        timers::CASES,
        pipes::CASES,
        ports::CASES,
        descriptors::CASES,
        shell::CASES,
        waits::CASES,
        meetings::CASES,
        locks::CASES,
        calls::CASES,
        channels::CASES,
        processes::CASES,
        accounts::CASES,
        jobs::CASES,
        restrictions::CASES,
        revocation::CASES,
        upcalls::CASES,
        heartbeat::CASES,
        bombs::CASES,
        clones::CASES,
        programs::CASES,
        faults::CASES,
        pointers::CASES,
        attacks::CASES,
        instructions::CASES,
        protection::CASES,
        scaling::CASES,
        system::CASES,
        trace::CASES,
    ]
    .into_iter()
    .flatten()
    .chain(bugs::all())
}

/// Fails the test unless a condition holds.
#[macro_export]
macro_rules! check {
    ($condition:expr) => {
        if !$condition {
            return Err($crate::__format!(
                "{}:{}: {} is false",
                ::core::file!(),
                ::core::line!(),
                ::core::stringify!($condition)
            ));
        }
    };
}

/// Fails the test unless two values are the same.
#[macro_export]
macro_rules! check_eq {
    ($got:expr, $wanted:expr) => {{
        let (got, wanted) = (&$got, &$wanted);
        if *got != *wanted {
            return Err($crate::__format!(
                "{}:{}: {} is {got:?}, not {wanted:?}",
                ::core::file!(),
                ::core::line!(),
                ::core::stringify!($got)
            ));
        }
    }};
}

/// The value of something that must not fail, else the end of the test.
#[macro_export]
macro_rules! need {
    ($result:expr) => {
        match $result {
            Ok(value) => value,
            Err(error) => {
                return Err($crate::__format!(
                    "{}:{}: {}: {error}",
                    ::core::file!(),
                    ::core::line!(),
                    ::core::stringify!($result)
                ));
            }
        }
    };
}

/// The error a result carries.
pub fn error_of<T>(result: Result<T, viper::fs::Error>) -> Option<abi::Error> {
    result.err().map(|error| error.cause)
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique() {
        let names: BTreeSet<_> = all().map(|case| case.name).collect();
        assert_eq!(names.len(), all().count());
    }
}
