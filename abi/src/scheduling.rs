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
