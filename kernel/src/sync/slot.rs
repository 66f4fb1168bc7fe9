//! A place for one element that is not counted, taken by an atomic exchange.

use crate::arch::atomic::{AtomicPtr, Ordering};
use core::fmt;
use core::ptr::{NonNull, null_mut};

use super::{Borrowed, unless_planted};

/// Holds an element that lies in a [`super::Ref`], or nothing.
///
/// Whoever takes the element out owns what the element was put in for; an element is
/// taken out before it is dropped, which its type has to make sure of.
pub struct Slot<T> {
    place: AtomicPtr<T>,
}

impl<T> Slot<T> {
    /// Empty.
    pub const fn new() -> Self {
        Slot {
            place: AtomicPtr::new(null_mut()),
        }
    }

    /// Puts an element in; false where there is one already.
    #[inline(always)]
    pub fn offer(&self, element: &Borrowed<'_, T>) -> bool {
        sched_point!();
        let new = element.as_raw().as_ptr();
        self.place
            .compare_exchange(null_mut(), new, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    /// Takes the element out.
    #[inline(always)]
    pub fn take(&self) -> Option<Borrowed<'_, T>> {
        sched_point!();
        let order = unless_planted("slot-take", Ordering::AcqRel);
        let old = self.place.swap(null_mut(), order);
        // SAFETY: an element in a slot lies in a `Ref` and has not been dropped; the swap
        // gave it to this caller alone.
        NonNull::new(old).map(|old| unsafe { Borrowed::from_raw(old) })
    }

    /// Takes this very element out; false where it is not there (any more).
    #[inline]
    pub fn withdraw(&self, element: &T) -> bool {
        sched_point!();
        let old = core::ptr::from_ref(element).cast_mut();
        self.place
            .compare_exchange(old, null_mut(), Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Slot::new()
    }
}

impl<T> fmt::Debug for Slot<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Slot")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::Ref;

    #[test]
    fn an_element_is_taken_once() {
        let (first, second) = (Ref::new(1).unwrap(), Ref::new(2).unwrap());
        let slot = Slot::new();
        assert!(slot.take().is_none());
        assert!(slot.offer(&first.borrow()) && !slot.offer(&second.borrow()));
        assert!(!slot.withdraw(&second) && slot.withdraw(&first) && !slot.withdraw(&first));
        assert!(slot.offer(&second.borrow()));
        assert_eq!(*slot.take().unwrap(), 2);
        assert!(slot.take().is_none());
        assert_eq!((first.references(), second.references()), (1, 1));
    }
}
