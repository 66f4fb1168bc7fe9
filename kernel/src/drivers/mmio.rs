//! Device registers.

use safe_mmio::UniqueMmioPointer;

/// 32-bit registers of one device, mapped by the kernel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Registers {
    base: u64,
    bytes: u64,
}

impl Registers {
    /// The registers at a kernel address that `mm::map_device` returned.
    pub(super) const fn new(base: u64, bytes: u64) -> Self {
        Registers { base, bytes }
    }

    /// Reads the register at `offset`.
    pub(super) fn read32(&self, offset: u64) -> u32 {
        assert!(offset + 4 <= self.bytes, "register beyond the device");
        // SAFETY: inside the device memory that was mapped for this device.
        unsafe { ((self.base + offset) as *const u32).read_volatile() }
    }

    /// Writes the 64-bit register at `offset`, most significant byte first.
    pub(super) fn write_be64(&self, offset: u64, value: u64) {
        assert!(offset + 8 <= self.bytes, "register beyond the device");
        // SAFETY: as in `read32`.
        unsafe { ((self.base + offset) as *mut u64).write_volatile(value.to_be()) };
    }
}

/// The registers of a device as a typed block, for a driver that owns them.
///
/// The caller maps each device once and builds one driver for it.
pub(super) fn typed<T>(base: u64, bytes: u64) -> Option<UniqueMmioPointer<'static, T>> {
    if size_of::<T>() as u64 > bytes {
        return None;
    }
    let pointer = core::ptr::NonNull::new(base as *mut T)?;
    // SAFETY: the device memory is mapped for ever and large enough; one driver uses it.
    Some(unsafe { UniqueMmioPointer::new(pointer) })
}
