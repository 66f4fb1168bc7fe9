//! Ready threads of the real-time class: first in, first out for each priority.

use crate::sync::{Linked, Queue, Ref};

use crate::sched::urgency::{REAL_TIME_LEVELS, Urgency};

/// Threads by priority. Every operation is a few steps, however many there are; but for
/// [`RealTimeQueue::pop_if`], which looks at each.
#[derive(Debug)]
pub(in crate::sched) struct RealTimeQueue<T: Linked> {
    levels: [Queue<T>; REAL_TIME_LEVELS],
    /// Bit set: the level has a thread.
    occupied: u32,
}

impl<T: Linked> RealTimeQueue<T> {
    pub(super) const fn new() -> Self {
        RealTimeQueue {
            levels: [const { Queue::new() }; REAL_TIME_LEVELS],
            occupied: 0,
        }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.occupied == 0
    }

    /// The most urgent; [`Urgency::IDLE`] without any.
    #[inline]
    pub(super) fn top(&self) -> Urgency {
        let level = self.occupied.checked_ilog2();
        level.map_or(Urgency::IDLE, Urgency::of_level)
    }

    fn note(&mut self, level: u32) {
        let queue = self.levels.get(level as usize);
        let bit = 1u32.checked_shl(level).unwrap_or(0);
        if queue.is_some_and(|queue| !queue.is_empty()) {
            self.occupied |= bit;
        } else {
            self.occupied &= !bit;
        }
    }

    /// Adds a thread behind those of its priority, or before them.
    ///
    /// # Errors
    /// The thread, where it is in a queue already.
    pub(super) fn push(&mut self, thread: Ref<T>, at: Urgency, first: bool) -> Result<(), Ref<T>> {
        let level = at.level();
        let Some(queue) = self.levels.get_mut(level as usize) else {
            return Err(thread);
        };
        let pushed = if first {
            queue.push_front(thread)
        } else {
            queue.push(thread)
        };
        self.note(level);
        pushed
    }

    /// Takes the first of the highest priority.
    pub(super) fn pop(&mut self) -> Option<Ref<T>> {
        let level = self.occupied.checked_ilog2()?;
        let thread = self.levels.get_mut(level as usize)?.pop();
        self.note(level);
        thread
    }

    /// Takes the first for which `wanted` is true, of the highest priority that has one.
    pub(super) fn pop_if(&mut self, mut wanted: impl FnMut(&T) -> bool) -> Option<Ref<T>> {
        let mut rest = self.occupied;
        while let Some(level) = rest.checked_ilog2() {
            let found = self.levels.get_mut(level as usize)?.pop_if(&mut wanted);
            if found.is_some() {
                self.note(level);
                return found;
            }
            rest &= !(1u32.checked_shl(level).unwrap_or(0));
        }
        None
    }

    /// Takes a thread out, if it is in.
    pub(super) fn remove(&mut self, thread: &T) -> Option<Ref<T>> {
        for level in 0..32 {
            let found = self.levels.get_mut(level as usize)?.remove(thread);
            if found.is_some() {
                self.note(level);
                return found;
            }
        }
        None
    }
}
