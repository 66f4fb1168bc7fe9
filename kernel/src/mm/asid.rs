//! Address space identifiers: the TLB's names for address spaces.
//!
//! 16 bits, handed out in order. When they run out, a new generation begins: the TLB is
//! flushed once, and every space gets a new number the next time it is switched to.
#![forbid(unsafe_code)]

use crate::arch;
use crate::sync::SpinLock;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::word;

/// Bits of an identifier; 0 is the kernel's own.
const BITS: u32 = 16;
const LAST: u64 = (1 << BITS) - 1;

static NEXT: SpinLock<u64> = SpinLock::new(1);
static GENERATION: AtomicU64 = AtomicU64::new(1);

/// The identifier of one address space: generation above bit 16, number below.
#[derive(Debug, Default)]
pub(super) struct Asid {
    value: AtomicU64,
}

impl Asid {
    /// The number to use now; a new one where the old is of an earlier generation.
    pub(super) fn current(&self) -> u16 {
        let value = self.value.load(Ordering::Relaxed);
        if value >> BITS == GENERATION.load(Ordering::Acquire) {
            return (value & LAST) as u16;
        }
        self.renew()
    }

    /// The number last used, without renewing it; for flushes.
    pub(super) fn last(&self) -> u16 {
        (self.value.load(Ordering::Relaxed) & LAST) as u16
    }

    fn renew(&self) -> u16 {
        let mut next = NEXT.lock();
        if *next > LAST {
            *next = 1;
            GENERATION.fetch_add(1, Ordering::AcqRel);
            arch::flush_all();
        }
        let number = *next;
        *next = number.saturating_add(1);
        let generation = GENERATION.load(Ordering::Relaxed);
        self.value
            .store((generation << BITS) | number, Ordering::Relaxed);
        word::low_quarter(number)
    }
}
