//! A place for one reference, without a lock.

use crate::arch::atomic::{AtomicPtr, Ordering};
use core::fmt;
use core::marker::PhantomData;
use core::ptr::{NonNull, null_mut};

use super::{Ref, unless_planted};

/// Holds a [`Ref`] or nothing.
pub struct RefSlot<T> {
    place: AtomicPtr<T>,
    owns: PhantomData<Ref<T>>,
}

impl<T> RefSlot<T> {
    /// Empty.
    pub const fn new() -> Self {
        RefSlot {
            place: AtomicPtr::new(null_mut()),
            owns: PhantomData,
        }
    }

    /// Puts a reference in; one that was there is dropped.
    #[inline]
    pub fn put(&self, value: Ref<T>) {
        drop(self.exchange(value.into_raw().as_ptr()));
    }

    /// Whether nothing is in it just now.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.place.load(Ordering::Relaxed).is_null()
    }

    /// Takes the reference out.
    #[inline]
    pub fn take(&self) -> Option<Ref<T>> {
        self.exchange(null_mut())
    }

    /// As [`RefSlot::take`], where nobody else touches the slot at the same time.
    #[inline(always)]
    pub fn take_alone(&self) -> Option<Ref<T>> {
        let old = self
            .place
            .load(unless_planted("reference-slot", Ordering::Acquire));
        sched_point!();
        self.place.store(null_mut(), Ordering::Relaxed);
        // SAFETY: as in `exchange`, by what the caller says.
        NonNull::new(old).map(|old| unsafe { Ref::from_raw(old) })
    }

    /// As [`RefSlot::put`] into a slot that the caller knows to be empty, and that nobody
    /// else touches at the same time.
    #[inline(always)]
    pub fn fill(&self, value: Ref<T>) {
        debug_assert!(self.place.load(Ordering::Relaxed).is_null());
        self.place
            .store(value.into_raw().as_ptr(), Ordering::Release);
        sched_point!();
    }

    /// The place itself, for [`super::RunningCell`].
    #[inline(always)]
    pub(super) fn place(&self) -> &AtomicPtr<T> {
        &self.place
    }

    #[inline]
    fn exchange(&self, new: *mut T) -> Option<Ref<T>> {
        sched_point!();
        let old = self
            .place
            .swap(new, unless_planted("reference-slot", Ordering::AcqRel));
        // SAFETY: a pointer in the place is a reference that `put` gave up; the swap makes
        // sure that it is taken back once.
        NonNull::new(old).map(|old| unsafe { Ref::from_raw(old) })
    }
}

impl<T> Drop for RefSlot<T> {
    fn drop(&mut self) {
        drop(self.take());
    }
}

impl<T> Default for RefSlot<T> {
    fn default() -> Self {
        RefSlot::new()
    }
}

impl<T> fmt::Debug for RefSlot<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("RefSlot")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_owns_what_is_in_it() {
        let value = Ref::new(1).unwrap();
        let slot = RefSlot::new();
        assert!(slot.take().is_none());
        slot.put(value.clone());
        slot.put(value.clone());
        assert_eq!(value.references(), 2);
        assert!(slot.take().unwrap().same(&value));
        slot.put(value.clone());
        drop(slot);
        assert_eq!(value.references(), 1);
    }
}
