//! A list of calls, each made in a copy of the process, and what became of each.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use abi::{Error, Signals};
use rt::OwnedHandle;
use rt::hostile::{Arena, Attack, Journal, Trace};

use crate::need;

/// Time after which a call that may wait counts as waiting, in ns.
const WAITING: u64 = 60_000_000;
/// The same for a call that may not: long enough for any machine.
const STUCK: u64 = 30_000_000_000;

/// What became of a call.
#[derive(Clone, Debug)]
pub enum Fate {
    /// It came back.
    Came(Trace),
    /// The process ended; how.
    Ended(String),
    /// It did not come back.
    Waited,
}

/// Makes all calls; each that does not come back costs a copy.
pub fn run(
    arena: &Arena,
    attacks: &[Attack],
    journal: &Journal,
    may_wait: bool,
) -> Result<Vec<Fate>, String> {
    let mut fates: Vec<Fate> = Vec::new();
    let patience = if may_wait { WAITING } else { STUCK };
    while let Some(rest) = attacks.get(fates.len()..).filter(|rest| !rest.is_empty()) {
        let copy = need!(rt::hostile::attack(arena, rest, journal));
        let fate = watch(&copy, journal, patience)?;
        let (_, came) = journal.progress();
        let came = usize::try_from(came).unwrap_or(0).min(rest.len());
        fates.extend((0..came).map(|index| Fate::Came(journal.trace(index))));
        if came < rest.len() {
            fates.push(fate);
        }
    }
    Ok(fates)
}

/// Waits for the end of a copy, or until nothing happens any more.
fn watch(copy: &OwnedHandle, journal: &Journal, patience: u64) -> Result<Fate, String> {
    let mut before = journal.progress();
    loop {
        let deadline = need!(rt::time::now()).saturating_add(patience);
        match rt::handle::wait(copy.get(), Signals::TERMINATED, deadline) {
            Ok(_) => {
                let info = need!(rt::process::info(copy.get()));
                let (kind, code) = (info.fault_kind, info.exit_code);
                return Ok(Fate::Ended(format!("fault {kind}, code {code}")));
            }
            Err(Error::TimedOut) if journal.progress() != before => before = journal.progress(),
            Err(Error::TimedOut) => {
                need!(rt::process::kill(copy.get(), 0));
                need!(rt::handle::wait(
                    copy.get(),
                    Signals::TERMINATED,
                    abi::NEVER
                ));
                return Ok(Fate::Waited);
            }
            Err(error) => return Err(format!("waiting for a copy: {error}")),
        }
    }
}
