//! When a reader without locks is done.
//!
//! A *domain* is a set of values that only the threads of one process read without a lock,
//! each with interrupts masked: the slots of its handle table. A CPU says which domain its
//! thread belongs to when it switches. Whoever has taken a value out of a domain calls
//! [`quiesce`] before the value may go: it waits until every other CPU that is in the
//! domain has been seen outside, or with interrupts unmasked.
//!
//! A reader writes nothing. A writer pays only for CPUs that run the same process.

use core::marker::PhantomData;
use core::sync::atomic::{AtomicU64, Ordering, fence};

use crate::arch::{self, cpu_id, send_ipi, spin_hint};
use crate::limits::CPUS_MAX;

/// One CPU's word, alone on its cache line.
#[derive(Debug)]
#[repr(align(64))]
struct Word(AtomicU64);

static DOMAINS: [Word; CPUS_MAX] = [const { Word(AtomicU64::new(0)) }; CPUS_MAX];
static ACKNOWLEDGED: [Word; CPUS_MAX] = [const { Word(AtomicU64::new(0)) }; CPUS_MAX];

/// No domain.
pub const NO_DOMAIN: u64 = 0;

/// Says which domain this CPU's thread reads from now on. Interrupts are masked.
#[inline]
pub fn enter_domain(domain: u64) {
    let Some(Word(place)) = DOMAINS.get(cpu_id()) else {
        return;
    };
    if place.load(Ordering::Relaxed) != domain {
        // Seen by others before anything is read in the new domain: pairs with the fence
        // in `quiesce`.
        place.store(domain, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }
}

/// This CPU took an interrupt that asked it to: it reads nothing just now.
pub fn acknowledge() {
    if let Some(Word(count)) = ACKNOWLEDGED.get(cpu_id()) {
        count.fetch_add(1, Ordering::AcqRel);
    }
}

/// Waits until nobody reads values of `domain` that were taken out before this call.
///
/// Called with interrupts unmasked and no borrowed value of the domain.
pub fn quiesce(domain: u64) {
    let irq = arch::irq_save();
    fence(Ordering::SeqCst);
    let me = cpu_id();
    let mut before = [None; CPUS_MAX];
    let others = DOMAINS.iter().zip(&ACKNOWLEDGED).zip(&mut before);
    for (cpu, ((Word(place), Word(acknowledged)), before)) in others.enumerate() {
        if cpu != me && place.load(Ordering::Acquire) == domain {
            *before = Some(acknowledged.load(Ordering::Acquire));
            send_ipi(cpu);
        }
    }
    // This thread may go on elsewhere from here on; what counts is what was seen above.
    arch::irq_restore(irq);
    let others = DOMAINS.iter().zip(&ACKNOWLEDGED).zip(before);
    for ((Word(place), Word(acknowledged)), before) in others {
        let Some(before) = before else { continue };
        debug_assert!(
            arch::irqs_enabled(),
            "waits for CPUs with interrupts masked"
        );
        while place.load(Ordering::Acquire) == domain
            && acknowledged.load(Ordering::Acquire) == before
        {
            spin_hint();
        }
    }
}

/// Interrupts are masked, and stay so for `'a`: what is borrowed under it is not freed.
#[derive(Clone, Copy, Debug)]
pub struct Masked<'a> {
    life: PhantomData<(&'a (), *const ())>,
}

impl Masked<'_> {
    /// Calls `work`, with interrupts masked by the caller from before to after.
    #[inline]
    pub fn with<R>(work: impl FnOnce(Masked<'_>) -> R) -> R {
        debug_assert!(!arch::irqs_enabled(), "a borrow with interrupts unmasked");
        work(Masked { life: PhantomData })
    }
}
