//! The host does not boot.

/// As on the machine.
#[derive(Clone, Copy, Debug)]
pub struct BootInfo {
    /// Physical address of the device tree.
    pub device_tree: u64,
    /// Physical address of the kernel image.
    pub image: u64,
    /// Exception level at entry.
    pub entry_level: u64,
}

impl BootInfo {
    /// No device tree.
    pub fn device_tree_blob(&self) -> &'static [u8] {
        &[]
    }
}

/// As on the machine.
#[derive(Clone, Copy, Debug)]
pub struct CpuStart {
    /// Its number in the kernel.
    pub cpu: usize,
    /// Its affinity.
    pub affinity: u64,
    /// Top of its stack.
    pub stack_top: u64,
    /// Top of its emergency stack.
    pub emergency_top: u64,
    /// What it runs.
    pub entry: extern "C" fn() -> !,
}

/// There are no more CPUs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartError;

/// Always fails.
///
/// # Errors
/// The host has one CPU.
pub fn start_cpu(_start: &CpuStart) -> Result<(), StartError> {
    Err(StartError)
}

/// Nothing to do.
pub fn init_secondary_cpu() {}
