//! The value that stands for what a CPU runs.

use crate::arch::atomic::Ordering;
use core::fmt;
use core::marker::PhantomData;
use core::ptr::NonNull;

use crate::arch::{Context, ThisCpu, running_place};

use super::{Borrowed, Ref, RefSlot};

/// A type with a [`Context`] at its very beginning: the machine finds the one by the
/// address of the other.
pub trait Runs {
    /// Offset of the context, which must be 0.
    const CONTEXT_OFFSET: usize;
}

/// This CPU's running `T`; the one user of the CPU's running place.
pub struct RunningCell<T> {
    kind: PhantomData<fn() -> T>,
}

impl<T: Runs> RunningCell<T> {
    /// The cell; there is one in the kernel.
    pub const fn new() -> Self {
        const { assert!(T::CONTEXT_OFFSET == 0, "the context must come first") };
        RunningCell { kind: PhantomData }
    }

    /// Makes `next` what runs; returns what ran. Interrupts are masked.
    #[inline]
    pub fn replace(&self, next: Option<Ref<T>>) -> Option<Ref<T>> {
        let new = next.map_or(core::ptr::null_mut(), |next| next.into_raw().as_ptr());
        let place = running_place();
        let old = place.load(Ordering::Relaxed);
        place.store(new.cast::<Context>(), Ordering::Relaxed);
        // SAFETY: the place owns the reference that was put into it by `replace`.
        NonNull::new(old.cast::<T>()).map(|old| unsafe { Ref::from_raw(old) })
    }

    /// Makes `next` what runs on `cpu`, and puts what ran into its empty slot `place`;
    /// returns both. Interrupts are masked.
    ///
    /// # Panics
    /// Where nothing ran.
    #[inline(always)]
    pub fn pass(
        &self,
        cpu: ThisCpu,
        next: Ref<T>,
        place: impl FnOnce(&T) -> &RefSlot<T>,
    ) -> (Borrowed<'static, T>, Borrowed<'static, T>) {
        let previous = self.get_on(cpu).expect("a thread runs");
        let new = next.into_raw();
        cpu.running_place()
            .store(new.as_ptr().cast::<Context>(), Ordering::Relaxed);
        // SAFETY: the place owned the reference, and gives it to the slot.
        place(&previous).fill(unsafe { Ref::from_raw(previous.as_raw()) });
        // SAFETY: as in `get`.
        (previous, unsafe { Borrowed::from_raw(new) })
    }

    /// Makes what is in the slot `next` what runs on `cpu`, and puts what ran into the slot
    /// `previous`, which is empty; nobody else touches either slot meanwhile. False, and
    /// nothing is done, where nothing is in `next`.
    #[inline(always)]
    pub fn exchange(&self, cpu: ThisCpu, next: &RefSlot<T>, previous: &RefSlot<T>) -> bool {
        let new = next.place().load(Ordering::Relaxed);
        if new.is_null() {
            return false;
        }
        next.place().store(core::ptr::null_mut(), Ordering::Relaxed);
        let place = cpu.running_place();
        let old = place.load(Ordering::Relaxed).cast::<T>();
        place.store(new.cast::<Context>(), Ordering::Relaxed);
        // Nothing where nothing ran.
        previous.place().store(old, Ordering::Relaxed);
        sched_point!();
        true
    }

    /// What runs on `cpu`, which is this one, for the code that runs as it; see
    /// [`RunningCell::get`].
    #[inline(always)]
    pub fn get_on(&self, cpu: ThisCpu) -> Option<Borrowed<'static, T>> {
        let value = cpu.running_place().load(Ordering::Relaxed).cast::<T>();
        // SAFETY: as in `get`.
        NonNull::new(value).map(|value| unsafe { Borrowed::from_raw(value) })
    }

    /// What runs on this CPU, for the code that runs as it.
    ///
    /// Whoever asks is the running thread itself, or an interrupt on its stack: the
    /// reference in the place, and then the one in the queue it waits in, live until it
    /// has ended, and then none of its frames is gone back to.
    #[inline]
    pub fn get(&self) -> Option<Borrowed<'static, T>> {
        let value = running_place().load(Ordering::Relaxed).cast::<T>();
        // SAFETY: as said above.
        NonNull::new(value).map(|value| unsafe { Borrowed::from_raw(value) })
    }
}

impl<T: Runs> Default for RunningCell<T> {
    fn default() -> Self {
        RunningCell::new()
    }
}

impl<T> fmt::Debug for RunningCell<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("RunningCell")
    }
}
