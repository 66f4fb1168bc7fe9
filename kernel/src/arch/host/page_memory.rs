//! Zeroing and copying whole pages.

/// Zeroes the page at `page`.
///
/// # Safety
/// `page` is the start of a page of the pretended memory that nobody else uses.
pub unsafe fn zero_page(page: *mut u8) {
    // SAFETY: by the caller.
    unsafe { page.write_bytes(0, abi::PAGE_SIZE) }
}

/// Copies the page at `source` to the one at `destination`.
///
/// # Safety
/// Both are starts of pages of the pretended memory, not the same, and nobody else uses
/// the one at `destination`.
pub unsafe fn copy_page(destination: *mut u8, source: *const u8) {
    // SAFETY: by the caller.
    unsafe { destination.copy_from_nonoverlapping(source, abi::PAGE_SIZE) }
}
