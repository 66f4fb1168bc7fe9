//! The trace: what the scheduler did, in a ring of records for each CPU.
//!
//! Nothing is recorded until somebody [`choose`]s events. Each CPU writes to its own ring
//! only, with interrupts masked, and never waits; a full ring loses its oldest record.
//! Readers name the position from which they want to read, so several do not disturb each
//! other, and each learns how many records it came too late for.
//!
//! The rings are made when events are chosen for the first time, and stay.
#![forbid(unsafe_code)]

mod ring;

use abi::trace::{TraceEvent, TraceRecord};

use crate::arch;
use crate::limits::CPUS_MAX;
use crate::sync::atomic::{AtomicU32, Ordering};
use crate::sync::{AllocError, SpinLock};
use crate::time::ns_since_boot;

pub use ring::Part;
use ring::{Record, Ring};

static RINGS: [Ring; CPUS_MAX] = [const { Ring::new() }; CPUS_MAX];

/// The events that are recorded.
static EVENTS: AtomicU32 = AtomicU32::new(0);

/// Taken by whoever changes the events.
static CHOOSING: SpinLock<()> = SpinLock::new(());

/// Whether anything is recorded.
#[inline(always)]
pub fn is_on() -> bool {
    EVENTS.load(Ordering::Relaxed) != 0
}

/// Records these events of the first `cpus` CPUs from here on, a bit for each; returns those
/// chosen before. What was recorded before the first choice after none is forgotten.
///
/// # Errors
/// [`AllocError`] where there is no memory for the rings; nothing has changed.
pub fn choose(events: u32, cpus: usize) -> Result<u32, AllocError> {
    let rings = RINGS.get(..cpus.min(CPUS_MAX)).unwrap_or(&RINGS);
    if events != 0 {
        rings.iter().try_for_each(Ring::prepare)?;
    }
    let _choosing = CHOOSING.lock();
    let before = EVENTS.load(Ordering::Relaxed);
    if before == 0 && events != 0 {
        RINGS.iter().for_each(Ring::forget);
    }
    EVENTS.store(events, Ordering::SeqCst);
    Ok(before)
}

/// Records an event on this CPU, if it is one of those chosen. Interrupts are masked.
pub fn record(event: TraceEvent, thread: u64, argument: u64) {
    if EVENTS.load(Ordering::Relaxed) & event.bit() == 0 {
        return;
    }
    if let Some(ring) = RINGS.get(arch::cpu_id()) {
        ring.put(Record {
            ticks: arch::counter(),
            thread,
            argument,
            event: event as u32,
        });
    }
}

/// Hands over records of a CPU, from a position on, until `take` no longer wants one.
pub fn read(cpu: usize, position: u64, mut take: impl FnMut(TraceRecord) -> bool) -> Part {
    RINGS.get(cpu).map_or_else(Part::default, |ring| {
        ring.read(position, |record| take(record.describe(cpu)))
    })
}

/// Hands over the last `count` records of a CPU; waits for nothing.
pub fn read_last(cpu: usize, count: u64, mut take: impl FnMut(TraceRecord)) {
    if let Some(ring) = RINGS.get(cpu) {
        ring.read(ring.position_before_end(count), |record| {
            take(record.describe(cpu));
            true
        });
    }
}

impl Record {
    fn describe(self, cpu: usize) -> TraceRecord {
        TraceRecord {
            time_ns: ns_since_boot(self.ticks),
            thread: self.thread,
            argument: self.argument,
            cpu: crate::word::low_half(cpu as u64),
            event: self.event,
        }
    }
}
