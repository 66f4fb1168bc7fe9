//! Jobs: limits and counters for a group of processes.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Number of [`JobResource`]s.
pub const JOB_RESOURCES: usize = 9;

/// A limit that is not set.
pub const NO_LIMIT: u64 = u64::MAX;

/// Weight of a job that was given none.
pub const CPU_SHARE_USUAL: u64 = 100;
/// Largest weight.
pub const CPU_SHARE_MAX: u64 = 10_000;

/// What a job counts and limits, with all jobs below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum JobResource {
    /// Pages of memory.
    Pages = 0,
    /// Pages of page tables.
    Tables = 1,
    /// Handles, in tables and in messages on their way.
    Handles = 2,
    /// Threads.
    Threads = 3,
    /// Processes, those counted that have ended while somebody can still ask about them.
    Processes = 4,
    /// Bytes of kernel objects, kernel stacks, handle tables and messages on their way.
    KernelBytes = 5,
    /// Bytes written to the kernel log: used since start, limited per second.
    LogBytes = 6,
    /// Used: CPU time in ns. The limit is a weight from 1 to [`CPU_SHARE_MAX`] against
    /// other jobs of the same parent.
    CpuShare = 7,
    /// Used: CPU time of real-time turns in ns. The limit is a budget in µs of each
    /// [`crate::scheduling::REAL_TIME_PERIOD_NS`], on all CPUs together, at most
    /// [`crate::scheduling::REAL_TIME_BUDGET_MAX`]; 0 at first.
    RealTime = 8,
}

impl JobResource {
    /// Every resource, in the order of its code.
    pub const ALL: [JobResource; JOB_RESOURCES] = [
        JobResource::Pages,
        JobResource::Tables,
        JobResource::Handles,
        JobResource::Threads,
        JobResource::Processes,
        JobResource::KernelBytes,
        JobResource::LogBytes,
        JobResource::CpuShare,
        JobResource::RealTime,
    ];

    /// The resource with this code.
    pub fn from_code(code: u64) -> Option<JobResource> {
        JobResource::ALL
            .into_iter()
            .find(|resource| *resource as u64 == code)
    }
}

/// Answer of `job_info`. The arrays are indexed by [`JobResource`] code.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct JobInfo {
    /// Number of the job, never used twice.
    pub id: u64,
    /// Number of the job it is below, 0 for the first.
    pub parent: u64,
    /// Processes that run in it and in all jobs below.
    pub running: u64,
    /// 1 once it was killed, else 0.
    pub killed: u64,
    /// What is used, here and below.
    pub used: [u64; JOB_RESOURCES],
    /// The limits set on this job, [`NO_LIMIT`] where there is none.
    pub limits: [u64; JOB_RESOURCES],
    /// How often a limit of this job refused something.
    pub refusals: [u64; JOB_RESOURCES],
}

const _: () = assert!(size_of::<JobInfo>() == 248);
