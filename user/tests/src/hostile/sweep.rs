//! Every value at every place of every call, alone and in pairs.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use abi::{Error, SYSCALLS, Syscall, SyscallInfo};
use rt::hostile::{Attack, Journal};
use viper::{Failure, Outcome, Rc, println};

use super::batch;
use super::judge::{self, Answer};
use super::kit::{Ground, Kit};
use super::place::{self, Place};
use super::values;

/// Calls of one kit.
const BATCH: usize = 48;
/// The same for calls that end their caller.
const ENDING_BATCH: usize = 12;
/// Fewest calls of a whole sweep.
const CALLS_MIN: usize = 50_000;
/// Most findings that are printed.
const FINDINGS_MAX: usize = 40;

/// A value by its place and its number among the values that are tried there.
type Change = (Place, usize);

/// A call with one value, or two, that may be bad.
#[derive(Clone, Debug)]
struct Trial {
    changes: Vec<Change>,
    /// Whether values that wait are among those that are tried.
    alone: bool,
}

/// What a sweep has seen.
#[derive(Debug, Default)]
pub(super) struct Count {
    calls: usize,
    successes: usize,
    ends: usize,
    waits: usize,
    pub(super) findings: Vec<String>,
}

/// Runs the whole sweep.
pub fn main() -> Outcome {
    let mut count = Count::default();
    sweep(&mut count).map_err(|wrong| Failure::new(&wrong))?;
    println!(
        "# sweep: {} calls, {} succeeded, {} ended their caller, {} waited",
        count.calls, count.successes, count.ends, count.waits
    );
    for finding in count.findings.iter().take(FINDINGS_MAX) {
        println!("# sweep: {finding}");
    }
    if !count.findings.is_empty() {
        return Err(Failure::new("the kernel answered wrongly"));
    }
    if count.calls < CALLS_MIN {
        return Err(Failure::new("too few calls for a sweep"));
    }
    Ok(Rc::OK)
}

fn sweep(count: &mut Count) -> Result<(), String> {
    let ground = Ground::new()?;
    let journal = Journal::new().map_err(|error| format!("{error}"))?;
    for call in SYSCALLS {
        control(call, &ground, &journal)?;
        sweep_call(call, &ground, &journal, count)?;
    }
    Ok(())
}

/// Everything about one call.
pub(super) fn sweep_call(
    call: &'static SyscallInfo,
    ground: &Ground,
    journal: &Journal,
    count: &mut Count,
) -> Result<(), String> {
    let kit = Kit::new(call, ground, 0)?;
    let trials = trials(call, &kit);
    drop(kit);
    let size = if judge::may_end(call) {
        ENDING_BATCH
    } else {
        BATCH
    };
    for trials in trials.chunks(size) {
        run(call, trials, ground, journal, count)?;
    }
    Ok(())
}

/// The control: with good values the call succeeds, or does what it does instead.
fn control(call: &'static SyscallInfo, ground: &Ground, journal: &Journal) -> Result<(), String> {
    let kit = Kit::new(call, ground, 1)?;
    let fates = batch::run(
        kit.arena(),
        &[kit.attack(0)],
        journal,
        judge::may_wait(call),
    )?;
    let fate = fates.first().ok_or("no fate")?;
    let answer = judge::judge(call, fate).map_err(|wrong| format!("{}: {wrong}", call.name))?;
    match answer == expected(call) {
        true => Ok(()),
        false => Err(format!(
            "{} with good values: {answer:?}, not {:?}",
            call.name,
            expected(call)
        )),
    }
}

/// What good values lead to where it is not success.
fn expected(call: &SyscallInfo) -> Answer {
    match Syscall::from_number(call.number) {
        Some(Syscall::ProcessExit | Syscall::ThreadExit | Syscall::ProcessExec) => Answer::End,
        // Nobody wakes, nobody serves; the tests of futexes and calls have somebody who does.
        Some(Syscall::FutexWait | Syscall::ChannelCall) => Answer::Refusal(Error::TimedOut),
        // No thread holds the word; the tests of locks have some that do.
        Some(Syscall::FutexLock) => Answer::Refusal(Error::InvalidArgument),
        Some(Syscall::FutexUnlock) => Answer::Refusal(Error::BadState),
        // No point in time has come for a new timer.
        Some(Syscall::TimerRead) => Answer::Refusal(Error::WouldBlock),
        // There is no upcall to return from; the tests of upcalls have one.
        Some(Syscall::UpcallReturn) => Answer::Refusal(Error::BadState),
        // The machine would stop; every scenario ends by it.
        Some(Syscall::PowerControl) => Answer::Refusal(Error::BadHandle),
        // Only the shell may do these; its tests do.
        Some(Syscall::TerminalControl | Syscall::ClockSet | Syscall::TraceControl) => {
            Answer::Refusal(Error::AccessDenied)
        }
        _ => Answer::Success,
    }
}

/// All trials of a call.
fn trials(call: &'static SyscallInfo, kit: &Kit) -> Vec<Trial> {
    let registers: Vec<Place> = place::registers(call).collect();
    let numbers =
        |place: &Place, alone| 0..values::of(kit, place.register, place.kind, alone).len();
    let mut trials = Vec::new();
    for place in registers.iter().copied().chain(place::words(call)) {
        for number in numbers(&place, true) {
            let changes = alloc::vec![(place, number)];
            trials.push(Trial {
                changes,
                alone: true,
            });
        }
    }
    for (index, first) in registers.iter().enumerate() {
        for second in registers.iter().skip(index.saturating_add(1)) {
            for one in numbers(first, false) {
                for other in numbers(second, false) {
                    let changes = alloc::vec![(*first, one), (*second, other)];
                    trials.push(Trial {
                        changes,
                        alone: false,
                    });
                }
            }
        }
    }
    trials
}

/// Makes the calls of some trials, and judges what came of them.
fn run(
    call: &'static SyscallInfo,
    trials: &[Trial],
    ground: &Ground,
    journal: &Journal,
    count: &mut Count,
) -> Result<(), String> {
    let kit = Kit::new(call, ground, trials.len())?;
    let attacks: Vec<Attack> = trials
        .iter()
        .enumerate()
        .map(|(index, trial)| compose(&kit, index, trial))
        .collect();
    let fates = batch::run(kit.arena(), &attacks, journal, judge::may_wait(call))?;
    for (trial, fate) in trials.iter().zip(&fates) {
        count.calls = count.calls.saturating_add(1);
        match judge::judge(call, fate) {
            Ok(Answer::Success) => count.successes = count.successes.saturating_add(1),
            Ok(Answer::End) => count.ends = count.ends.saturating_add(1),
            Ok(Answer::Wait) => count.waits = count.waits.saturating_add(1),
            Ok(Answer::Refusal(_)) => {}
            Err(wrong) => {
                let what = describe(call, &kit, trial);
                count.findings.push(format!("{what}: {wrong}"));
            }
        }
    }
    Ok(())
}

fn compose(kit: &Kit, index: usize, trial: &Trial) -> Attack {
    let mut attack = kit.attack(index);
    for (place, number) in &trial.changes {
        let values = values::of(kit, place.register, place.kind, trial.alone);
        let (_, bits) = values.get(*number).copied().unwrap_or(("?", 0));
        match place.word {
            None => {
                if let Some(register) = attack.registers.get_mut(place.register) {
                    *register = bits;
                }
            }
            Some(word) => {
                let offset = (word as u64).saturating_mul(8);
                let address = kit.arena().slot(place.register).saturating_add(offset);
                let [first, _] = attack.pokes;
                attack.pokes = [first, (address, bits)];
            }
        }
    }
    attack
}

fn describe(call: &SyscallInfo, kit: &Kit, trial: &Trial) -> String {
    let mut text = String::from(call.name);
    for (place, number) in &trial.changes {
        let values = values::of(kit, place.register, place.kind, trial.alone);
        let (name, _) = values.get(*number).copied().unwrap_or(("?", 0));
        text.push_str(&format!(" {}={name}", place::name(call, place)));
    }
    text
}
