//! Deadlines of objects other than threads.
//!
//! Each CPU has a heap of them beside that of its threads; an object is in one heap at a
//! time, that of the CPU it was set on. Only that CPU adds to it, any may take out.
//!
//! Lock order: an object's own lock, then a heap; an object rings without the heap's lock.

use crate::arch;
use crate::limits::{ALARMS_AT_ONCE_MAX, CPUS_MAX};
use crate::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::sync::{AllocError, Ref, SpinLock};
use crate::time::{DeadlineHeap, HeapSlot, Timed, now_ns};

use super::cpu::cpu_number;
use super::timer;

/// Where an object stands among the alarms.
#[derive(Debug, Default)]
pub struct AlarmPlace {
    slot: HeapSlot,
    cpu: AtomicU32,
}

/// An object that something happens to at a point in time.
pub trait Alarm: Send + Sync {
    /// Its place.
    fn place(&self) -> &AlarmPlace;

    /// The time has come; the object is no longer among the alarms, unless it was set
    /// anew meanwhile. Interrupts are masked.
    fn ring(&self, now_ns: u64);
}

impl Timed for dyn Alarm {
    fn heap_slot(&self) -> &HeapSlot {
        &self.place().slot
    }
}

/// The alarms of a CPU.
struct Alarms {
    heap: SpinLock<DeadlineHeap<dyn Alarm>>,
    /// The first deadline, to be looked at without the lock; at most too early.
    first: AtomicU64,
}

static ALARMS: [Alarms; CPUS_MAX] = [const {
    Alarms {
        heap: SpinLock::new(DeadlineHeap::new()),
        first: AtomicU64::new(abi::NEVER),
    }
}; CPUS_MAX];

fn alarms(cpu: usize) -> &'static Alarms {
    ALARMS.get(cpu).unwrap_or(&ALARMS[0])
}

impl Alarms {
    /// Changes the heap, and says what its first deadline is then.
    fn change<R>(&self, change: impl FnOnce(&mut DeadlineHeap<dyn Alarm>) -> R) -> R {
        let mut heap = self.heap.lock();
        let result = change(&mut heap);
        let first = heap.next_deadline().unwrap_or(abi::NEVER);
        self.first.store(first, Ordering::Relaxed);
        result
    }
}

/// The first deadline of a CPU's alarms.
pub(super) fn next_deadline(cpu: usize) -> Option<u64> {
    let first = alarms(cpu).first.load(Ordering::Relaxed);
    (first != abi::NEVER).then_some(first)
}

/// Makes room for one more alarm on this CPU, so that the next [`set_alarm`] does not fail.
/// Interrupts are masked until then.
///
/// # Errors
/// [`AllocError`] where there is no memory.
pub fn reserve_alarm() -> Result<(), AllocError> {
    alarms(arch::cpu_id()).heap.lock().reserve()
}

/// Has an object that is not among the alarms ring when the time comes. Interrupts are masked.
///
/// # Errors
/// [`AllocError`] where there is no memory.
pub fn set_alarm(object: Ref<dyn Alarm>, deadline_ns: u64) -> Result<(), AllocError> {
    let me = arch::cpu_id();
    object.place().cpu.store(cpu_number(me), Ordering::Relaxed);
    let is_first = alarms(me).change(|heap| {
        heap.insert(deadline_ns, object)?;
        Ok(heap.next_deadline() == Some(deadline_ns))
    })?;
    if is_first {
        timer::program();
    }
    Ok(())
}

/// Takes an object out of the alarms, if it is among them.
pub fn cancel_alarm(object: &(dyn Alarm + 'static)) {
    if !object.place().slot.is_used() {
        return;
    }
    let cpu = object.place().cpu.load(Ordering::Relaxed) as usize;
    // The caller has a reference too, so none is the last.
    alarms(cpu).change(|heap| heap.remove(object));
}

/// Rings what is due on this CPU. So many at a time that other interrupts get a chance in
/// between: where more are due the CPU's alarm goes off again at once.
pub(super) fn ring_due(me: usize) {
    if next_deadline(me).is_none() {
        return;
    }
    let now = now_ns();
    for _ in 0..ALARMS_AT_ONCE_MAX {
        let Some(object) = alarms(me).change(|heap| heap.pop_due(now)) else {
            return;
        };
        object.ring(now);
    }
}
