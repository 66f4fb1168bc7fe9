//! Random sequences of system calls, by two threads of a copy.

use alloc::boxed::Box;
use core::sync::atomic::Ordering;

use abi::syscall::ArgKind;
use abi::{Handle, SYSCALLS, Syscall, SyscallInfo};

use super::{ARENA_BYTES, Arena, Attack, FILLED_BYTES, Journal, REGISTERS, SLOT_BYTES, perform};
use crate::process::{self, Side};
use crate::{OwnedHandle, Result, stub, thread};

/// Threads of one copy.
pub const LANES: usize = 2;
/// Words of a journal before the handles.
pub const POOL_START: usize = 64;
/// Handles in a journal.
pub const POOL_WORDS: usize = 128;
/// Where the counts of finished calls are in a journal, by lane.
pub const CALLS_START: usize = 8;
/// The same for calls that succeeded.
pub const SUCCESSES_START: usize = 16;
/// The same for calls that left something in registers, or changed some.
pub const STAINS_START: usize = 24;
/// The same for calls with an error that is none; the last word is the number of one.
pub const ODD_ERRORS_START: usize = 32;
/// Bytes of a record that arguments of a call may point to.
pub const RECORD_BYTES: usize = 80;

/// Calls that are let through once in so many times: those that end the copy, and those
/// that take much longer than others.
const RARE: [(Syscall, u64); 13] = [
    (Syscall::ProcessExit, 512),
    (Syscall::ThreadExit, 512),
    (Syscall::ProcessExec, 512),
    (Syscall::UpcallReturn, 512),
    (Syscall::ProcessRestrict, 512),
    // Now and then these hit what the copy itself stands on.
    (Syscall::MemoryUnmap, 64),
    (Syscall::MemoryProtect, 64),
    (Syscall::ThreadCreate, 64),
    (Syscall::ProcessSpawn, 16),
    (Syscall::ProcessClone, 16),
    (Syscall::DirectorySync, 16),
    (Syscall::FileSync, 16),
    (Syscall::LogWrite, 16),
];

/// What one copy does.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// Decides everything but the order in which threads run.
    pub seed: u64,
    /// Calls of each of its threads.
    pub calls: u64,
    /// Number of its first lane in the journal.
    pub lane: usize,
    /// For each call by number, what its first address argument points to.
    pub records: &'a [[u8; RECORD_BYTES]],
    /// Memory of its threads, one for each.
    pub arenas: &'a [Arena; LANES],
    /// Counts, and the handles that all copies share.
    pub journal: &'a Journal,
}

/// Makes random calls in a copy of this process, in two threads; the copy.
///
/// # Errors
///
/// `NoMemory`, `LimitReached`.
pub fn random(plan: &Plan<'_>) -> Result<OwnedHandle> {
    match process::clone()? {
        Side::Original(copy) => Ok(copy),
        Side::Copy { .. } => {
            let address = core::ptr::from_ref(plan) as usize;
            let second = thread::spawn(
                thread::STACK_BYTES,
                Box::new(move || {
                    // SAFETY: the first thread of the copy stays where the plan is.
                    let plan = unsafe { &*(address as *const Plan<'_>) };
                    run(plan, 1);
                }),
            );
            run(plan, 0);
            if let Ok(second) = second {
                let _ = second.join();
            }
            process::exit(0)
        }
    }
}

/// All calls of one thread.
fn run(plan: &Plan<'_>, lane: usize) {
    let Some(arena) = plan.arenas.get(lane) else {
        return;
    };
    let number = plan.lane.saturating_add(lane);
    let mut dice = Dice::new(plan.seed.wrapping_add(number as u64));
    for _ in 0..plan.calls {
        let Some(call) = choose(&mut dice) else {
            continue;
        };
        let attack = compose(&mut dice, call, arena, plan);
        // SAFETY: this is a copy of the process that runs nothing but these calls.
        let trace = unsafe {
            scribble(&mut dice, call, arena, plan);
            perform(&attack.registers)
        };
        count(plan, CALLS_START, number);
        if trace.error == 0 {
            count(plan, SUCCESSES_START, number);
            for value in trace.values.into_iter().take(call.values.len()) {
                keep(&mut dice, plan, value);
            }
        } else if !super::is_error(trace.error) {
            count(plan, ODD_ERRORS_START, number);
        }
        let in_registers = [Syscall::ChannelCall, Syscall::PortReplyWait];
        let is_full = in_registers
            .iter()
            .any(|other| *other as u64 == call.number);
        if trace.changed != 0 || (trace.left_over != 0 && !is_full) {
            count(plan, STAINS_START, number);
        }
    }
}

fn count(plan: &Plan<'_>, start: usize, lane: usize) {
    if let Some(word) = plan.journal.words().get(start.saturating_add(lane)) {
        word.fetch_add(1, Ordering::AcqRel);
    }
}

/// Remembers what may be a handle.
fn keep(dice: &mut Dice, plan: &Plan<'_>, value: u64) {
    if value > u64::from(u32::MAX) {
        let place = POOL_START.saturating_add(dice.below(POOL_WORDS as u64) as usize);
        if let Some(word) = plan.journal.words().get(place) {
            let old = word.swap(value, Ordering::AcqRel);
            // So that the table does not fill up with what nobody knows any more.
            // SAFETY: the call takes no address.
            let _ = unsafe { stub::handle_close(old) };
        }
    }
}

/// Any call, some of them only now and then.
fn choose(dice: &mut Dice) -> Option<&'static SyscallInfo> {
    let call = SYSCALLS.get(dice.below(SYSCALLS.len() as u64) as usize)?;
    let odds = RARE.iter().find(|(other, _)| *other as u64 == call.number);
    odds.is_none_or(|(_, odds)| dice.below(*odds) == 0)
        .then_some(call)
}

/// Registers of a call.
fn compose(dice: &mut Dice, call: &SyscallInfo, arena: &Arena, plan: &Plan<'_>) -> Attack {
    let mut registers = [0; REGISTERS];
    for register in &mut registers {
        // What a call does not look at may be anything.
        *register = dice.roll();
    }
    for (register, arg) in registers.iter_mut().zip(call.args) {
        *register = argument(dice, arg.kind, arena, plan);
    }
    if call.number == Syscall::ChannelCall as u64 || call.number == Syscall::PortReplyWait as u64 {
        registers[7] = match dice.below(2) {
            0 => 0,
            _ => pooled(dice, plan),
        };
        registers[9] = deadline(dice);
    }
    registers[8] = match dice.below(1000) {
        0 => dice.roll(),
        _ => call.number,
    };
    Attack {
        registers,
        ..Attack::default()
    }
}

/// Puts the record of a call, or something like it, into the arena.
///
/// # Safety
///
/// As for [`perform`].
unsafe fn scribble(dice: &mut Dice, call: &SyscallInfo, arena: &Arena, plan: &Plan<'_>) {
    let start = arena.pages.address() as *mut u64;
    let record = usize::try_from(call.number)
        .ok()
        .and_then(|number| plan.records.get(number));
    if let Some(record) = record {
        for (index, word) in record.chunks_exact(8).enumerate() {
            let word = word.try_into().map_or(0, u64::from_le_bytes);
            // SAFETY: a record is smaller than the arena; where the arena is gone, the
            // fault ends the copy.
            unsafe { start.add(index).write_volatile(word) };
        }
    }
    for _ in 0..dice.below(3) {
        let place = dice.below((FILLED_BYTES / 8) as u64).min(dice.below(16)) as usize;
        let word = match dice.below(3) {
            0 => pooled(dice, plan),
            1 => address(dice, arena),
            _ => special(dice),
        };
        // SAFETY: as above.
        unsafe { start.add(place).write_volatile(word) };
    }
}

fn argument(dice: &mut Dice, kind: ArgKind, arena: &Arena, plan: &Plan<'_>) -> u64 {
    let odds = if kind == ArgKind::Deadline { 300 } else { 10 };
    if dice.below(odds) == 0 {
        return special(dice);
    }
    match kind {
        ArgKind::Handle => match dice.below(12) {
            // An index that no table has, or another generation.
            0 => pooled(dice, plan) ^ (1 << dice.below(48) << 16),
            _ => pooled(dice, plan),
        },
        ArgKind::In | ArgKind::Out => address(dice, arena),
        ArgKind::Length => match dice.below(4) {
            0 => dice.below(2 * ARENA_BYTES as u64),
            _ => dice.below(SLOT_BYTES as u64),
        },
        ArgKind::Count => dice.below(4),
        ArgKind::Flags => match dice.below(3) {
            0 => dice.below(16),
            1 => 1 << dice.below(32),
            _ => (1 << dice.below(32)) | (1 << dice.below(32)),
        },
        ArgKind::Value => match dice.below(5) {
            0 => dice.below(8),
            1 => dice.below(16) << 12,
            2 => arena.slot(0) & !0xfff,
            3 => pooled(dice, plan),
            _ => dice.below(5000),
        },
        ArgKind::Deadline => deadline(dice),
    }
}

/// An address in the arena or at its edge: mostly its start, where the record is.
fn address(dice: &mut Dice, arena: &Arena) -> u64 {
    match dice.below(8) {
        0 => arena.slot(0).wrapping_add(dice.below(ARENA_BYTES as u64)),
        1 => arena.end().wrapping_sub(dice.below(16)),
        2 | 3 => arena.slot(dice.below(6) as usize),
        _ => arena.slot(0),
    }
}

/// Now, or soon.
fn deadline(dice: &mut Dice) -> u64 {
    match dice.below(3) {
        0 => abi::NOW,
        1 => 1,
        _ => {
            let now = crate::time::now().unwrap_or(0);
            now.saturating_add(dice.below(100_000))
        }
    }
}

fn pooled(dice: &mut Dice, plan: &Plan<'_>) -> u64 {
    let place = POOL_START.saturating_add(dice.below(POOL_WORDS as u64) as usize);
    let word = plan.journal.words().get(place);
    word.map_or(Handle::NONE.0, |word| word.load(Ordering::Acquire))
}

/// Where checks go wrong.
fn special(dice: &mut Dice) -> u64 {
    const SPECIAL: [u64; 20] = [
        0,
        1,
        4095,
        4096,
        0x7fff_ffff,
        0x8000_0000,
        0xffff_ffff,
        1 << 32,
        (1 << 47) - 1,
        1 << 47,
        (1 << 48) - 8,
        i64::MAX as u64,
        1 << 63,
        0xffff_8000_0000_0000,
        0xffff_8000_0900_0000,
        0xffff_ffff_8000_0000,
        0xffff_ffff_ffff_f000,
        u64::MAX - 7,
        u64::MAX - 1,
        u64::MAX,
    ];
    let index = dice.below(SPECIAL.len() as u64) as usize;
    SPECIAL.get(index).copied().unwrap_or(0)
}

/// A generator of random numbers, the same ones for the same seed (xorshift64*).
#[derive(Clone, Copy, Debug)]
pub struct Dice {
    state: u64,
}

impl Dice {
    /// The numbers of this seed.
    pub const fn new(seed: u64) -> Dice {
        Dice {
            state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
        }
    }

    /// The next one, of all.
    pub fn roll(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// The next one, below `end`, which is not 0.
    pub fn below(&mut self, end: u64) -> u64 {
        (self.roll() >> 11).checked_rem(end).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dice_repeat_with_their_seed_and_differ_with_another() {
        let roll = |seed| {
            let mut dice = Dice::new(seed);
            [dice.roll(), dice.roll(), dice.roll()]
        };
        assert_eq!(roll(1), roll(1));
        assert_ne!(roll(1), roll(3));
        let mut dice = Dice::new(9);
        assert!((0..1000).all(|_| dice.below(7) < 7));
    }
}
