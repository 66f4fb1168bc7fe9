//! Zeroing and copying memory: whole pages, and what the compiler calls.

use core::arch::global_asm;

global_asm!(include_str!("memory.S"), options(raw));
global_asm!(include_str!("page_memory.S"), options(raw));

unsafe extern "C" {
    fn page_zero(page: *mut u8);
    fn page_copy(destination: *mut u8, source: *const u8);
}

/// Zeroes the page at `page`.
///
/// # Safety
/// `page` is the start of a mapped page that nobody else uses.
#[inline(always)]
pub unsafe fn zero_page(page: *mut u8) {
    // SAFETY: by the caller.
    unsafe { page_zero(page) }
}

/// Copies the page at `source` to the one at `destination`.
///
/// # Safety
/// Both are starts of mapped pages, and nobody else uses the one at `destination`.
#[inline(always)]
pub unsafe fn copy_page(destination: *mut u8, source: *const u8) {
    // SAFETY: by the caller.
    unsafe { page_copy(destination, source) }
}
