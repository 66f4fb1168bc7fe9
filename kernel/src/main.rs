//! The bare-metal binary: entry, panic handler, global allocator.
#![no_std]
#![no_main]

use kernel::arch::BootInfo;
use kernel::mm::KernelHeap;

#[global_allocator]
static HEAP: KernelHeap = KernelHeap;

/// Called by the machine's start-up code.
#[unsafe(no_mangle)]
fn kernel_main(info: BootInfo) -> ! {
    kernel::init::start(info)
}

/// Called before that, at the address the kernel was linked for.
#[unsafe(no_mangle)]
fn kernel_place(info: BootInfo) -> Option<u64> {
    kernel::init::place(&info)
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    kernel::init::panic::report(info)
}
