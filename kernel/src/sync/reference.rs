//! Counted references whose creation can fail.

use crate::arch::atomic::{AtomicUsize, Ordering, fence};
use alloc::alloc::{alloc, dealloc};
use core::alloc::Layout;
use core::any::Any;
use core::fmt;
use core::marker::PhantomData;
use core::ops::Deref;
use core::ptr::NonNull;

use super::{Borrowed, planted, unless_planted};

/// There was no memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllocError;

/// Bytes before the value; the count lies in them. Also the largest alignment.
const HEADER: usize = if cfg!(feature = "model") { 64 } else { 16 };

/// A count at which references are so many that the value is kept for ever.
const SATURATED: usize = usize::MAX / 2;

/// A shared reference to a value on the heap, freed with the last reference.
///
/// The count saturates: a value whose count ever reached half the address space is
/// leaked rather than freed while in use.
pub struct Ref<T: ?Sized> {
    value: NonNull<T>,
    owns: PhantomData<T>,
}

// SAFETY: as for `Arc`: the value is shared between threads, and the last of them drops it.
unsafe impl<T: ?Sized + Send + Sync> Send for Ref<T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send + Sync> Sync for Ref<T> {}

impl<T> Ref<T> {
    /// Moves `value` to the heap.
    ///
    /// # Errors
    /// [`AllocError`] where there is no memory; `value` is dropped.
    #[inline(always)]
    pub fn new(value: T) -> Result<Self, AllocError> {
        Self::new_with(|| value)
    }

    /// Makes a value on the heap.
    ///
    /// # Errors
    /// [`AllocError`] where there is no memory; `make` is dropped.
    #[inline(always)]
    pub fn new_with(make: impl FnOnce() -> T) -> Result<Self, AllocError> {
        const {
            assert!(
                align_of::<T>() <= HEADER,
                "alignment above the header's size"
            )
        };
        // SAFETY: the layout is never empty, it has the header.
        let block = unsafe { alloc(layout(size_of::<T>())) };
        if block.is_null() {
            return Err(AllocError);
        }
        // SAFETY: the block has room for the header and the value, both aligned.
        let value = unsafe {
            block.cast::<AtomicUsize>().write(AtomicUsize::new(1));
            let place = block.add(HEADER).cast::<T>();
            place.write(make());
            NonNull::new_unchecked(place)
        };
        Ok(Ref {
            value,
            owns: PhantomData,
        })
    }

    /// The same reference with its type widened, such as to a trait object:
    /// `reference.widen(|value| value)`.
    pub fn widen<U: ?Sized>(self, coerce: fn(*mut T) -> *mut U) -> Ref<U> {
        let wide = coerce(self.value.as_ptr());
        assert!(
            core::ptr::addr_eq(wide, self.value.as_ptr()),
            "widening must not change the address"
        );
        core::mem::forget(self);
        // SAFETY: the address is that of a non-null pointer.
        let value = unsafe { NonNull::new_unchecked(wide) };
        Ref {
            value,
            owns: PhantomData,
        }
    }
}

fn layout(value_size: usize) -> Layout {
    HEADER
        .checked_add(value_size)
        .and_then(|bytes| Layout::from_size_align(bytes, HEADER).ok())
        .expect("sizes of values are small")
}

impl<T: ?Sized> Ref<T> {
    fn count(&self) -> &AtomicUsize {
        // SAFETY: the count lies HEADER bytes before the value since `new`, and lives as
        // long as any reference.
        unsafe {
            &*self
                .value
                .as_ptr()
                .cast::<u8>()
                .sub(HEADER)
                .cast::<AtomicUsize>()
        }
    }

    /// The value, for as long as this reference.
    #[inline]
    pub fn borrow(&self) -> Borrowed<'_, T> {
        // SAFETY: the value lies in this reference.
        unsafe { Borrowed::from_raw(self.value) }
    }

    /// Whether both refer to the same value.
    pub fn same(&self, other: &Ref<T>) -> bool {
        core::ptr::addr_eq(self.value.as_ptr(), other.value.as_ptr())
    }

    /// Number of references, for statistics.
    pub fn references(&self) -> usize {
        self.count().load(Ordering::Relaxed)
    }

    /// Where the value is; the reference stays.
    pub(super) fn as_raw(&self) -> NonNull<T> {
        self.value
    }

    /// Gives up the reference without dropping it; [`Ref::from_raw`] takes it back.
    pub(super) fn into_raw(self) -> NonNull<T> {
        let value = self.value;
        core::mem::forget(self);
        value
    }

    /// Takes back what [`Ref::into_raw`] gave up.
    ///
    /// # Safety
    /// `value` comes from `into_raw` and is taken back once.
    pub(super) unsafe fn from_raw(value: NonNull<T>) -> Self {
        Ref {
            value,
            owns: PhantomData,
        }
    }
}

impl<T: ?Sized + Any> Ref<T> {
    /// The value as its own type, where it is a `U`.
    #[inline]
    pub fn downcast_borrow<U: Any>(&self) -> Option<Borrowed<'_, U>> {
        if (**self).type_id() != core::any::TypeId::of::<U>() {
            return None;
        }
        // SAFETY: the value is a `U` in a `Ref`, which lives as long as this reference.
        Some(unsafe { Borrowed::from_raw(self.value.cast::<U>()) })
    }

    /// The same reference with the value's own type, where it is a `U`.
    ///
    /// # Errors
    /// The reference itself, where the value is something else.
    pub fn downcast<U: Any>(self) -> Result<Ref<U>, Self> {
        if (*self).type_id() != core::any::TypeId::of::<U>() {
            return Err(self);
        }
        let value = self.value.cast::<U>();
        core::mem::forget(self);
        Ok(Ref {
            value,
            owns: PhantomData,
        })
    }
}

impl<T: ?Sized> Clone for Ref<T> {
    fn clone(&self) -> Self {
        let count = self.count();
        if count.fetch_add(1, Ordering::Relaxed) >= SATURATED {
            count.store(SATURATED, Ordering::Relaxed);
        }
        Ref {
            value: self.value,
            owns: PhantomData,
        }
    }
}

impl<T: ?Sized> Drop for Ref<T> {
    fn drop(&mut self) {
        let count = self.count();
        let before = count.fetch_sub(1, unless_planted("reference-drop", Ordering::Release));
        if before != 1 {
            if before >= SATURATED {
                count.store(SATURATED, Ordering::Relaxed);
            }
            return;
        }
        if !planted("reference-last") {
            fence(Ordering::Acquire);
        }
        // SAFETY: this was the last reference, so nobody else can reach the value; the
        // block was allocated in `new` with this layout.
        unsafe {
            let size = size_of_val(self.value.as_ref());
            core::ptr::drop_in_place(self.value.as_ptr());
            // Who still looks at it in a kernel that checks itself does not find it as it was.
            #[cfg(debug_assertions)]
            core::ptr::write_bytes(self.value.as_ptr().cast::<u8>(), 0xdf, size);
            dealloc(self.value.as_ptr().cast::<u8>().sub(HEADER), layout(size));
        }
    }
}

impl<T: ?Sized> Deref for Ref<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the value lives as long as any reference, and is only shared.
        unsafe { self.value.as_ref() }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Ref<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::atomic::AtomicU32;

    struct Counted<'a>(&'a AtomicU32);

    impl Drop for Counted<'_> {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn the_last_reference_drops_the_value_once() {
        let drops = AtomicU32::new(0);
        let first = Ref::new(Counted(&drops)).unwrap();
        let second = first.clone();
        drop(first);
        assert_eq!(drops.load(Ordering::Relaxed), 0);
        drop(second);
        assert_eq!(drops.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_widened_reference_comes_back_by_its_type() {
        let number = Ref::new(7u32).unwrap();
        let any: Ref<dyn Any> = number.widen(|value| value);
        let any = any.downcast::<u64>().unwrap_err();
        assert_eq!(*any.downcast::<u32>().unwrap(), 7);
    }

    #[test]
    fn a_saturated_count_never_frees() {
        let drops = AtomicU32::new(0);
        let value = Ref::new(Counted(&drops)).unwrap();
        value.count().store(SATURATED, Ordering::Relaxed);
        drop(value.clone());
        drop(value);
        assert_eq!(drops.load(Ordering::Relaxed), 0);
    }
}
