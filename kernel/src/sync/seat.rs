//! A place behind a lock for one element that is not counted.
#![allow(unsafe_code, reason = "the element is a pointer")]

use core::fmt;
use core::ptr::NonNull;

use super::Borrowed;

/// Holds an element that lies in a [`super::Ref`], or nothing.
///
/// An element is taken out before it is dropped, which its type has to make sure of: a
/// thread that waits ends its wait before it ends.
pub struct Seat<T: ?Sized> {
    element: Option<NonNull<T>>,
}

// SAFETY: a seat only leads to its element, which is shared between threads.
unsafe impl<T: ?Sized + Send + Sync> Send for Seat<T> {}

impl<T: ?Sized> Seat<T> {
    /// Empty.
    pub const fn new() -> Self {
        Seat { element: None }
    }

    /// Whether nothing is in it.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.element.is_none()
    }

    /// Puts an element in; false where there is one already.
    #[inline(always)]
    pub fn offer(&mut self, element: &Borrowed<'_, T>) -> bool {
        let is_free = self.element.is_none();
        if is_free {
            self.element = Some(element.as_raw());
        }
        is_free
    }

    /// Takes the element out.
    #[inline(always)]
    pub fn take(&mut self) -> Option<Borrowed<'_, T>> {
        let element = self.element.take()?;
        // SAFETY: an element in a seat lies in a `Ref` and has not been dropped.
        Some(unsafe { Borrowed::from_raw(element) })
    }

    /// Whether this very element is in it.
    pub fn has(&self, element: &T) -> bool {
        self.element
            .is_some_and(|here| core::ptr::addr_eq(here.as_ptr(), element))
    }
}

impl<T: ?Sized> Default for Seat<T> {
    fn default() -> Self {
        Seat::new()
    }
}

impl<T: ?Sized> fmt::Debug for Seat<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Seat")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::Ref;

    #[test]
    fn a_seat_has_one_element_that_it_does_not_count() {
        let (first, second) = (Ref::new(1).unwrap(), Ref::new(2).unwrap());
        let mut seat = Seat::new();
        assert!(seat.is_empty() && seat.take().is_none());
        assert!(seat.offer(&first.borrow()) && !seat.offer(&second.borrow()));
        assert!(seat.has(&first) && !seat.has(&second));
        assert_eq!(*seat.take().unwrap(), 1);
        assert!(seat.is_empty() && seat.offer(&second.borrow()));
        assert_eq!((first.references(), second.references()), (1, 1));
    }
}
