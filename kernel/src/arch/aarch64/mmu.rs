//! The memory management unit: translation registers, TLB, the physical map.

use core::arch::asm;
use core::sync::atomic::{AtomicU64, Ordering};

use aarch64_cpu::asm::barrier::{ISH, ISHST, SY, dsb, isb};
use aarch64_cpu::registers::{ReadWriteable, SCTLR_EL1, TTBR0_EL1, TTBR1_EL1, Writeable};

use crate::arch::{Descriptor, KERNEL_STACKS_BASE, MemoryType, PHYS_MAP_BASE, PageFlags};
use crate::word;

static IMAGE_PHYS: AtomicU64 = AtomicU64::new(0);
static KERNEL_TABLE: AtomicU64 = AtomicU64::new(0);
static EMPTY_TABLE: AtomicU64 = AtomicU64::new(0);

pub(super) fn set_image(image: u64) {
    IMAGE_PHYS.store(image, Ordering::Relaxed);
}

/// Where a physical address is seen by the kernel.
pub const fn phys_to_virt(address: u64) -> *mut u8 {
    // Wraps for nothing that is an address of memory: those have 48 bits at most.
    address.wrapping_add(PHYS_MAP_BASE) as *mut u8
}

/// The physical address behind a pointer into the physical map.
pub fn virt_to_phys(pointer: *const u8) -> u64 {
    debug_assert!(
        (pointer as u64) < KERNEL_STACKS_BASE,
        "not in the physical map"
    );
    (pointer as u64).wrapping_sub(PHYS_MAP_BASE)
}

pub(super) fn image_to_phys(address: u64) -> u64 {
    let offset = address.wrapping_sub(image_layout().start);
    offset.wrapping_add(IMAGE_PHYS.load(Ordering::Relaxed))
}

/// The physical address behind any mapped kernel address, by the MMU's own walk.
pub(super) fn kernel_virt_to_phys(address: u64) -> u64 {
    let result: u64;
    // SAFETY: AT S1E1R has no effect beyond PAR_EL1.
    unsafe {
        asm!("at s1e1r, {}", "isb", "mrs {}, par_el1", in(reg) address, out(reg) result,
            options(nostack));
    }
    (result & 0x0000_ffff_ffff_f000) | (address & 0xfff)
}

/// Where the parts of the image end, as addresses.
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

/// The image's layout, from the linker script.
pub fn image_layout() -> ImageLayout {
    unsafe extern "C" {
        static __image_start: u8;
        static __text_end: u8;
        static __rodata_end: u8;
        static __relro_end: u8;
        static __image_end: u8;
    }
    ImageLayout {
        start: &raw const __image_start as u64,
        text_end: &raw const __text_end as u64,
        rodata_end: &raw const __rodata_end as u64,
        relro_end: &raw const __relro_end as u64,
        end: &raw const __image_end as u64,
        phys: IMAGE_PHYS.load(Ordering::Relaxed),
    }
}

/// What the image builder appended to the image, behind the memory that the kernel
/// zeroes: from the image's end to the size in its header.
pub fn image_tail() -> &'static [u8] {
    /// Where the header has the size of everything, in bytes.
    const SIZE: u64 = 16;
    const TAIL_BYTES_MAX: u64 = 16 << 20;
    let image = image_layout();
    // SAFETY: the header is part of the image, which is mapped.
    let size = unsafe { (image.start.saturating_add(SIZE) as *const u64).read() };
    let own = image.end.saturating_sub(image.start);
    let tail = size.saturating_sub(own);
    if tail == 0 || tail > TAIL_BYTES_MAX {
        return &[];
    }
    let place = phys_to_virt(image.phys.saturating_add(own));
    // SAFETY: the boot loader has put that many bytes there; start-up keeps them reserved.
    unsafe { core::slice::from_raw_parts(place, word::index(tail)) }
}

/// Adds all memory to the physical map of the boot tables, a GiB at a time, so that the
/// final tables can be built anywhere in it.
pub fn extend_boot_map(start: u64, end: u64) {
    unsafe extern "C" {
        static boot_l1_phys: [AtomicU64; 512];
    }
    const GIB: u64 = 1 << 30;
    for block in (start / GIB)..end.div_ceil(GIB).min(512) {
        let address = block.saturating_mul(GIB);
        let entry = Descriptor::block(address, MemoryType::Normal, PageFlags::WRITE);
        // SAFETY: the boot table is in .bss; entries are written whole, and an entry that
        // is there already maps the same block the same way.
        unsafe { boot_l1_phys[word::index(block)].store(entry.0, Ordering::Relaxed) };
    }
    publish_tables();
}

/// Switches to the kernel's final table, and with it to write-xor-execute.
///
/// The first call also remembers `table` for the CPUs that start later, and `empty`
/// as the table of threads without a program.
pub fn activate_kernel_table(table: u64, empty: u64) {
    KERNEL_TABLE.store(table, Ordering::Relaxed);
    EMPTY_TABLE.store(empty, Ordering::Relaxed);
    dsb(SY);
    TTBR1_EL1.set(table);
    TTBR0_EL1.set(empty);
    isb(SY);
    flush_all();
    SCTLR_EL1.modify(SCTLR_EL1::WXN::Enable);
    isb(SY);
}

pub(super) fn kernel_translation() -> u64 {
    KERNEL_TABLE.load(Ordering::Relaxed)
}

/// `TTBR0_EL1` of a thread without a program.
pub fn empty_table() -> u64 {
    EMPTY_TABLE.load(Ordering::Relaxed)
}

/// Finishes the set-up of a CPU that boot.S has brought into the kernel's table.
pub(super) fn secondary_protection() {
    TTBR0_EL1.set(empty_table());
    isb(SY);
    flush_all();
    SCTLR_EL1.modify(SCTLR_EL1::WXN::Enable);
    isb(SY);
}

/// Makes new table entries visible to every CPU's table walks.
#[inline(always)]
pub fn publish_tables() {
    dsb(ISHST);
    isb(SY);
}

/// Orders memory accesses against a device's.
pub fn dma_barrier() {
    dsb(SY);
}

/// Lets this CPU run in no program's space, and drops all it knows of any.
pub fn leave_program_space() {
    TTBR0_EL1.set(empty_table());
    isb(SY);
    // SAFETY: dropping cached translations is always allowed.
    unsafe { asm!("tlbi vmalle1", options(nostack, preserves_flags)) };
    dsb(ISH);
    isb(SY);
}

/// Forgets every translation on every CPU.
pub fn flush_all() {
    dsb(ISHST);
    // SAFETY: dropping cached translations is always allowed.
    unsafe { asm!("tlbi vmalle1is", options(nostack, preserves_flags)) };
    dsb(ISH);
    isb(SY);
}

/// Forgets every translation of an address space on every CPU.
pub fn flush_asid(asid: u16) {
    dsb(ISHST);
    // SAFETY: as in `flush_all`.
    unsafe {
        asm!("tlbi aside1is, {}", in(reg) u64::from(asid) << 48, options(nostack, preserves_flags));
    }
    dsb(ISH);
    isb(SY);
}

/// Forgets the translation of one page on every CPU; ASID 0 means a kernel page.
pub fn flush_page(asid: u16, address: u64) {
    let operand = (u64::from(asid) << 48) | ((address >> 12) & 0x0fff_ffff_ffff);
    dsb(ISHST);
    // SAFETY: as in `flush_all`.
    unsafe {
        if asid == 0 {
            asm!("tlbi vaae1is, {}", in(reg) operand, options(nostack, preserves_flags));
        } else {
            asm!("tlbi vae1is, {}", in(reg) operand, options(nostack, preserves_flags));
        }
    }
    dsb(ISH);
    isb(SY);
}

/// Writes cached bytes back, for a reader that has its caches off.
pub(super) fn clean_to_memory(start: u64, bytes: usize) {
    let end = start.saturating_add(bytes as u64);
    for line in (start & !63..end).step_by(64) {
        // SAFETY: the range is mapped; cleaning changes no contents.
        unsafe { asm!("dc cvac, {}", in(reg) line, options(nostack, preserves_flags)) };
    }
    dsb(SY);
}
