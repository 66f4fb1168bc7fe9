//! References that are not counted because something else keeps the value.

use core::fmt;
use core::marker::PhantomData;
use core::ops::Deref;
use core::ptr::NonNull;

use super::Ref;

/// A value that lives in a [`Ref`], for as long as `'a` without counting.
///
/// It does not leave the thread that got it.
pub struct Borrowed<'a, T: ?Sized> {
    value: NonNull<T>,
    life: PhantomData<(&'a T, *const ())>,
}

impl<T: ?Sized> Borrowed<'_, T> {
    /// Takes a pointer for a borrow.
    ///
    /// # Safety
    /// `value` lies in a [`Ref`] that lives for `'a`.
    pub(super) unsafe fn from_raw(value: NonNull<T>) -> Self {
        Borrowed {
            value,
            life: PhantomData,
        }
    }

    pub(super) fn as_raw(&self) -> NonNull<T> {
        self.value
    }

    /// A counted reference to the value.
    #[inline]
    pub fn to_ref(&self) -> Ref<T> {
        // SAFETY: the value lies in a `Ref`; `ManuallyDrop` leaves that reference alone.
        let kept = core::mem::ManuallyDrop::new(unsafe { Ref::from_raw(self.value) });
        Ref::clone(&kept)
    }
}

impl<'a, T> Borrowed<'a, T> {
    /// The same value with its type widened, such as to a trait object:
    /// `borrowed.widen(|value| value)`.
    #[inline(always)]
    pub fn widen<U: ?Sized>(self, coerce: fn(*mut T) -> *mut U) -> Borrowed<'a, U> {
        let wide = coerce(self.value.as_ptr());
        assert!(
            core::ptr::addr_eq(wide, self.value.as_ptr()),
            "widening must not change the address"
        );
        // SAFETY: the address is that of a value in a `Ref` that lives for `'a`.
        unsafe { Borrowed::from_raw(NonNull::new_unchecked(wide)) }
    }
}

impl<T: ?Sized> Clone for Borrowed<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for Borrowed<'_, T> {}

impl<T: ?Sized> Deref for Borrowed<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the value lives for the lifetime of the borrow.
        unsafe { self.value.as_ref() }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Borrowed<'_, T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(out)
    }
}
