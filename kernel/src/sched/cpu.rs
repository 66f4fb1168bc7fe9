//! The CPUs' run queues.

use crate::arch::{self, PENDING_ATTENTION, PENDING_RESCHEDULE};
use crate::limits::{CPUS_MAX, SLICE_NS};
use crate::sync::atomic::{AtomicU32, Ordering};
use crate::sync::{Queue, Ref, RunningCell, SpinLock};
use crate::time::ns_of_ticks;
use crate::word;

use super::thread::{Thread, state};
use super::timer;

/// What the scheduler keeps for one CPU; times in ticks of the counter.
#[derive(Debug)]
pub(super) struct CpuQueue {
    pub(super) ready: Queue<Thread>,
    pub(super) idle: Option<Ref<Thread>>,
    /// A thread that ended here; dropped once its stack is no longer in use.
    pub(super) dead: Option<Ref<Thread>>,
    /// When the running thread's slice ends.
    pub(super) slice_end: u64,
    /// Length of a slice.
    pub(super) slice_ticks: u64,
    /// When the CPU's alarm goes off; `u64::MAX`: not at all.
    pub(super) alarm: u64,
    /// When the running thread was switched to.
    pub(super) switched_at: u64,
    pub(super) idle_ticks: u64,
    pub(super) busy_ticks: u64,
    pub(super) switches: u64,
}

/// On cache lines of its own.
#[derive(Debug)]
#[repr(align(64))]
struct Aligned(SpinLock<CpuQueue>);

static QUEUES: [Aligned; CPUS_MAX] = [const {
    Aligned(SpinLock::new(CpuQueue {
        ready: Queue::new(),
        idle: None,
        dead: None,
        slice_end: 0,
        slice_ticks: 0,
        alarm: u64::MAX,
        switched_at: 0,
        idle_ticks: 0,
        busy_ticks: 0,
        switches: 0,
    }))
}; CPUS_MAX];

pub(super) static CURRENT: RunningCell<Thread> = RunningCell::new();
/// Bit set: the CPU has nothing to run.
pub(super) static IDLE: AtomicU32 = AtomicU32::new(0);
/// Bit set: the CPU schedules.
static RUNNING: AtomicU32 = AtomicU32::new(0);

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
    let queue = queue(cpu).lock();
    CpuTimes {
        idle_ns: ns_of_ticks(queue.idle_ticks),
        busy_ns: ns_of_ticks(queue.busy_ticks),
        switches: queue.switches,
    }
}

/// Ticks of the counter in a slice.
pub(super) fn slice_ticks() -> u64 {
    let ticks = u128::from(SLICE_NS).saturating_mul(u128::from(arch::counter_hz())) / 1_000_000_000;
    u64::try_from(ticks).unwrap_or(u64::MAX)
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
    &QUEUES.get(cpu).unwrap_or(&QUEUES[0]).0
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
    let irq = arch::irq_save();
    let (home, alarm) = loop {
        let home = thread.home.load(Ordering::Relaxed);
        let mut queue = queue(home as usize).lock_masked();
        if thread.home.load(Ordering::Relaxed) != home {
            continue;
        }
        if from == state::WAITING {
            thread.finish_wait();
        }
        let stands = thread.state.load(Ordering::Relaxed) == from;
        let Some(token) = stands.then(|| thread.held.take()).flatten() else {
            drop(queue);
            arch::irq_restore(irq);
            return;
        };
        thread.state.store(state::READY, Ordering::Relaxed);
        // A thread that was in no queue can always be queued.
        let pushed = queue.ready.push(token);
        debug_assert!(pushed.is_ok(), "a blocked thread was in a queue");
        break (home as usize, queue.wants_alarm());
    };
    announce(home, alarm);
    arch::irq_restore(irq);
}

/// Lets a CPU know of a new thread in the queue of `home`: an idle one if there is any.
pub(super) fn announce(home: usize, alarm: bool) {
    let me = arch::cpu_id();
    let idle = IDLE.load(Ordering::Acquire);
    let target = if idle == 0 || idle & (1 << home) != 0 {
        home
    } else {
        idle.trailing_zeros() as usize
    };
    if target != me {
        arch::send_ipi(target);
    } else if idle & (1 << me) != 0 {
        arch::raise_pending(PENDING_RESCHEDULE);
    } else if alarm {
        timer::program();
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

/// A thread for this CPU, taken from another's queue. This CPU's queue is locked.
#[inline]
pub(super) fn steal_for(me: usize) -> Option<Ref<Thread>> {
    let others = RUNNING.load(Ordering::Relaxed) & !(1 << me);
    if others == 0 {
        return None;
    }
    steal_from(others, me)
}

fn steal_from(others: u32, me: usize) -> Option<Ref<Thread>> {
    // From the next CPU on, round the circle.
    (1..CPUS_MAX)
        .map(|distance| me.wrapping_add(distance) % CPUS_MAX)
        .filter(|cpu| others & (1 << cpu) != 0)
        .find_map(|cpu| {
            // Another CPU may hold its own queue and want this one: nobody waits here.
            let mut queue = queue(cpu).try_lock()?;
            let thread = queue.ready.pop_if(|thread| !thread.context.is_on_cpu())?;
            thread.set_home(me);
            Some(thread)
        })
}
