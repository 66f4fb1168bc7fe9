//! Boxes whose allocation can fail.

use alloc::alloc::alloc;
use alloc::boxed::Box;
use core::alloc::Layout;

use super::AllocError;

/// A box around `value`.
///
/// # Errors
/// [`AllocError`] where there is no memory; `value` is dropped.
pub fn try_box<T>(value: T) -> Result<Box<T>, AllocError> {
    try_box_with(|| value)
}

/// A box around a value that is made in place.
///
/// # Errors
/// [`AllocError`] where there is no memory; `make` is dropped.
#[inline(always)]
pub fn try_box_with<T>(make: impl FnOnce() -> T) -> Result<Box<T>, AllocError> {
    let layout = Layout::new::<T>();
    if layout.size() == 0 {
        return Ok(Box::new(make()));
    }
    // SAFETY: the layout has a size.
    let place = unsafe { alloc(layout) }.cast::<T>();
    if place.is_null() {
        return Err(AllocError);
    }
    // SAFETY: `place` was just allocated with the layout of `T` by the global allocator,
    // which is what a `Box` frees it with.
    unsafe {
        place.write(make());
        Ok(Box::from_raw(place))
    }
}
