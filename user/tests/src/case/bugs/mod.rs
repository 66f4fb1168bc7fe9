//! Bugs that other kernels had, each as a test of its own.
//!
//! The number of a test is that of its row in `docs/testing.md`; the comment above it says
//! whose bug it was. Cases that belong to a subject with tests of its own stand there.

pub mod arguments;
pub mod exits;
pub mod loader;
pub mod races;
pub mod ranges;

use abi::{Error, Syscall};

use super::{Case, Verdict};
use crate::hostile::run;

/// The tests.
pub fn all() -> impl Iterator<Item = &'static Case> {
    [
        ranges::CASES,
        arguments::CASES,
        loader::CASES,
        exits::CASES,
        races::CASES,
    ]
    .into_iter()
    .flatten()
}

/// Fails the test unless each call, in a copy of this process, gives one of these errors.
fn all_fail(calls: &[(Syscall, &[u64])], errors: &[Error]) -> Verdict {
    for (call, arguments) in calls {
        let error = run::error(*call, arguments)?;
        if !error.is_some_and(|error| errors.contains(&error)) {
            return Err(alloc::format!("{call:?}({arguments:#x?}) gives {error:?}"));
        }
    }
    Ok(())
}

/// The control of [`all_fail`]: these succeed.
fn all_succeed(calls: &[(Syscall, &[u64])]) -> Verdict {
    for (call, arguments) in calls {
        if let Some(error) = run::error(*call, arguments)? {
            return Err(alloc::format!("{call:?}({arguments:#x?}) gives {error:?}"));
        }
    }
    Ok(())
}
