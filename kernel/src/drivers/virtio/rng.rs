//! VirtIO entropy device (VirtIO 1.2, section 5.4), read once at boot.

use alloc::vec::Vec;

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
    // The device writes to the heap: `out` may be on a stack, which has no address that a
    // device could be told.
    let mut buffer = Vec::new();
    buffer
        .try_reserve_exact(out.len())
        .map_err(|_| VirtioError("no memory for what it gives"))?;
    buffer.resize(out.len(), 0);
    let count = device.request_entropy(&mut buffer)?.min(out.len());
    for (to, from) in out.iter_mut().zip(buffer.iter().take(count)) {
        *to = *from;
    }
    Ok(count)
}
