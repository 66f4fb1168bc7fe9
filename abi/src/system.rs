//! What can be asked about the whole system.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::scheduling::LATENCY_BUCKETS;

/// What `system_info` is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Topic {
    /// One [`MachineInfo`].
    Machine = 1,
    /// One [`MemoryInfo`].
    Memory = 2,
    /// As many [`crate::process::ProcessInfo`] as fit.
    Processes = 3,
    /// One [`CpuInfo`] for each CPU.
    Cpus = 4,
    /// UTF-8 text: the boot arguments.
    BootArguments = 5,
    /// UTF-8 text: version line of the kernel.
    Version = 6,
    /// As many [`crate::scheduling::ThreadInfo`] as fit.
    Threads = 7,
}

impl Topic {
    /// The topic with this code.
    pub const fn from_code(code: u64) -> Option<Topic> {
        match code {
            1 => Some(Topic::Machine),
            2 => Some(Topic::Memory),
            3 => Some(Topic::Processes),
            4 => Some(Topic::Cpus),
            5 => Some(Topic::BootArguments),
            6 => Some(Topic::Version),
            7 => Some(Topic::Threads),
            _ => None,
        }
    }
}

/// The machine and the running kernel.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct MachineInfo {
    /// ns since boot.
    pub uptime_ns: u64,
    /// CPUs that run.
    pub cpus: u32,
    /// CPUs the device tree names.
    pub cpus_present: u32,
    /// `MIDR_EL1` of the boot CPU.
    pub cpu_model: u64,
    /// Version of the interrupt controller, 2 or 3.
    pub gic_version: u32,
    /// Exception level the kernel was entered at, 1 or 2.
    pub entry_level: u32,
}

const _: () = assert!(size_of::<MachineInfo>() == 32);

/// Physical memory, in bytes. `total = free + kernel + heap + user + cache + tables`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct MemoryInfo {
    /// All of it.
    pub total: u64,
    /// Free pages.
    pub free: u64,
    /// Kernel image and boot-time tables.
    pub kernel: u64,
    /// Kernel heap and stacks.
    pub heap: u64,
    /// Pages of programs.
    pub user: u64,
    /// Cached file pages.
    pub cache: u64,
    /// Page tables of programs.
    pub tables: u64,
}

const _: () = assert!(size_of::<MemoryInfo>() == 56);

/// One CPU. `idle_ns + busy_ns` is the time since it began to schedule.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct CpuInfo {
    /// ns without work.
    pub idle_ns: u64,
    /// ns in threads, with the kernel's work for them.
    pub busy_ns: u64,
    /// ns spent choosing the next thread and going to it; a part of the two above,
    /// measured at one switch of 32.
    pub switch_ns: u64,
    /// Times another thread got the CPU through the queue.
    pub switches: u64,
    /// Interrupts taken.
    pub interrupts: u64,
    /// System calls entered.
    pub syscalls: u64,
    /// Times a thread lost the CPU to another.
    pub preemptions: u64,
    /// Times a thread gave it to others.
    pub yields: u64,
    /// Threads whose home this is that became ready after a wait.
    pub wakeups: u64,
    /// Turns of threads that had run on another CPU before.
    pub migrations: u64,
    /// ns from waking to running, of all threads that woke and ran here.
    pub latency_ns: u64,
    /// The longest of these times.
    pub latency_max_ns: u64,
    /// How many took up to 1 µs, 2 µs, 4 µs and so on; the last: longer.
    pub latencies: [u32; LATENCY_BUCKETS],
}

const _: () = assert!(size_of::<CpuInfo>() == 160);

/// What `power_control` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum PowerAction {
    /// Stop the machine.
    Off = 1,
    /// Start it anew.
    Reboot = 2,
}

impl PowerAction {
    /// The action with this code.
    pub const fn from_code(code: u64) -> Option<PowerAction> {
        match code {
            1 => Some(PowerAction::Off),
            2 => Some(PowerAction::Reboot),
            _ => None,
        }
    }
}
