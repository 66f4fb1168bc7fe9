//! What happens when there is no page left.
//!
//! A program that needs a page gets it at the cost of the one in its job that has most,
//! which ends; if that is itself, it ends. The first program never ends for another's
//! sake, and the kernel keeps a reserve that no program gets.

use abi::process::FaultKind;

use crate::account::Resource;
use crate::limits::{OOM_LOOK_NS, OOM_WAIT_NS};
use crate::sched::sleep_until;
use crate::sync::Ref;
use crate::time::now_ns;

use super::{Exit, Process, registry};

/// Ends the process of the job that has most pages, unless it is `current` itself, and
/// waits until its pages are back. False: there is none with more.
pub(super) fn make_room(current: &Process) -> bool {
    let Some(largest) = largest(current) else {
        return false;
    };
    log::warn!(
        "out of memory: {} ({}) ends, for it has {} pages, and {} needs one",
        largest.name(),
        largest.id(),
        pages_of(&largest),
        current.name()
    );
    largest.end(Exit::Fault {
        kind: FaultKind::NoMemory,
        address: 0,
        pc: 0,
    });
    let start = now_ns();
    let deadline = start.saturating_add(OOM_WAIT_NS);
    while pages_of(&largest) > 0 && now_ns() < deadline {
        sleep_until(now_ns().saturating_add(OOM_LOOK_NS));
    }
    true
}

fn pages_of(process: &Process) -> u64 {
    process.account().used(Resource::Pages)
}

fn largest(current: &Process) -> Option<Ref<Process>> {
    // Whoever has as much may stay: the one that asks ends then.
    let mut most = if current.is_first() {
        0
    } else {
        pages_of(current)
    };
    let mut found = None;
    registry::for_each(|process| {
        let is_candidate = process.exit().is_none()
            && !process.is_first()
            && process.job().id() == current.job().id();
        if is_candidate && pages_of(process) > most {
            most = pages_of(process);
            found = Some(process.clone());
        }
    });
    found
}
