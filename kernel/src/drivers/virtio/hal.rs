//! Memory for queues: the kernel heap, which is physically contiguous.

use core::ptr::NonNull;

use alloc::alloc::{alloc_zeroed, dealloc};
use core::alloc::Layout;

use virtio_drivers::{BufferDirection, Hal, PAGE_SIZE, PhysAddr};

use crate::arch::{phys_to_virt, virt_to_phys};

/// The kernel's memory as `virtio-drivers` sees it.
#[derive(Debug)]
pub(super) struct KernelHal;

fn layout(pages: usize) -> Layout {
    let bytes = pages.checked_mul(PAGE_SIZE);
    bytes
        .and_then(|bytes| Layout::from_size_align(bytes, PAGE_SIZE).ok())
        .expect("queues are a few pages")
}

// SAFETY: blocks come from the kernel heap: page aligned, zeroed, nobody else's until
// they are freed, and contiguous in physical memory. The machine is cache coherent, so
// sharing a buffer needs nothing but its physical address.
unsafe impl Hal for KernelHal {
    fn dma_alloc(pages: usize, _direction: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        // SAFETY: the layout has a size.
        let block = unsafe { alloc_zeroed(layout(pages)) };
        match NonNull::new(block) {
            Some(pointer) => (virt_to_phys(block), pointer),
            // The package reads address 0 as "no memory".
            None => (0, NonNull::dangling()),
        }
    }

    unsafe fn dma_dealloc(_paddr: PhysAddr, vaddr: NonNull<u8>, pages: usize) -> i32 {
        // SAFETY: the block comes from `dma_alloc` with this number of pages.
        unsafe { dealloc(vaddr.as_ptr(), layout(pages)) };
        0
    }

    unsafe fn mmio_phys_to_virt(paddr: PhysAddr, _size: usize) -> NonNull<u8> {
        NonNull::new(phys_to_virt(paddr)).expect("the physical map does not start at 0")
    }

    unsafe fn share(buffer: NonNull<[u8]>, _direction: BufferDirection) -> PhysAddr {
        virt_to_phys(buffer.as_ptr().cast::<u8>())
    }

    unsafe fn unshare(_paddr: PhysAddr, _buffer: NonNull<[u8]>, _direction: BufferDirection) {}
}
