//! What the scheduler keeps for each CPU.

use abi::scheduling::LATENCY_BUCKETS;

use crate::arch::{self, PENDING_ATTENTION};
use crate::limits::CPUS_MAX;
use crate::sync::atomic::{AtomicU32, Ordering};
use crate::sync::{MaskedGuard, Ref, RunningCell, SpinLock, sched_point};
use crate::time::ns_of_ticks;
use crate::word;

use super::placement::{self, Notice};
use super::run_queue::{Arrival, Clocks, RunQueue};
use super::statistics::CpuCounters;
use super::thread::{Thread, state};
use super::trace;
use super::urgency::Urgency;

/// Ready threads of a CPU and its times; times in ticks of the counter.
#[derive(Debug)]
pub(super) struct CpuQueue {
    pub(super) run: RunQueue<Thread>,
    pub(super) idle: Option<Ref<Thread>>,
    /// A thread that ended here; dropped once its stack is no longer in use.
    pub(super) dead: Option<Ref<Thread>>,
    /// When the CPU's alarm goes off; `u64::MAX`: not at all.
    pub(super) alarm: u64,
    /// Somebody became ready who goes before the running thread.
    pub(super) look_again: bool,
    /// Whether the others are told that there is something for them.
    offering: bool,
    /// When the running thread was switched to.
    pub(super) switched_at: u64,
    pub(super) idle_ticks: u64,
    pub(super) busy_ticks: u64,
    pub(super) switches: u64,
    pub(super) counters: CpuCounters,
    /// Ticks of those switches that were measured.
    pub(super) measured: u64,
}

static CLOCKS: Clocks = Clocks::new();

/// On cache lines of its own.
#[derive(Debug)]
#[repr(align(64))]
struct Aligned(SpinLock<CpuQueue>);

static QUEUES: [Aligned; CPUS_MAX] = [const {
    Aligned(SpinLock::new(CpuQueue {
        run: RunQueue::new(&CLOCKS),
        idle: None,
        dead: None,
        alarm: u64::MAX,
        look_again: false,
        offering: false,
        switched_at: 0,
        idle_ticks: 0,
        busy_ticks: 0,
        switches: 0,
        counters: CpuCounters::new(),
        measured: 0,
    }))
}; CPUS_MAX];

pub(super) static CURRENT: RunningCell<Thread> = RunningCell::new();
/// Bit set: the CPU has nothing to run.
pub(super) static IDLE: AtomicU32 = AtomicU32::new(0);
/// Bit set: the CPU schedules.
static RUNNING: AtomicU32 = AtomicU32::new(0);

/// One switch of so many is measured, a power of two.
const MEASURED_SHARE: u64 = 32;

/// Times and counters of one CPU, as in `abi::system::CpuInfo`.
#[derive(Clone, Copy, Debug, Default)]
pub struct CpuTimes {
    /// ns without work.
    pub idle_ns: u64,
    /// ns in threads.
    pub busy_ns: u64,
    /// ns in switches, from a share of them.
    pub switch_ns: u64,
    /// Switches to another thread.
    pub switches: u64,
    /// Threads that lost the CPU.
    pub preemptions: u64,
    /// Threads that gave it away.
    pub yields: u64,
    /// Threads at home here that woke.
    pub wakeups: u64,
    /// Threads that came from another CPU.
    pub migrations: u64,
    /// ns from waking to running, all together.
    pub latency_ns: u64,
    /// The longest of these times, in ns.
    pub latency_max_ns: u64,
    /// How many of them were how long.
    pub latencies: [u32; LATENCY_BUCKETS],
}

/// Times of a CPU up to now, and its counters.
pub fn cpu_times(cpu: usize) -> CpuTimes {
    let queue = queue(cpu).lock();
    let turn = queue.ticks_of_turn();
    let (idle, busy) = if queue.run.turn_urgency() == Urgency::IDLE {
        (turn, 0)
    } else {
        (0, turn)
    };
    let counted = queue.counters;
    CpuTimes {
        idle_ns: ns_of_ticks(queue.idle_ticks.wrapping_add(idle)),
        busy_ns: ns_of_ticks(queue.busy_ticks.wrapping_add(busy)),
        switch_ns: ns_of_ticks(queue.measured.saturating_mul(MEASURED_SHARE)),
        switches: queue.switches,
        preemptions: counted.preemptions,
        yields: counted.yields,
        wakeups: counted.wakeups,
        migrations: counted.migrations,
        latency_ns: ns_of_ticks(counted.latency),
        latency_max_ns: ns_of_ticks(counted.latency_max),
        latencies: counted.latencies,
    }
}

/// Ticks of the turn under way on a running thread's CPU; 0 where it no longer runs there.
pub(super) fn ticks_of_turn(thread: &Thread) -> u64 {
    let home = thread.home.load(Ordering::Relaxed);
    let queue = queue(home as usize).lock();
    let runs = thread.state.load(Ordering::Relaxed) == state::RUNNING
        && thread.home.load(Ordering::Relaxed) == home;
    if runs { queue.ticks_of_turn() } else { 0 }
}

/// Number of CPUs that schedule.
pub fn cpus_running() -> u32 {
    running_mask().count_ones()
}

/// The CPUs that schedule, a bit for each.
pub(super) fn running_mask() -> u32 {
    RUNNING.load(Ordering::Relaxed)
}

/// The numbers of the CPUs that schedule.
pub(super) fn running_cpus() -> impl Iterator<Item = usize> {
    let running = running_mask();
    (0..CPUS_MAX).filter(move |cpu| running & (1 << cpu) != 0)
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

/// Makes a thread that stands in `from` ready; nothing where it stands elsewhere.
pub(super) fn make_ready(thread: &Thread, from: u32) {
    let irq = arch::irq_save();
    let (cpu, notice) = loop {
        let home = thread.home.load(Ordering::Relaxed);
        sched_point!();
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
        thread
            .statistics
            .wakes(arch::counter(), &mut queue.counters);
        if thread.is_traced() {
            trace::wakes(thread);
        }
        break place(token, home as usize, queue);
    };
    placement::tell(cpu, notice, thread.entity.affinity());
    arch::irq_restore(irq);
}

/// Puts a ready thread that is in no queue where it had best run; `queue` is that of its
/// home. Returns that CPU, and what to tell it.
pub(super) fn place(
    thread: Ref<Thread>,
    home: usize,
    mut queue: MaskedGuard<'_, CpuQueue>,
) -> (usize, Notice) {
    let target = placement::for_thread(&thread, home);
    if target == home {
        return (home, queue.admit(home, thread, Arrival::Woken));
    }
    thread.set_home(target);
    drop(queue);
    let mut queue = self::queue(target).lock_masked();
    (target, queue.admit(target, thread, Arrival::Woken))
}

/// Makes the CPU that runs a thread look at it.
pub(super) fn attract(thread: &Thread) {
    sched_point!();
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

impl CpuQueue {
    /// Adds a ready thread; returns what this queue's CPU is to be told.
    #[inline]
    pub(super) fn admit(&mut self, cpu: usize, thread: Ref<Thread>, arrival: Arrival) -> Notice {
        let notice = if thread.entity.allows(cpu) {
            let preempts = self.run.push(thread, arrival, arch::counter());
            self.look_again |= preempts;
            if preempts {
                Notice::Preempts
            } else if self.wants_alarm() {
                Notice::Look
            } else {
                Notice::Nothing
            }
        } else {
            self.run.push_leaving(thread);
            Notice::Leaves
        };
        self.show(cpu);
        notice
    }

    /// Lets the other CPUs see what there is here.
    #[inline]
    pub(super) fn show(&mut self, cpu: usize) {
        placement::show(cpu, &self.run);
        let offers = self.run.has_offers();
        if offers != self.offering {
            self.offering = offers;
            placement::offer(cpu, offers);
        }
    }

    /// Counts what the running thread has had since it was switched to or counted last.
    #[inline]
    pub(super) fn count(&mut self, running: &Thread, now: u64) {
        let spent = now.wrapping_sub(self.switched_at);
        self.switched_at = now;
        if running.is_idle {
            self.idle_ticks = self.idle_ticks.wrapping_add(spent);
        } else {
            self.busy_ticks = self.busy_ticks.wrapping_add(spent);
            running.count_ticks(spent);
            self.run.count(running, spent, now);
        }
    }

    /// Ticks since the running thread was switched to or counted last.
    fn ticks_of_turn(&self) -> u64 {
        // Not a difference below 0, should the CPUs' counters be apart.
        arch::counter().saturating_sub(self.switched_at)
    }

    /// Whether the switch that is counted as the last one is to be measured.
    #[inline]
    pub(super) fn is_measured(&self) -> bool {
        self.switches.is_multiple_of(MEASURED_SHARE)
    }

    /// Begins the turn of another thread.
    #[inline]
    pub(super) fn begin(&mut self, me: usize, previous: &Thread, next: &Thread, now: u64) {
        self.switches = self.switches.wrapping_add(1);
        next.count_turn();
        next.statistics
            .runs(cpu_number(me), now, &mut self.counters);
        self.run.begin_turn((!next.is_idle).then_some(next), now);
        if previous.is_idle != next.is_idle {
            if next.is_idle {
                IDLE.fetch_or(1 << me, Ordering::AcqRel);
            } else {
                IDLE.fetch_and(!(1 << me), Ordering::AcqRel);
            }
        }
    }

    /// Whether somebody waits for the end of the turn and no alarm comes by then.
    #[inline]
    pub(super) fn wants_alarm(&self) -> bool {
        self.alarm > self.run.next_look()
    }
}
