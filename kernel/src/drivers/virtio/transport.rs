//! Finding a device in a transport slot.

use core::ptr::NonNull;

use virtio_drivers::transport::mmio::{MmioTransport, VirtIOHeader};
use virtio_drivers::transport::{DeviceType, Transport};

use crate::word;

/// What a slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VirtioKind {
    /// A disk.
    Block,
    /// A source of random bytes.
    Entropy,
    /// Something no driver is there for.
    Other,
}

/// A device does not behave as the specification says, or there is no memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VirtioError(pub &'static str);

impl From<virtio_drivers::Error> for VirtioError {
    fn from(error: virtio_drivers::Error) -> Self {
        VirtioError(match error {
            virtio_drivers::Error::QueueFull => "its queue is full",
            virtio_drivers::Error::DmaError => "there is no memory for its queue",
            virtio_drivers::Error::AlreadyUsed => "its queue is in use already",
            _ => "it does not answer as a virtio device should",
        })
    }
}

/// What is in the slot whose registers are at `base`; `None` where it is empty.
pub fn probe_virtio(base: u64, bytes: u64) -> Option<VirtioKind> {
    Some(match open(base, bytes)?.device_type() {
        DeviceType::Block => VirtioKind::Block,
        DeviceType::EntropySource => VirtioKind::Entropy,
        _ => VirtioKind::Other,
    })
}

pub(super) fn open(base: u64, bytes: u64) -> Option<MmioTransport<'static>> {
    let header = NonNull::new(base as *mut VirtIOHeader)?;
    // SAFETY: the registers are mapped for ever as device memory, `bytes` of them.
    // Looking at a slot and then driving it happens in this order on one CPU.
    unsafe { MmioTransport::new(header, word::index(bytes)) }.ok()
}
