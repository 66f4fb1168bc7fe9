//! Physical memory as one allocation; tables are built but never walked.

use crate::word;

use super::std;
use super::std::sync::OnceLock;
use super::std::vec::Vec;

/// Bytes of pretended physical memory.
pub const MEMORY_BYTES: usize = 64 << 20;
/// Physical address where it begins.
pub const MEMORY_START: u64 = 0x4000_0000;

static MEMORY: OnceLock<usize> = OnceLock::new();

fn memory() -> usize {
    *MEMORY.get_or_init(|| {
        let bytes: Vec<u8> = std::vec![0; MEMORY_BYTES + (4 << 20)];
        (bytes.leak().as_mut_ptr() as usize).next_multiple_of(2 << 20)
    })
}

/// Where a physical address is.
pub fn phys_to_virt(address: u64) -> *mut u8 {
    let offset = address.checked_sub(MEMORY_START).map(word::index);
    let inside = offset.filter(|offset| *offset < MEMORY_BYTES);
    memory().saturating_add(inside.expect("an address of the pretended memory")) as *mut u8
}

/// The physical address of a place in the pretended memory.
pub fn virt_to_phys(pointer: *const u8) -> u64 {
    (pointer as usize)
        .checked_sub(memory())
        .and_then(|offset| MEMORY_START.checked_add(offset as u64))
        .expect("a place in the pretended memory")
}

/// As on the machine.
#[derive(Clone, Copy, Debug)]
pub struct ImageLayout {
    /// First byte.
    pub start: u64,
    /// End of the code.
    pub text_end: u64,
    /// End of the constants.
    pub rodata_end: u64,
    /// End of what only the self-relocation writes.
    pub relro_end: u64,
    /// End of everything.
    pub end: u64,
    /// Physical address of the first byte.
    pub phys: u64,
}

/// No image.
pub fn image_layout() -> ImageLayout {
    ImageLayout {
        start: 0,
        text_end: 0,
        rodata_end: 0,
        relro_end: 0,
        end: 0,
        phys: 0,
    }
}

/// Nothing to activate.
pub fn activate_kernel_table(_table: u64, _empty: u64) {}
/// No table.
pub fn empty_table() -> u64 {
    0
}
/// Nothing to publish.
pub fn publish_tables() {}
/// Nothing to order.
pub fn dma_barrier() {}
/// Nothing to leave.
pub fn leave_program_space() {}
/// Nothing to flush.
pub fn flush_all() {}
/// Nothing to flush.
pub fn flush_asid(_asid: u16) {}
/// Nothing to flush.
pub fn flush_page(_asid: u16, _address: u64) {}

/// Nothing to map.
pub fn extend_boot_map(_start: u64, _end: u64) {}

/// Nothing behind no image.
pub fn image_tail() -> &'static [u8] {
    &[]
}
