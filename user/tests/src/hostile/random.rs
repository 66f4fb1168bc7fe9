//! Random calls by two threads in each of two copies that share their handles.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;

use abi::{Error, SYSCALLS, Signals};
use rt::OwnedHandle;
use rt::hostile::{
    self, Arena, CALLS_START, Journal, LANES, ODD_ERRORS_START, POOL_START, POOL_WORDS, Plan,
    RECORD_BYTES, STAINS_START, SUCCESSES_START,
};
use viper::{Failure, Outcome, Rc, println};

use super::kit::{Ground, Kit};
use crate::need;

/// Copies at a time.
const COPIES: usize = 2;
/// Calls of one thread before its copy is made anew with fresh objects.
const ROUND: u64 = 5_000;
/// Time between looks at a copy, in ns.
const LOOK: u64 = 50_000_000;
/// Looks without progress after which a copy waits for ever.
const LOOKS_MAX: u32 = 2;
/// Of all calls, at least one in so many has to succeed: else nothing was tested.
const SUCCESS_SHARE: u64 = 20;

/// Makes `count` calls.
pub fn main(seed: u64, count: u64) -> Outcome {
    println!("# random: seed {seed}");
    viper::io::flush_all().map_err(|error| Failure::new(error.text()))?;
    let mut total = Total::default();
    let journal = Journal::with_bytes(4096).map_err(|error| Failure::new(error.text()))?;
    journal.clear();
    let wrong = |wrong: String| Failure::new(&wrong);
    let ground = Ground::new().map_err(wrong)?;
    let mut round = 0u64;
    while total.calls < count {
        let seed = seed.wrapping_add(round.wrapping_mul(1000));
        one_round(seed, &ground, &journal, &mut total).map_err(wrong)?;
        round = round.saturating_add(1);
        if round > count / 100 + 1000 {
            return Err(Failure::new(
                "the copies end before they have made any calls",
            ));
        }
    }
    println!("# random: {}", total.text(round));
    total.verdict().map_err(wrong)
}

/// What was seen.
#[derive(Debug, Default)]
struct Total {
    calls: u64,
    successes: u64,
    odd_errors: u64,
    stains: u64,
    waits: u64,
    ends: u64,
}

impl Total {
    fn add(&mut self, journal: &Journal) {
        let sum = |start: usize| {
            let words = journal.words().iter().skip(start).take(COPIES * LANES);
            words.fold(0u64, |sum, word| {
                sum.saturating_add(word.swap(0, Ordering::AcqRel))
            })
        };
        self.calls = self.calls.saturating_add(sum(CALLS_START));
        self.successes = self.successes.saturating_add(sum(SUCCESSES_START));
        self.odd_errors = self.odd_errors.saturating_add(sum(ODD_ERRORS_START));
        self.stains = self.stains.saturating_add(sum(STAINS_START));
    }

    fn text(&self, rounds: u64) -> String {
        format!(
            "{} calls in {rounds} rounds, {} succeeded, {} copies waited, {} ended early",
            self.calls, self.successes, self.waits, self.ends
        )
    }

    fn verdict(&self) -> Result<Rc, String> {
        if self.odd_errors > 0 {
            return Err(format!("{} calls failed with no error", self.odd_errors));
        }
        if self.stains > 0 {
            return Err(format!("{} calls left or changed registers", self.stains));
        }
        if self.successes.saturating_mul(SUCCESS_SHARE) < self.calls {
            return Err("hardly any call succeeded".into());
        }
        Ok(Rc::OK)
    }
}

/// Two copies with fresh objects, until both have ended.
fn one_round(
    seed: u64,
    ground: &Ground,
    journal: &Journal,
    total: &mut Total,
) -> Result<(), String> {
    let (kits, records) = provision(ground)?;
    for (index, word) in journal
        .words()
        .iter()
        .skip(POOL_START)
        .take(POOL_WORDS)
        .enumerate()
    {
        let handles = kits.get(index % kits.len().max(1)).map(Kit::handles);
        let handle = handles.and_then(|all| all.get(index / kits.len().max(1) % 18).copied());
        word.store(handle.map_or(0, |(_, handle)| handle), Ordering::Release);
    }
    let mut arenas = Vec::new();
    for _ in 0..COPIES {
        arenas.push([need!(Arena::new()), need!(Arena::new())]);
    }
    let mut copies = Vec::new();
    for (index, arenas) in arenas.iter().enumerate() {
        let lane = index.saturating_mul(LANES);
        let plan = Plan {
            seed,
            calls: ROUND,
            lane,
            records: &records,
            arenas,
            journal,
        };
        copies.push((lane, need!(hostile::random(&plan))));
    }
    for (lane, copy) in &copies {
        watch(copy, journal, *lane, total)?;
    }
    total.add(journal);
    Ok(())
}

/// Objects for the pool, and a record for each call.
fn provision(ground: &Ground) -> Result<(Vec<Kit>, Vec<[u8; RECORD_BYTES]>), String> {
    let mut records = Vec::new();
    let mut kits = Vec::new();
    for call in SYSCALLS {
        let wanted = matches!(
            call.name,
            "process_info"
                | "channel_read"
                | "process_spawn"
                | "thread_create"
                | "directory_rename"
        );
        let mut record = [0; RECORD_BYTES];
        if wanted {
            let kit = Kit::new(call, ground, 0)?;
            record
                .iter_mut()
                .zip(kit.first_record())
                .for_each(|(to, from)| *to = from);
            kits.push(kit);
        } else if call.args.iter().any(|arg| arg.name == "path") {
            record.fill(b'p');
        }
        records.push(record);
    }
    Ok((kits, records))
}

/// Waits for the end of a copy, or ends it where nothing happens any more.
fn watch(
    copy: &OwnedHandle,
    journal: &Journal,
    lane: usize,
    total: &mut Total,
) -> Result<(), String> {
    let calls = || {
        let lanes = journal
            .words()
            .iter()
            .skip(CALLS_START.saturating_add(lane))
            .take(LANES);
        lanes.fold(0u64, |sum, word| {
            sum.saturating_add(word.load(Ordering::Acquire))
        })
    };
    let (mut before, mut looks) = (calls(), 0u32);
    loop {
        let deadline = need!(rt::time::now()).saturating_add(LOOK);
        match rt::handle::wait(copy.get(), Signals::TERMINATED, deadline) {
            Ok(_) => {
                if calls() < 2 * ROUND {
                    total.ends = total.ends.saturating_add(1);
                }
                return Ok(());
            }
            Err(Error::TimedOut) if calls() != before => (before, looks) = (calls(), 0),
            Err(Error::TimedOut) if looks < LOOKS_MAX => looks = looks.saturating_add(1),
            Err(Error::TimedOut) => {
                total.waits = total.waits.saturating_add(1);
                need!(rt::process::kill(copy.get(), 0));
                need!(rt::handle::wait(
                    copy.get(),
                    Signals::TERMINATED,
                    abi::NEVER
                ));
                return Ok(());
            }
            Err(error) => return Err(format!("waiting for a copy: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_calls_leave_behind_is_noticed() {
        let good = || Total {
            calls: 1000,
            successes: 200,
            ..Total::default()
        };
        assert!(good().verdict().is_ok());
        assert!(
            Total {
                stains: 1,
                ..good()
            }
            .verdict()
            .is_err()
        );
        assert!(
            Total {
                odd_errors: 1,
                ..good()
            }
            .verdict()
            .is_err()
        );
        assert!(
            Total {
                successes: 2,
                ..good()
            }
            .verdict()
            .is_err()
        );
    }
}
