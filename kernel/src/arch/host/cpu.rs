//! What a CPU of the host says of itself.

#[cfg(feature = "model")]
pub use super::model::cpu::*;
#[cfg(not(feature = "model"))]
pub use super::single::*;

use super::atomic::AtomicU64;

bitflags::bitflags! {
    /// As on the machine.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Features: u32 {
        /// Privileged access never.
        const PAN = 1 << 0;
        /// Random number instruction.
        const RNDR = 1 << 1;
    }
}

/// No model.
pub fn cpu_model() -> u64 {
    0
}

/// No features.
pub fn features() -> Features {
    Features::empty()
}

/// No source.
pub fn hardware_random() -> Option<u64> {
    None
}

/// As on the machine.
#[derive(Debug, Default)]
pub struct CpuMarks {
    /// The identifier of the address space.
    pub space: AtomicU64,
    /// The domain whose values are read without locks.
    pub domain: AtomicU64,
}

/// Nobody makes calls here.
pub fn calls_made(_cpu: usize) -> u64 {
    0
}

/// Nothing interrupts here.
pub fn interrupts_taken(_cpu: usize) -> u64 {
    0
}

/// Nothing to synchronise.
pub fn synchronize_code() {}
