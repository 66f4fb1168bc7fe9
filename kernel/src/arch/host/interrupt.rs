//! No interrupt controller.

/// As on the machine.
#[derive(Clone, Copy, Debug)]
pub enum GicConfig {
    /// Version 2.
    V2 {
        /// Distributor.
        distributor: u64,
        /// CPU interface.
        cpu_interface: u64,
    },
    /// Version 3.
    V3 {
        /// Distributor.
        distributor: u64,
        /// First redistributor.
        redistributors: u64,
    },
}

/// None.
pub fn gic_version() -> u32 {
    0
}

/// Nothing to set up.
///
/// # Errors
/// Never.
pub fn init_gic(_config: GicConfig, _cpus: usize) -> Result<(), &'static str> {
    Ok(())
}

/// Nothing to set up.
pub fn init_gic_cpu() {}

/// Nothing to enable.
pub fn enable_line(_number: u32, _edge: bool) {}

/// Nobody to interrupt.
#[cfg(not(feature = "model"))]
pub fn send_ipi(_cpu: usize) {}

#[cfg(feature = "model")]
pub use super::model::cpu::send_ipi;
