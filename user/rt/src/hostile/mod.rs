//! System calls with any registers, made where they can hurt nobody.
//!
//! [`attack`] makes a list of calls in a copy of the calling process. The copy has its
//! own memory, runs nothing of the program but that list and then ends, so that no call
//! can break the memory safety of the program that asked for it; what a call does to the
//! objects behind its handles is the caller's affair. [`Arena`] is the memory that calls
//! may be given good addresses of, [`Journal`] what is left of a copy: one [`Trace`] for
//! each call that came back. [`Code`] runs instructions in a copy in the same way.
#![allow(
    unsafe_code,
    reason = "makes calls that no rule protects the caller from"
)]

mod code;
mod race;
mod random;

use core::sync::atomic::{AtomicU64, Ordering};

use alloc::vec;
use alloc::vec::Vec;

use abi::memory::MapFlags;
use abi::{Error, Syscall};

use crate::memory::{self, Mapping};
use crate::process::{self, Side};
use crate::{OwnedHandle, Result};

pub use code::{Code, ENTRY_REGISTERS, Entry};
pub use race::{Count, changing_path, vanishing_page};
pub use random::{
    CALLS_START, Dice, LANES, ODD_ERRORS_START, POOL_START, POOL_WORDS, Plan, RECORD_BYTES,
    STAINS_START, SUCCESSES_START, random,
};

/// Registers `x0` to `x18`.
pub const REGISTERS: usize = 19;
/// Words of `attack.S`: registers, changes of `x19` to `x27`, change of the stack pointer.
const FRAME_WORDS: usize = 29;
/// Places in an [`Arena`], one for each argument register.
pub const SLOTS: usize = 6;
/// Bytes of one of them.
pub const SLOT_BYTES: usize = 512;
/// Bytes at the start of an arena that are filled anew before each call.
const FILLED_BYTES: usize = SLOTS * SLOT_BYTES;
/// Bytes of an arena; behind the last there is no mapping.
pub const ARENA_BYTES: usize = abi::PAGE_SIZE;

const READ_WRITE: MapFlags = MapFlags::READ.union(MapFlags::WRITE);

/// One call.
#[derive(Clone, Copy, Debug, Default)]
pub struct Attack {
    /// `x0` to `x18`; `x8` is the number of the call.
    pub registers: [u64; REGISTERS],
    /// Addresses in the arena, and the words put there before the call; 0 for none.
    pub pokes: [(u64, u64); 2],
}

/// What came back from a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// `x0`: 0 or the code of an error.
    pub error: u64,
    /// `x1` to `x3`.
    pub values: [u64; 3],
    /// All bits that are set in one of `x4` to `x18`.
    pub left_over: u64,
    /// All bits changed in `x19` to `x27` and in the stack pointer.
    pub changed: u64,
}

/// Words of a [`Trace`] in a journal.
const TRACE_WORDS: usize = 6;
/// Words of a journal before the first trace.
const HEAD_WORDS: usize = 2;
/// Most calls of one copy.
pub const ATTACKS_MAX: usize = (abi::PAGE_SIZE / 8 - HEAD_WORDS) / TRACE_WORDS;

/// A page that copies of the process share with it.
#[derive(Debug)]
pub struct Journal {
    pages: Mapping,
}

impl Journal {
    /// One without entries.
    ///
    /// # Errors
    ///
    /// `NoMemory`, `LimitReached`.
    pub fn new() -> Result<Journal> {
        Journal::with_bytes(abi::PAGE_SIZE)
    }

    /// One of this size.
    ///
    /// # Errors
    ///
    /// `NoMemory`, `LimitReached`.
    pub fn with_bytes(bytes: usize) -> Result<Journal> {
        let memory = memory::create(bytes as u64)?;
        let pages = Mapping::shared(memory.get(), 0, bytes, READ_WRITE)?;
        Ok(Journal { pages })
    }

    /// All of its words.
    pub fn words(&self) -> &[AtomicU64] {
        self.pages.atomic_words().unwrap_or(&[])
    }

    fn word(&self, index: usize) -> u64 {
        self.words()
            .get(index)
            .map_or(0, |word| word.load(Ordering::Acquire))
    }

    /// Calls that were begun, and those that came back.
    pub fn progress(&self) -> (u64, u64) {
        (self.word(0), self.word(1))
    }

    /// Forgets everything.
    pub fn clear(&self) {
        for word in self.words() {
            word.store(0, Ordering::Release);
        }
    }

    /// What came back from the call with this index in the list.
    pub fn trace(&self, index: usize) -> Trace {
        let start = HEAD_WORDS.saturating_add(index.saturating_mul(TRACE_WORDS));
        let [error, v1, v2, v3, left_over, changed] =
            core::array::from_fn(|word| self.word(start.saturating_add(word)));
        Trace {
            error,
            values: [v1, v2, v3],
            left_over,
            changed,
        }
    }

    fn put(&self, index: usize, trace: Trace) {
        let start = HEAD_WORDS.saturating_add(index.saturating_mul(TRACE_WORDS));
        let [v1, v2, v3] = trace.values;
        let words = [trace.error, v1, v2, v3, trace.left_over, trace.changed];
        for (place, word) in self.words().iter().skip(start).zip(words) {
            place.store(word, Ordering::Release);
        }
    }

    fn store(&self, index: usize, value: u64) {
        if let Some(word) = self.words().get(index) {
            word.store(value, Ordering::Release);
        }
    }
}

/// Memory whose addresses are given to calls, and what it is to hold before each.
#[derive(Debug)]
pub struct Arena {
    pages: Mapping,
    filling: Vec<u8>,
}

impl Arena {
    /// One full of zeros.
    ///
    /// # Errors
    ///
    /// `NoMemory`, `LimitReached`.
    pub fn new() -> Result<Arena> {
        Ok(Arena {
            pages: Mapping::anonymous(ARENA_BYTES, READ_WRITE)?,
            filling: vec![0; FILLED_BYTES],
        })
    }

    /// Address of the place for an argument.
    pub fn slot(&self, index: usize) -> u64 {
        let offset = index.saturating_mul(SLOT_BYTES).min(FILLED_BYTES);
        self.pages.address().saturating_add(offset) as u64
    }

    /// First address beyond, where there is no mapping.
    pub fn end(&self) -> u64 {
        self.pages.address().saturating_add(ARENA_BYTES) as u64
    }

    /// Says what a place is to hold before each call; the rest of it is zero.
    pub fn fill(&mut self, index: usize, bytes: &[u8]) {
        let start = index.saturating_mul(SLOT_BYTES);
        let end = start.saturating_add(SLOT_BYTES);
        if let Some(slot) = self.filling.get_mut(start..end) {
            slot.fill(0);
            slot.iter_mut()
                .zip(bytes)
                .for_each(|(to, from)| *to = *from);
        }
    }
}

/// Address of code that a new thread may begin at: it ends at once.
pub fn idle_thread() -> u64 {
    #[cfg(target_os = "none")]
    {
        hostile_thread as *const () as u64
    }
    #[cfg(not(target_os = "none"))]
    0
}

/// Makes the calls in a copy of this process, one after the other, at most [`ATTACKS_MAX`];
/// the copy. Before each call the arena is filled. Handles mean in the copy what they mean
/// here, as far as they carry `DUPLICATE`.
///
/// # Errors
///
/// `NoMemory`, `LimitReached`.
pub fn attack(arena: &Arena, attacks: &[Attack], journal: &Journal) -> Result<OwnedHandle> {
    journal.clear();
    match process::clone()? {
        Side::Original(copy) => Ok(copy),
        Side::Copy { .. } => {
            for (index, attack) in attacks.iter().take(ATTACKS_MAX).enumerate() {
                let number = (index as u64).saturating_add(1);
                // SAFETY: this is a copy of the process that runs nothing but this loop.
                unsafe {
                    prepare(arena, attack);
                    journal.store(0, number);
                    let trace = perform(&attack.registers);
                    journal.put(index, trace);
                }
                journal.store(1, number);
            }
            process::exit(0)
        }
    }
}

/// Fills the arena and puts the words of a call in it.
///
/// # Safety
///
/// Nothing of the program runs in this process any more.
unsafe fn prepare(arena: &Arena, attack: &Attack) {
    let start = arena.pages.address() as *mut u8;
    // SAFETY: the arena is mapped and larger than its filling; where an attack has taken
    // it away, the fault ends the copy.
    unsafe {
        core::ptr::copy_nonoverlapping(arena.filling.as_ptr(), start, FILLED_BYTES);
        for (address, word) in attack.pokes {
            if address != 0 {
                (address as *mut u64).write_volatile(word);
            }
        }
    }
}

/// Makes a call. In the copy that a successful `process_clone` leaves, it does not return.
///
/// # Safety
///
/// Nothing of the program runs in this process any more: the call may do anything to it.
unsafe fn perform(registers: &[u64; REGISTERS]) -> Trace {
    let mut frame = [0u64; FRAME_WORDS];
    for (to, from) in frame.iter_mut().zip(registers) {
        *to = *from;
    }
    let number = registers[8];
    // SAFETY: the frame has the words that it reads and writes; for the rest, the caller.
    unsafe { enter(&mut frame) };
    let [error, v1, v2, v3, ..] = frame;
    if number == Syscall::ProcessClone as u64 && error == 0 && v1 == 0 {
        process::exit(0);
    }
    let bits = |words: &[u64]| words.iter().fold(0, |all, word| all | word);
    Trace {
        error,
        values: [v1, v2, v3],
        left_over: bits(&frame[4..REGISTERS]),
        changed: bits(&frame[REGISTERS..]),
    }
}

/// `attack.S` with this frame.
///
/// # Safety
///
/// As for [`perform`].
#[cfg(target_os = "none")]
unsafe fn enter(frame: &mut [u64; FRAME_WORDS]) {
    // SAFETY: the caller's promise.
    unsafe { hostile_call(frame.as_mut_ptr()) };
}

/// The host has no kernel to enter.
///
/// # Safety
///
/// None is needed; the signature is that of the real entry.
#[cfg(not(target_os = "none"))]
unsafe fn enter(frame: &mut [u64; FRAME_WORDS]) {
    frame.fill(0);
    frame[0] = Error::NotSupported as u64;
}

/// Whether this is the code of an error.
pub fn is_error(code: u64) -> bool {
    Error::from_code(code).is_some()
}

#[cfg(target_os = "none")]
unsafe extern "C" {
    fn hostile_call(frame: *mut u64);
    fn hostile_jump(frame: *const u64, code: u64) -> !;
    fn hostile_thread();
}

#[cfg(target_os = "none")]
core::arch::global_asm!(
    include_str!("attack.S"),
    thread_exit = const Syscall::ThreadExit as u64,
);
