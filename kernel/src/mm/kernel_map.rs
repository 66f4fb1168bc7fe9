//! The kernel's own address space, the same on every CPU.
#![forbid(unsafe_code)]

use abi::PAGE_SIZE;

use crate::arch::{
    self, Descriptor, ImageLayout, KERNEL_STACKS_BASE, MMIO_BASE, MemoryType, PHYS_MAP_BASE,
    PageFlags,
};
use crate::sync::SpinLock;

use super::PAGE;
use super::frame::{Frame, Purpose};
use super::page_table::{NoTable, PageTable};

const BLOCK: u64 = 2 << 20;
const HUGE_BLOCK: u64 = 1 << 30;

static KERNEL_TABLE: SpinLock<Option<PageTable>> = SpinLock::new(None);

/// There was no memory for a kernel mapping, or a mapping made no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelMapError;

impl From<NoTable> for KernelMapError {
    fn from(_: NoTable) -> Self {
        KernelMapError
    }
}

/// Builds the final table and switches to it: all memory without execute permission, code
/// read-only, and the image's parts each with its own permission.
///
/// # Errors
/// [`KernelMapError`] where there is no memory for the tables.
pub fn init_kernel_map(ram_start: u64, ram_end: u64) -> Result<(), KernelMapError> {
    let image = arch::image_layout();
    let mut table = PageTable::new(Purpose::Kernel)?;
    map_ram(&mut table, ram_start, ram_end, &image)?;
    let parts = [
        (image.start, image.text_end, PageFlags::EXECUTE),
        (image.text_end, image.relro_end, PageFlags::empty()),
        (image.relro_end, image.end, PageFlags::WRITE),
    ];
    for (start, end, flags) in parts {
        for address in (start..end).step_by(PAGE_SIZE) {
            let page = Descriptor::page(image_phys(&image, address), MemoryType::Normal, flags);
            table.set(address, page)?;
        }
    }
    let empty = Frame::zeroed(Purpose::Kernel).ok_or(KernelMapError)?;
    arch::activate_kernel_table(table.root(), empty.into_address());
    *KERNEL_TABLE.lock() = Some(table);
    Ok(())
}

/// Where an address of the image is in physical memory: as far from its start.
fn image_phys(image: &ImageLayout, address: u64) -> u64 {
    image.phys.wrapping_add(address.wrapping_sub(image.start))
}

/// Where a physical address is in the map of all memory.
fn map_address(phys: u64) -> Result<u64, NoTable> {
    phys.checked_add(PHYS_MAP_BASE).ok_or(NoTable)
}

/// Maps memory for reading and writing, but the image's code and constants read-only.
fn map_ram(
    table: &mut PageTable,
    start: u64,
    end: u64,
    image: &ImageLayout,
) -> Result<(), NoTable> {
    let constant = (image.phys, image_phys(image, image.relro_end));
    let mut at = start & !(BLOCK - 1);
    while at < end {
        let behind = |bytes: u64| at.saturating_add(bytes);
        let overlaps = |bytes: u64| constant.0 < behind(bytes) && at < constant.1;
        let address = map_address(at)?;
        if at.is_multiple_of(HUGE_BLOCK) && behind(HUGE_BLOCK) <= end && !overlaps(HUGE_BLOCK) {
            let block = Descriptor::block(at, MemoryType::Normal, PageFlags::WRITE);
            table.set_block(address, 1, block)?;
            at = behind(HUGE_BLOCK);
        } else if !overlaps(BLOCK) {
            let block = Descriptor::block(at, MemoryType::Normal, PageFlags::WRITE);
            table.set_block(address, 2, block)?;
            at = behind(BLOCK);
        } else {
            for page in (at..behind(BLOCK)).step_by(PAGE_SIZE) {
                let inside = (constant.0..constant.1).contains(&page);
                let flags = if inside {
                    PageFlags::empty()
                } else {
                    PageFlags::WRITE
                };
                table.set(
                    map_address(page)?,
                    Descriptor::page(page, MemoryType::Normal, flags),
                )?;
            }
            at = behind(BLOCK);
        }
    }
    Ok(())
}

/// Maps device registers; returns their kernel address. Mapping the same registers again
/// gives the same address.
///
/// # Errors
/// [`KernelMapError`] where there is no memory for the tables.
pub fn map_device(phys: u64, bytes: u64) -> Result<u64, KernelMapError> {
    let mut guard = KERNEL_TABLE.lock();
    let table = guard.as_mut().ok_or(KernelMapError)?;
    let first = phys & !(PAGE - 1);
    let end = phys.checked_add(bytes).ok_or(KernelMapError)?;
    if end > KERNEL_STACKS_BASE - PHYS_MAP_BASE {
        return Err(KernelMapError);
    }
    for page in (first..end).step_by(PAGE_SIZE) {
        let descriptor = Descriptor::page(page, MemoryType::Device, PageFlags::WRITE);
        table.set(MMIO_BASE.saturating_add(page), descriptor)?;
    }
    arch::publish_tables();
    Ok(MMIO_BASE.saturating_add(phys))
}

/// Maps a page of the kernel heap's memory at `address`, for stacks.
pub(super) fn map_stack_page(address: u64, frame: Frame) -> Result<(), KernelMapError> {
    let mut guard = KERNEL_TABLE.lock();
    let table = guard.as_mut().ok_or(KernelMapError)?;
    let page = Descriptor::page(frame.address(), MemoryType::Normal, PageFlags::WRITE);
    table.set(address, page)?;
    // The entry owns the page from here on.
    frame.into_address();
    arch::publish_tables();
    Ok(())
}

/// Calls `visit` with the address and permissions of every page and block of the kernel's
/// table, for tests of the protection.
#[cfg(feature = "ktest")]
pub fn for_each_kernel_mapping(visit: &mut dyn FnMut(u64, PageFlags)) {
    if let Some(table) = KERNEL_TABLE.lock().as_ref() {
        table.for_each_entry(0xffff_0000_0000_0000, visit);
    }
}
