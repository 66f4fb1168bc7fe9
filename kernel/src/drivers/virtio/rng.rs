//! VirtIO entropy device (VirtIO 1.2, section 5.4), read once at boot.

use virtio_drivers::device::rng::VirtIORng;

use super::hal::KernelHal;
use super::transport::{VirtioError, open};

/// Reads random bytes from the device in a slot; returns how many it gave.
///
/// # Errors
/// [`VirtioError`] where the device fails.
pub fn read_virtio_rng(base: u64, bytes: u64, out: &mut [u8]) -> Result<usize, VirtioError> {
    let transport = open(base, bytes).ok_or(VirtioError("its slot is empty"))?;
    let mut device = VirtIORng::<KernelHal, _>::new(transport)?;
    Ok(device.request_entropy(out)?)
}
