//! Attacks with system calls, made by the program `Hostile` below limits.

use abi::job::JobResource;
use abi::startup::Tag;
use viper::Rc;
use viper::process::{Command, Grant, Job};

use super::{Case, Verdict};
use crate::hostile::PATH;
use crate::{check_eq, need};

/// The tests.
pub const CASES: &[Case] = &[
    Case {
        name: "attacks::bad_arguments",
        run: bad_arguments,
    },
    Case {
        name: "attacks::what_is_planted_is_found",
        run: planted,
    },
    Case {
        name: "attacks::random_calls",
        run: random_calls,
    },
    Case {
        name: "attacks::forged_handles",
        run: forged_handles,
    },
];

/// What an attacker may use, so that it hurts nobody else.
const LIMITS: [(JobResource, u64); 6] = [
    (JobResource::Pages, 8000),
    (JobResource::Handles, 20_000),
    (JobResource::Threads, 60),
    (JobResource::Processes, 60),
    (JobResource::KernelBytes, 24 << 20),
    (JobResource::LogBytes, 2000),
];

fn bad_arguments() -> Verdict {
    attack(&["sweep"])
}

fn planted() -> Verdict {
    attack(&["planted"])
}

fn random_calls() -> Verdict {
    attack(&["random", "200000", &alloc::format!("{}", seed()?)])
}

fn forged_handles() -> Verdict {
    attack(&["forge", "1048576", &alloc::format!("{}", seed()?)])
}

/// Another one in each run; the attacker prints it.
fn seed() -> Result<u64, alloc::string::String> {
    let entropy = rt::startup::handle(Tag::Entropy).ok_or("no random numbers")?;
    let mut bytes = [0; 4];
    need!(rt::system::entropy(entropy, &mut bytes));
    Ok(u64::from(u32::from_le_bytes(bytes)))
}

/// Runs the attacker, and looks that nothing of it is left.
fn attack(words: &[&str]) -> Verdict {
    let job = need!(Job::new());
    for (resource, limit) in LIMITS {
        need!(job.set_limit(resource, limit));
    }
    let mut command = Command::new(PATH).job(&job);
    for word in words {
        command = command.arg(word);
    }
    // It may read the trace, but not turn it on, which would stay so for the other tests. Its
    // copies have what may be duplicated.
    let statistics = abi::Rights::INSPECT | abi::Rights::READ | abi::Rights::DUPLICATE;
    for (tag, rights) in [(Tag::Log, abi::Rights::all()), (Tag::System, statistics)] {
        if let Some(handle) = rt::startup::handle(tag) {
            command = command.grant(Grant {
                tag,
                handle,
                rights,
            });
        }
    }
    let child = need!(command.spawn());
    let status = need!(child.wait());
    drop(child);
    need!(job.kill(Rc::FAIL));
    need!(job.wait_over(core::time::Duration::from_secs(60)));
    check_eq!(status.rc(), Rc::OK);
    Ok(())
}
