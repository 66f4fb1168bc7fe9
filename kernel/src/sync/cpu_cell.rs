//! One reference for each CPU.

use core::fmt;
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicPtr, Ordering};

use crate::arch::{cpu_id, irq_restore, irq_save};
use crate::limits::CPUS_MAX;

use super::Ref;

/// Holds one [`Ref`] for each CPU; only that CPU changes its own.
pub struct CpuCell<T> {
    places: [AtomicPtr<T>; CPUS_MAX],
}

impl<T> CpuCell<T> {
    /// All empty.
    pub const fn new() -> Self {
        CpuCell {
            places: [const { AtomicPtr::new(null_mut()) }; CPUS_MAX],
        }
    }

    #[cfg_attr(
        not(test),
        expect(clippy::indexing_slicing, reason = "CPU numbers are below the limit")
    )]
    fn place(&self) -> &AtomicPtr<T> {
        &self.places[cpu_id()]
    }

    /// Puts `value` into this CPU's place; returns what was there.
    pub fn replace(&self, value: Option<Ref<T>>) -> Option<Ref<T>> {
        let new = value.map_or(null_mut(), |value| value.into_raw().as_ptr());
        let state = irq_save();
        let old = self.place().swap(new, Ordering::AcqRel);
        irq_restore(state);
        // SAFETY: the place owned the reference that was put into it by `replace`.
        NonNull::new(old).map(|old| unsafe { Ref::from_raw(old) })
    }

    /// Another reference to what is in this CPU's place.
    #[inline]
    pub fn get(&self) -> Option<Ref<T>> {
        self.with(|value| value.cloned())
    }

    /// Calls `work` with what is in this CPU's place, interrupts masked, so that it stays there.
    #[inline]
    pub fn with<R>(&self, work: impl FnOnce(Option<&Ref<T>>) -> R) -> R {
        let state = irq_save();
        let place = self.place().load(Ordering::Relaxed);
        // SAFETY: the place owns a reference, and only this CPU, which is not interrupted,
        // could take it away; `ManuallyDrop` leaves the ownership with the place.
        let value = NonNull::new(place)
            .map(|place| core::mem::ManuallyDrop::new(unsafe { Ref::from_raw(place) }));
        let result = work(value.as_deref());
        irq_restore(state);
        result
    }
}

impl<T> Default for CpuCell<T> {
    fn default() -> Self {
        CpuCell::new()
    }
}

impl<T> fmt::Debug for CpuCell<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("CpuCell")
    }
}
