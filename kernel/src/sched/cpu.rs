//! The CPUs' run queues.

use crate::arch::{self, PENDING_ATTENTION, PENDING_RESCHEDULE};
use crate::limits::CPUS_MAX;
use crate::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::sync::{CpuCell, Queue, Ref, SpinLock};
use crate::word;

use super::thread::{Thread, state};
use super::timer;

/// What the scheduler keeps for one CPU.
#[derive(Debug)]
pub(super) struct CpuQueue {
    pub(super) ready: Queue<Thread>,
    pub(super) idle: Option<Ref<Thread>>,
    /// A thread that ended here; dropped once its stack is no longer in use.
    pub(super) dead: Option<Ref<Thread>>,
    /// When the running thread's slice ends.
    pub(super) slice_end: u64,
    /// When the running thread was switched to.
    pub(super) switched_at: u64,
}

pub(super) static QUEUES: [SpinLock<CpuQueue>; CPUS_MAX] = [const {
    SpinLock::new(CpuQueue {
        ready: Queue::new(),
        idle: None,
        dead: None,
        slice_end: 0,
        switched_at: 0,
    })
}; CPUS_MAX];

pub(super) static CURRENT: CpuCell<Thread> = CpuCell::new();
/// Bit set: the CPU has nothing to run.
pub(super) static IDLE: AtomicU32 = AtomicU32::new(0);
/// Bit set: the CPU schedules.
static RUNNING: AtomicU32 = AtomicU32::new(0);

/// Counters of one CPU.
#[derive(Debug)]
pub(super) struct Counters {
    pub(super) idle_ns: AtomicU64,
    pub(super) busy_ns: AtomicU64,
    pub(super) switches: AtomicU64,
}

pub(super) static COUNTERS: [Counters; CPUS_MAX] = [const {
    Counters {
        idle_ns: AtomicU64::new(0),
        busy_ns: AtomicU64::new(0),
        switches: AtomicU64::new(0),
    }
}; CPUS_MAX];

/// Times of one CPU.
#[derive(Clone, Copy, Debug, Default)]
pub struct CpuTimes {
    /// ns without work.
    pub idle_ns: u64,
    /// ns in threads.
    pub busy_ns: u64,
    /// Switches to another thread.
    pub switches: u64,
}

/// Times of a CPU up to its last switch.
pub fn cpu_times(cpu: usize) -> CpuTimes {
    COUNTERS
        .get(cpu)
        .map_or(CpuTimes::default(), |counters| CpuTimes {
            idle_ns: counters.idle_ns.load(Ordering::Relaxed),
            busy_ns: counters.busy_ns.load(Ordering::Relaxed),
            switches: counters.switches.load(Ordering::Relaxed),
        })
}

/// Number of CPUs that schedule.
pub fn cpus_running() -> u32 {
    RUNNING.load(Ordering::Relaxed).count_ones()
}

pub(super) fn set_running(cpu: usize) {
    RUNNING.fetch_or(1 << cpu, Ordering::AcqRel);
}

pub(super) fn queue(cpu: usize) -> &'static SpinLock<CpuQueue> {
    // CPU numbers come from `arch::cpu_id` and from homes, both below CPUS_MAX.
    QUEUES.get(cpu).unwrap_or(&QUEUES[0])
}

/// The number of a CPU as threads remember it.
pub(super) const fn cpu_number(cpu: usize) -> u32 {
    word::low_half(cpu as u64)
}

/// The CPU with the shortest queue, for a new thread.
pub(super) fn least_loaded() -> u32 {
    let running = RUNNING.load(Ordering::Relaxed);
    let idle = IDLE.load(Ordering::Relaxed) & running;
    if idle != 0 {
        return idle.trailing_zeros();
    }
    (0..CPUS_MAX)
        .filter(|cpu| running & (1 << cpu) != 0)
        .min_by_key(|cpu| queue(*cpu).lock().ready.len())
        .map_or(0, cpu_number)
}

/// Makes a thread that stands in `from` ready; nothing where it stands elsewhere.
pub(super) fn make_ready(thread: &Thread, from: u32) {
    let home = loop {
        let home = thread.home.load(Ordering::Relaxed);
        let mut queue = queue(home as usize).lock();
        if thread.home.load(Ordering::Relaxed) != home {
            continue;
        }
        if thread.state.load(Ordering::Relaxed) != from {
            return;
        }
        let Some(reference) = thread.held.lock().take() else {
            return;
        };
        thread.state.store(state::READY, Ordering::Relaxed);
        // A thread that was in no queue can always be queued.
        let pushed = queue.ready.push(reference);
        debug_assert!(pushed.is_ok(), "a blocked thread was in a queue");
        break home as usize;
    };
    announce(home);
}

/// Lets a CPU know of a new thread in the queue of `home`: an idle one if there is any.
fn announce(home: usize) {
    let me = arch::cpu_id();
    let idle = IDLE.load(Ordering::Acquire);
    let target = if idle == 0 || idle & (1 << home) != 0 {
        home
    } else {
        idle.trailing_zeros() as usize
    };
    if target == me {
        if idle & (1 << me) != 0 {
            arch::raise_pending(PENDING_RESCHEDULE);
        } else {
            timer::program();
        }
    } else {
        arch::send_ipi(target);
    }
}

/// Makes the CPU that runs a thread look at it.
pub(super) fn attract(thread: &Thread) {
    if thread.state.load(Ordering::Acquire) != state::RUNNING {
        return;
    }
    let home = thread.home.load(Ordering::Relaxed) as usize;
    if home == arch::cpu_id() {
        arch::raise_pending(PENDING_ATTENTION);
    } else {
        arch::send_ipi(home);
    }
}

/// The next thread for this CPU: from its own queue, or taken from another's.
pub(super) fn next_ready(me: usize) -> Option<Ref<Thread>> {
    if let Some(thread) = queue(me).lock().ready.pop() {
        return Some(thread);
    }
    let running = RUNNING.load(Ordering::Relaxed);
    (1..CPUS_MAX)
        .map(|distance| me.wrapping_add(distance) % CPUS_MAX)
        .filter(|cpu| running & (1 << cpu) != 0)
        .find_map(|cpu| steal(cpu, me))
}

fn steal(from: usize, me: usize) -> Option<Ref<Thread>> {
    let mut queue = queue(from).try_lock()?;
    let thread = queue.ready.pop_if(|thread| !thread.context.is_on_cpu())?;
    thread.home.store(cpu_number(me), Ordering::Relaxed);
    Some(thread)
}
