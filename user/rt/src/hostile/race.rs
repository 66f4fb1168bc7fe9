//! Calls whose memory changes, or goes away, while the kernel uses it.

use alloc::boxed::Box;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use abi::fs::Stat;
use abi::{Error, Handle};
use zerocopy::IntoBytes;

use super::READ_WRITE;
use crate::memory::Mapping;
use crate::{Result, stub, thread};

/// What came of many calls, each against a race.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Calls that succeeded; for paths, those that found the first one.
    pub good: u64,
    /// Paths: calls that found the second one.
    pub other: u64,
    /// Calls that failed as they may.
    pub refused: u64,
    /// Calls that did anything else.
    pub odd: u64,
    /// What the other thread did meanwhile.
    pub turns: u64,
}

/// Runs `call` so many times while a thread runs `turn` again and again.
fn against(
    rounds: u64,
    mut call: impl FnMut(&mut Count),
    turn: impl Fn() + Send + 'static,
) -> Result<Count> {
    static OVER: AtomicBool = AtomicBool::new(false);
    static TURNS: AtomicU64 = AtomicU64::new(0);
    OVER.store(false, Ordering::Release);
    TURNS.store(0, Ordering::Release);
    let other = thread::spawn(
        thread::STACK_BYTES,
        Box::new(move || {
            while !OVER.load(Ordering::Acquire) {
                turn();
                TURNS.fetch_add(1, Ordering::AcqRel);
            }
        }),
    )?;
    while TURNS.load(Ordering::Acquire) == 0 {
        thread::yield_now();
    }
    let mut count = Count::default();
    for round in 0..rounds {
        call(&mut count);
        if round.is_multiple_of(16) {
            // On one CPU the other thread has its turns here.
            thread::yield_now();
        }
    }
    OVER.store(true, Ordering::Release);
    other.join()?;
    count.turns = TURNS.load(Ordering::Acquire);
    Ok(count)
}

/// Has the kernel write about a handle to a page that another thread maps and unmaps.
///
/// # Errors
///
/// `NoMemory`, `LimitReached`.
pub fn vanishing_page(handle: Handle, rounds: u64) -> Result<Count> {
    // A place in the middle of nowhere, where this process places nothing else.
    const PLACE: usize = 0x2345_6789_0000;
    let call = |count: &mut Count| {
        // SAFETY: nothing of the program but the thread below uses this page, and that one
        // never looks at it.
        match unsafe { stub::handle_info(handle.0, PLACE as u64) } {
            Ok(_) => count.good = count.good.wrapping_add(1),
            Err(Error::Fault) => count.refused = count.refused.wrapping_add(1),
            Err(_) => count.odd = count.odd.wrapping_add(1),
        }
    };
    against(rounds, call, || {
        let page = Mapping::anonymous_at(PLACE, abi::PAGE_SIZE, READ_WRITE);
        thread::yield_now();
        drop(page);
        thread::yield_now();
    })
}

/// Has the kernel look up a path of four bytes that another thread changes from `first` to
/// `second` and back; a file of one byte and one of two.
///
/// # Errors
///
/// `NoMemory`, `LimitReached`.
pub fn changing_path(
    directory: Handle,
    [first, second]: [[u8; 4]; 2],
    rounds: u64,
) -> Result<Count> {
    static PATH: AtomicU64 = AtomicU64::new(0);
    let [first, second] = [first, second].map(|path| u64::from(u32::from_le_bytes(path)));
    PATH.store(first, Ordering::Release);
    let call = |count: &mut Count| {
        let mut stat = Stat::default();
        let (path, out) = (
            PATH.as_ptr() as u64,
            stat.as_mut_bytes().as_mut_ptr() as u64,
        );
        // SAFETY: the kernel only reads the path, and writes a `Stat` of our own.
        match unsafe { stub::directory_stat(directory.0, path, 4, 0, out) } {
            Ok(_) if stat.size == 1 => count.good = count.good.wrapping_add(1),
            Ok(_) if stat.size == 2 => count.other = count.other.wrapping_add(1),
            // Half of each: read once, but not at once.
            Err(Error::NotFound) => count.refused = count.refused.wrapping_add(1),
            _ => count.odd = count.odd.wrapping_add(1),
        }
    };
    against(rounds, call, move || {
        PATH.store(second, Ordering::Release);
        thread::yield_now();
        PATH.store(first, Ordering::Release);
        thread::yield_now();
    })
}
