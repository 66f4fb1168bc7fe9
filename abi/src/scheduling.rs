//! How the CPUs are shared: class, priority and affinity of a thread.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Who gets a CPU first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum SchedulingClass {
    /// A share of the CPU's time by weight; a step of priority is a quarter more.
    Fair = 0,
    /// Before every fair thread, by priority, and among equals whoever came first, until it
    /// waits or the budget of its job for this period is used up.
    RealTime = 1,
}

impl SchedulingClass {
    /// The class with this code.
    pub const fn from_code(code: u32) -> Option<SchedulingClass> {
        match code {
            0 => Some(SchedulingClass::Fair),
            1 => Some(SchedulingClass::RealTime),
            _ => None,
        }
    }
}

/// Lowest priority of a fair thread.
pub const FAIR_PRIORITY_MIN: i32 = -20;
/// Priority of a fair thread nobody said anything about.
pub const FAIR_PRIORITY_USUAL: i32 = 0;
/// Highest priority of a fair thread.
pub const FAIR_PRIORITY_MAX: i32 = 19;
/// Lowest priority of a real-time thread.
pub const REAL_TIME_PRIORITY_MIN: i32 = 0;
/// Highest priority of a real-time thread.
pub const REAL_TIME_PRIORITY_MAX: i32 = 31;

/// Period in which the real-time threads of a job may use its budget, in ns.
pub const REAL_TIME_PERIOD_NS: u64 = 10_000_000;
/// Most that a budget can be, in µs of each period on all CPUs together.
pub const REAL_TIME_BUDGET_MAX: u64 = 80_000;

/// An affinity that leaves out no CPU.
pub const EVERY_CPU: u64 = u64::MAX;

/// What `thread_set_scheduling` is given and `thread_scheduling` answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Scheduling {
    /// [`SchedulingClass`] code.
    pub class: u32,
    /// Priority in the class.
    pub priority: i32,
    /// Bit n: may run on CPU n. Bits of CPUs that do not run count for nothing, but one
    /// that runs has to be among them.
    pub affinity: u64,
}

impl Default for Scheduling {
    fn default() -> Self {
        Scheduling {
            class: SchedulingClass::Fair as u32,
            priority: FAIR_PRIORITY_USUAL,
            affinity: EVERY_CPU,
        }
    }
}

const _: () = assert!(size_of::<Scheduling>() == 16);

/// Buckets of the wake-up latencies.
pub const LATENCY_BUCKETS: usize = 16;

/// How a thread stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum ThreadStanding {
    /// It has a CPU.
    Running = 0,
    /// It could run.
    Ready = 1,
    /// It waits.
    Waiting = 2,
    /// It has ended.
    Ended = 3,
}

/// One row of the list of threads of `system_info`. Counters are those of departures
/// through a queue; a call that goes straight from thread to thread is in none of them.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ThreadInfo {
    /// Number of the thread, never used twice.
    pub id: u64,
    /// Number of its process.
    pub process: u64,
    /// [`SchedulingClass`] code.
    pub class: u32,
    /// Priority in the class.
    pub priority: i32,
    /// CPUs it may run on, as in [`Scheduling`].
    pub affinity: u64,
    /// [`ThreadStanding`] code.
    pub state: u32,
    /// CPU it runs on, or ran on last.
    pub cpu: u32,
    /// ns on a CPU.
    pub run_ns: u64,
    /// ns ready, without a CPU.
    pub wait_ns: u64,
    /// ns from the beginning of waits to their end.
    pub sleep_ns: u64,
    /// Turns on a CPU.
    pub turns: u64,
    /// Times another thread took the CPU from it, the end of its slice included.
    pub preemptions: u64,
    /// Times it gave the CPU to others.
    pub yields: u64,
    /// Times it began to wait.
    pub sleeps: u64,
    /// Times it became ready after a wait.
    pub wakeups: u64,
    /// Turns on another CPU than the one before.
    pub migrations: u64,
    /// ns from waking to running, all together.
    pub latency_ns: u64,
    /// How often that took up to 1 µs, 2 µs, 4 µs and so on; the last: longer.
    pub latencies: [u32; LATENCY_BUCKETS],
}

const _: () = assert!(size_of::<ThreadInfo>() == 184);
