//! A reference that is set once.

use crate::arch::atomic::{AtomicPtr, Ordering};
use core::fmt;
use core::marker::PhantomData;
use core::ptr::{NonNull, null_mut};

use super::{Borrowed, Ref, unless_planted};

/// Holds nothing, and from some time on the same [`Ref`] for ever.
pub struct OnceRef<T> {
    place: AtomicPtr<T>,
    owns: PhantomData<Ref<T>>,
}

impl<T> OnceRef<T> {
    /// Not set.
    pub const fn new() -> Self {
        OnceRef {
            place: AtomicPtr::new(null_mut()),
            owns: PhantomData,
        }
    }

    /// Sets the reference unless it is set; returns whether it is now `value`.
    pub fn set(&self, value: &Ref<T>) -> bool {
        let new = value.clone().into_raw();
        let set = self.place.compare_exchange(
            null_mut(),
            new.as_ptr(),
            unless_planted("once-set", Ordering::AcqRel),
            Ordering::Acquire,
        );
        let Err(old) = set else { return true };
        // SAFETY: the reference just given up, which the place did not take.
        drop(unsafe { Ref::from_raw(new) });
        core::ptr::eq(old, new.as_ptr())
    }

    /// What was set, for whoever has acquired something that was released after that.
    #[inline(always)]
    pub fn get_after(&self) -> Option<Borrowed<'_, T>> {
        let value = NonNull::new(self.place.load(Ordering::Relaxed));
        // SAFETY: as in `get`.
        value.map(|value| unsafe { Borrowed::from_raw(value) })
    }

    /// What was set.
    #[inline(always)]
    pub fn get(&self) -> Option<Borrowed<'_, T>> {
        let value = NonNull::new(self.place.load(Ordering::Acquire));
        // SAFETY: once set, the reference stays until the place itself is dropped.
        value.map(|value| unsafe { Borrowed::from_raw(value) })
    }
}

impl<T> Drop for OnceRef<T> {
    fn drop(&mut self) {
        if let Some(value) = NonNull::new(*self.place.get_mut()) {
            // SAFETY: the reference that `set` gave up.
            drop(unsafe { Ref::from_raw(value) });
        }
    }
}

impl<T> Default for OnceRef<T> {
    fn default() -> Self {
        OnceRef::new()
    }
}

impl<T> fmt::Debug for OnceRef<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("OnceRef")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_stays() {
        let (first, second) = (Ref::new(1).unwrap(), Ref::new(2).unwrap());
        let place = OnceRef::new();
        assert!(place.get().is_none());
        assert!(place.set(&first) && !place.set(&second) && place.set(&first));
        assert_eq!(*place.get().unwrap(), 1);
        drop(place);
        assert_eq!((first.references(), second.references()), (1, 1));
    }
}
