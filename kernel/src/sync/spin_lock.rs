//! Spin locks with interrupts masked.

use core::cell::UnsafeCell;
use core::fmt;
use core::ops::{Deref, DerefMut};

use crate::arch::{IrqState, irq_restore, irq_save, spin_hint};

use super::atomic::{AtomicBool, Ordering};
use super::unless_planted;

/// A lock for short critical sections: the holder runs with interrupts masked, so it is
/// neither interrupted nor preempted.
pub struct SpinLock<T: ?Sized> {
    held: AtomicBool,
    #[cfg(feature = "model")]
    access: crate::arch::model::cell::Access,
    #[cfg(all(debug_assertions, not(feature = "model")))]
    made: super::lock_class::Place,
    value: UnsafeCell<T>,
}

// SAFETY: the value is only reached by the holder of the lock.
unsafe impl<T: ?Sized + Send> Send for SpinLock<T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Send> Sync for SpinLock<T> {}

impl<T> SpinLock<T> {
    /// A free lock around `value`.
    #[cfg_attr(debug_assertions, track_caller)]
    pub const fn new(value: T) -> Self {
        SpinLock {
            held: AtomicBool::new(false),
            #[cfg(feature = "model")]
            access: crate::arch::model::cell::Access::new(),
            #[cfg(all(debug_assertions, not(feature = "model")))]
            made: core::panic::Location::caller(),
            value: UnsafeCell::new(value),
        }
    }
}

impl<T: ?Sized> SpinLock<T> {
    /// Takes the lock.
    #[inline]
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn lock(&self) -> SpinGuard<'_, T> {
        let state = irq_save();
        SpinGuard {
            inner: self.acquire(),
            _mask: Mask(state),
        }
    }

    /// As [`SpinLock::lock`], where interrupts are masked already and stay so until the
    /// guard is gone.
    #[inline]
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn lock_masked(&self) -> MaskedGuard<'_, T> {
        debug_assert!(!crate::arch::irqs_enabled(), "interrupts are not masked");
        self.acquire()
    }

    /// Takes the lock if it is free; for reports of a kernel that may have died holding it.
    #[cfg_attr(debug_assertions, track_caller)]
    pub fn try_lock(&self) -> Option<SpinGuard<'_, T>> {
        let state = irq_save();
        let taken = self
            .held
            .compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed);
        if taken.is_err() {
            irq_restore(state);
            return None;
        }
        Some(SpinGuard {
            inner: self.taken(true),
            _mask: Mask(state),
        })
    }

    #[inline(always)]
    #[cfg_attr(debug_assertions, track_caller)]
    fn acquire(&self) -> MaskedGuard<'_, T> {
        // Before it is waited for, which might be for ever.
        self.note(false);
        sched_point!();
        let order = unless_planted("spin-lock", Ordering::Acquire);
        while self
            .held
            .compare_exchange_weak(false, true, order, Ordering::Relaxed)
            .is_err()
        {
            // Looks without writing, so that the holder keeps the cache line.
            while self.held.load(Ordering::Relaxed) {
                spin_hint();
            }
        }
        self.taken(false)
    }

    /// Remembers that this CPU takes the lock, in a kernel that checks the order.
    #[inline(always)]
    #[cfg_attr(debug_assertions, track_caller)]
    fn note(&self, _tried: bool) {
        #[cfg(all(debug_assertions, not(feature = "model")))]
        super::lock_class::take::<T>(
            self.number(),
            self.made,
            core::panic::Location::caller(),
            _tried,
        );
    }

    #[cfg(all(debug_assertions, not(feature = "model")))]
    fn number(&self) -> usize {
        core::ptr::from_ref(&self.held) as usize
    }

    #[inline(always)]
    #[cfg_attr(debug_assertions, track_caller)]
    fn taken(&self, tried: bool) -> MaskedGuard<'_, T> {
        if tried {
            self.note(true);
        }
        sched_point!();
        #[cfg(feature = "model")]
        {
            // SAFETY: the lock was just taken.
            unsafe { self.access.renew_value(self.value.get()) };
            self.access.enter();
        }
        MaskedGuard { lock: self }
    }

    #[inline(always)]
    fn release(&self) {
        #[cfg(all(debug_assertions, not(feature = "model")))]
        super::lock_class::release(self.number());
        #[cfg(feature = "model")]
        self.access.leave();
        let order = unless_planted("spin-unlock", Ordering::Release);
        self.held.store(false, order);
        sched_point!();
    }
}

impl<T: Default> Default for SpinLock<T> {
    #[cfg_attr(debug_assertions, track_caller)]
    fn default() -> Self {
        SpinLock::new(T::default())
    }
}

impl<T: ?Sized> fmt::Debug for SpinLock<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("SpinLock")
    }
}

/// Holds a [`SpinLock`]; dropping it frees the lock and restores the interrupt mask.
pub struct SpinGuard<'a, T: ?Sized> {
    // Dropped first: the lock is free before an interrupt can come.
    inner: MaskedGuard<'a, T>,
    _mask: Mask,
}

/// Goes back to the interrupt mask of before.
struct Mask(IrqState);

impl Drop for Mask {
    #[inline]
    fn drop(&mut self) {
        irq_restore(self.0);
        sched_point!();
    }
}

impl<T: ?Sized> Deref for SpinGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T: ?Sized> DerefMut for SpinGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}

/// Access to what a lock taken by [`SpinLock::lock_masked`] guards.
pub struct MaskedGuard<'a, T: ?Sized> {
    lock: &'a SpinLock<T>,
}

impl<T: ?Sized> Deref for MaskedGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard holds the lock.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T: ?Sized> DerefMut for MaskedGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard holds the lock, and is borrowed exclusively.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T: ?Sized> Drop for MaskedGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::irqs_enabled;

    #[test]
    fn interrupts_are_masked_while_held_and_restored_after() {
        let outer = SpinLock::new(1);
        let inner = SpinLock::new(2);
        assert!(irqs_enabled());
        {
            let _outer = outer.lock();
            assert!(!irqs_enabled());
            drop(inner.lock());
            assert!(!irqs_enabled());
            assert!(outer.try_lock().is_none());
        }
        assert!(irqs_enabled());
    }
}
