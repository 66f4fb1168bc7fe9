//! Spin locks with interrupts masked.

use core::fmt;
use core::ops::{Deref, DerefMut};

use spin::mutex::{SpinMutex, SpinMutexGuard};

use crate::arch::{IrqState, irq_restore, irq_save};

/// A lock for short critical sections: the holder runs with interrupts masked, so it is
/// neither interrupted nor preempted.
pub struct SpinLock<T: ?Sized> {
    inner: SpinMutex<T>,
}

impl<T> SpinLock<T> {
    /// A free lock around `value`.
    pub const fn new(value: T) -> Self {
        SpinLock {
            inner: SpinMutex::new(value),
        }
    }
}

impl<T: ?Sized> SpinLock<T> {
    /// Takes the lock.
    #[inline]
    pub fn lock(&self) -> SpinGuard<'_, T> {
        let state = irq_save();
        SpinGuard {
            inner: Some(self.inner.lock()),
            state,
        }
    }

    /// As [`SpinLock::lock`], where interrupts are masked already and stay so until the
    /// guard is gone.
    #[inline]
    pub fn lock_masked(&self) -> MaskedGuard<'_, T> {
        debug_assert!(!crate::arch::irqs_enabled(), "interrupts are not masked");
        MaskedGuard {
            inner: self.inner.lock(),
        }
    }

    /// Takes the lock if it is free; for reports of a kernel that may have died holding it.
    pub fn try_lock(&self) -> Option<SpinGuard<'_, T>> {
        let state = irq_save();
        match self.inner.try_lock() {
            Some(inner) => Some(SpinGuard {
                inner: Some(inner),
                state,
            }),
            None => {
                irq_restore(state);
                None
            }
        }
    }
}

impl<T: Default> Default for SpinLock<T> {
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
    inner: Option<SpinMutexGuard<'a, T>>,
    state: IrqState,
}

impl<T: ?Sized> Deref for SpinGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.inner.as_ref().expect("present until dropped")
    }
}

impl<T: ?Sized> DerefMut for SpinGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        self.inner.as_mut().expect("present until dropped")
    }
}

impl<T: ?Sized> Drop for SpinGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.inner = None;
        irq_restore(self.state);
    }
}

/// Access to what a lock taken by [`SpinLock::lock_masked`] guards.
pub struct MaskedGuard<'a, T: ?Sized> {
    inner: SpinMutexGuard<'a, T>,
}

impl<T: ?Sized> Deref for MaskedGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T: ?Sized> DerefMut for MaskedGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
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
