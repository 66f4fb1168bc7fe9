//! When a reader without locks is done.
//!
//! A *domain* is a set of values that only the threads of one process read without a lock,
//! each with interrupts masked: the slots of its handle table. A CPU says which domain its
//! thread belongs to when it switches. Whoever has taken a value out of a domain calls
//! [`quiesce`] before the value may go: it waits until every other CPU that is in the
//! domain has been seen outside, or with interrupts unmasked.
//!
//! A reader writes nothing. A writer pays only for CPUs that run the same process.

use crate::arch::atomic::{AtomicU64, AtomicUsize, Ordering, fence};
use core::marker::PhantomData;

use crate::arch::{self, ThisCpu, cpu_id, send_ipi, spin_hint};
use crate::limits::CPUS_MAX;

use super::{planted, unless_planted};

/// One CPU's word, alone on its cache line.
#[derive(Debug)]
#[repr(align(64))]
struct Word(AtomicU64);

static ACKNOWLEDGED: [Word; CPUS_MAX] = [const { Word(AtomicU64::new(0)) }; CPUS_MAX];

/// CPUs with a number below this may be in a domain.
static CPUS_JOINED: AtomicUsize = AtomicUsize::new(0);

/// No domain.
pub const NO_DOMAIN: u64 = 0;

/// This CPU runs programs from now on.
pub fn join() {
    CPUS_JOINED.fetch_max(cpu_id().saturating_add(1), Ordering::AcqRel);
}

/// Says which domain this CPU's thread reads from now on. Interrupts are masked, and a
/// sequentially consistent fence follows before anything is read in the domain: it pairs
/// with the one in [`quiesce`].
#[inline(always)]
pub fn enter_domain(cpu: ThisCpu, domain: u64) {
    // Released, so that what was read in the old one is done.
    cpu.marks().domain.store(domain, Ordering::Release);
    sched_point!();
}

/// This CPU took an interrupt that asked it to: it reads nothing just now.
pub fn acknowledge() {
    if let Some(Word(count)) = ACKNOWLEDGED.get(cpu_id()) {
        count.fetch_add(1, unless_planted("epoch-acknowledge", Ordering::AcqRel));
        // Seen by writers before anything more is read: another writer than the one that
        // sent the interrupt may take this for its answer. Pairs with `quiesce`.
        fence(Ordering::SeqCst);
    }
}

/// Waits until nobody reads values of `domain` that were taken out before this call.
///
/// Called with interrupts unmasked and no borrowed value of the domain.
pub fn quiesce(domain: u64) {
    if planted("epoch-quiesce") {
        return;
    }
    sched_point!();
    let irq = arch::irq_save();
    fence(Ordering::SeqCst);
    let me = cpu_id();
    let alone = !places()
        .enumerate()
        .any(|(cpu, (place, _))| cpu != me && place.load(Ordering::Acquire) == domain);
    if alone {
        arch::irq_restore(irq);
    } else {
        quiesce_others(me, irq, domain);
    }
}

/// The words of the CPUs that have ever run a program.
fn places() -> impl Iterator<Item = (&'static AtomicU64, &'static AtomicU64)> {
    let joined = CPUS_JOINED.load(Ordering::Acquire);
    let words = ACKNOWLEDGED.iter().take(joined).enumerate();
    words.map(|(cpu, acknowledged)| (&arch::marks_of(cpu).domain, &acknowledged.0))
}

#[cold]
fn quiesce_others(me: usize, irq: arch::IrqState, domain: u64) {
    let mut before = [None; CPUS_MAX];
    for (cpu, ((place, acknowledged), before)) in places().zip(&mut before).enumerate() {
        if cpu != me && place.load(Ordering::Acquire) == domain {
            *before = Some(acknowledged.load(Ordering::Acquire));
            sched_point!();
            send_ipi(cpu);
        }
    }
    // This thread may go on elsewhere from here on; what counts is what was seen above.
    arch::irq_restore(irq);
    for ((place, acknowledged), before) in places().zip(before) {
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
