//! A heap of deadlines from which any element can be taken out.

use alloc::vec::Vec;

use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{AllocError, Ref};

/// Where an element stands in its heap.
#[derive(Debug)]
pub struct HeapSlot {
    index: AtomicUsize,
}

const NOWHERE: usize = usize::MAX;

impl HeapSlot {
    /// In no heap.
    pub const fn new() -> Self {
        HeapSlot {
            index: AtomicUsize::new(NOWHERE),
        }
    }
}

impl HeapSlot {
    /// Whether the element is in a heap.
    #[inline]
    pub fn is_used(&self) -> bool {
        self.index.load(Ordering::Acquire) != NOWHERE
    }
}

impl Default for HeapSlot {
    fn default() -> Self {
        HeapSlot::new()
    }
}

/// Something with a deadline; in one heap at a time.
pub trait Timed {
    /// The place that the heap uses.
    fn heap_slot(&self) -> &HeapSlot;
}

/// Elements by deadline, the earliest first.
#[derive(Debug)]
pub struct DeadlineHeap<T: ?Sized> {
    entries: Vec<(u64, Ref<T>)>,
}

impl<T: Timed + ?Sized> DeadlineHeap<T> {
    /// An empty heap.
    pub const fn new() -> Self {
        DeadlineHeap {
            entries: Vec::new(),
        }
    }

    /// The earliest deadline.
    pub fn next_deadline(&self) -> Option<u64> {
        self.entries.first().map(|(deadline, _)| *deadline)
    }

    /// The element with the next deadline.
    pub fn first(&self) -> Option<&T> {
        self.entries.first().map(|(_, element)| &**element)
    }

    /// Makes room for one more element, so that the next insertion does not fail.
    ///
    /// # Errors
    /// [`AllocError`] where there is no memory.
    pub fn reserve(&mut self) -> Result<(), AllocError> {
        self.entries.try_reserve(1).map_err(|_| AllocError)
    }

    /// Adds an element that is in no heap.
    ///
    /// # Errors
    /// [`AllocError`] where there is no memory.
    pub fn insert(&mut self, deadline: u64, element: Ref<T>) -> Result<(), AllocError> {
        debug_assert!(element.heap_slot().index.load(Ordering::Relaxed) == NOWHERE);
        self.reserve()?;
        let index = self.entries.len();
        element.heap_slot().index.store(index, Ordering::Relaxed);
        self.entries.push((deadline, element));
        self.rise(index);
        Ok(())
    }

    /// Takes the element with the earliest deadline, if that is not after `now`.
    pub fn pop_due(&mut self, now: u64) -> Option<Ref<T>> {
        (self.next_deadline()? <= now)
            .then(|| self.take(0))
            .flatten()
    }

    /// Takes this element out; returns whether it was in.
    pub fn remove(&mut self, element: &T) -> bool {
        let index = element.heap_slot().index.load(Ordering::Relaxed);
        let here = self
            .entries
            .get(index)
            .is_some_and(|(_, other)| core::ptr::addr_eq(&raw const **other, element));
        here && self.take(index).is_some()
    }

    fn take(&mut self, index: usize) -> Option<Ref<T>> {
        if index >= self.entries.len() {
            return None;
        }
        let (_, element) = self.entries.swap_remove(index);
        element.heap_slot().index.store(NOWHERE, Ordering::Release);
        if let Some((_, moved)) = self.entries.get(index) {
            moved.heap_slot().index.store(index, Ordering::Relaxed);
            self.sink(index);
            self.rise(index);
        }
        Some(element)
    }

    fn deadline(&self, index: usize) -> Option<u64> {
        self.entries.get(index).map(|(deadline, _)| *deadline)
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.entries.swap(a, b);
        for index in [a, b] {
            if let Some((_, element)) = self.entries.get(index) {
                element.heap_slot().index.store(index, Ordering::Relaxed);
            }
        }
    }

    fn rise(&mut self, mut index: usize) {
        while let Some(before) = index.checked_sub(1) {
            let parent = before / 2;
            if self.deadline(parent) <= self.deadline(index) {
                return;
            }
            self.swap(parent, index);
            index = parent;
        }
    }

    fn sink(&mut self, mut index: usize) {
        loop {
            let mut least = index;
            let first = index.saturating_mul(2).saturating_add(1);
            for child in [first, first.saturating_add(1)] {
                if let (Some(child_at), Some(least_at)) =
                    (self.deadline(child), self.deadline(least))
                    && child_at < least_at
                {
                    least = child;
                }
            }
            if least == index {
                return;
            }
            self.swap(index, least);
            index = least;
        }
    }
}

impl<T: Timed + ?Sized> Default for DeadlineHeap<T> {
    fn default() -> Self {
        DeadlineHeap::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Alarm {
        slot: HeapSlot,
        at: u64,
    }

    impl Timed for Alarm {
        fn heap_slot(&self) -> &HeapSlot {
            &self.slot
        }
    }

    #[test]
    fn any_mix_of_inserts_and_removals_keeps_the_order() {
        let mut random = 12345u64;
        let mut next = || {
            random = random
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            random >> 33
        };
        let mut heap = DeadlineHeap::new();
        let mut all = Vec::new();
        for _ in 0..500 {
            let alarm = Ref::new(Alarm {
                slot: HeapSlot::new(),
                at: next() % 1000,
            })
            .unwrap();
            heap.insert(alarm.at, alarm.clone()).unwrap();
            all.push(alarm);
        }
        for index in (0..all.len()).rev().step_by(3) {
            let alarm = all.swap_remove(index);
            assert!(heap.remove(&alarm));
            assert!(!heap.remove(&alarm));
        }
        let mut expected: Vec<_> = all.iter().map(|alarm| alarm.at).collect();
        expected.sort_unstable();
        let popped: Vec<_> = core::iter::from_fn(|| heap.pop_due(500))
            .map(|a| a.at)
            .collect();
        let due: Vec<_> = expected.iter().copied().filter(|at| *at <= 500).collect();
        assert_eq!(popped, due);
        assert_eq!(heap.entries.len(), expected.len() - due.len());
    }
}
