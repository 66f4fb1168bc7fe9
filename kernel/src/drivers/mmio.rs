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
        let register = self.register(offset, 4);
        // SAFETY: inside the device memory that was mapped for this device.
        unsafe { (register as *const u32).read_volatile() }
    }

    /// Writes the 64-bit register at `offset`, most significant byte first.
    pub(super) fn write_be64(&self, offset: u64, value: u64) {
        let register = self.register(offset, 8);
        // SAFETY: as in `read32`.
        unsafe { (register as *mut u64).write_volatile(value.to_be()) };
    }

    /// Address of a register of `bytes` bytes, which lies in the device.
    fn register(&self, offset: u64, bytes: u64) -> u64 {
        let end = offset.checked_add(bytes);
        let inside = end.is_some_and(|end| end <= self.bytes);
        assert!(inside, "register beyond the device");
        self.base.saturating_add(offset)
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
