//! First-in first-out lists that do not count their elements.

use core::fmt;
use core::ptr::NonNull;

use super::queue::Chain;
use super::{Borrowed, Linked};

/// A list of elements that lie in [`super::Ref`]s and leave the list before they are
/// dropped: a [`super::Link`] that is dropped in a list stops the kernel.
///
/// For lists of waiting threads: each has the scheduler's reference, and ends its wait
/// before it ends.
pub struct WaitList<T: Linked> {
    chain: Chain<T>,
}

impl<T: Linked> WaitList<T> {
    /// An empty list.
    pub const fn new() -> Self {
        WaitList {
            chain: Chain::new(),
        }
    }

    /// Whether nothing is in the list.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.chain.is_empty()
    }

    /// Adds an element at the end; false where it is in a list or queue already.
    #[inline]
    pub fn push(&mut self, element: &Borrowed<'_, T>) -> bool {
        self.chain.push_back(element.as_raw())
    }

    /// Takes the first element off.
    #[inline]
    pub fn pop(&mut self) -> Option<Borrowed<'_, T>> {
        let first = self.chain.first()?;
        self.chain.unlink(first);
        // SAFETY: an element in the list lies in a `Ref` and has not been dropped.
        Some(unsafe { Borrowed::from_raw(first) })
    }

    /// Takes an element off; false where it is not in this list.
    pub fn remove(&mut self, element: &T) -> bool {
        let found = self.chain.has(element);
        if found {
            self.chain.unlink(NonNull::from(element));
        }
        found
    }

    /// Takes the first element for which `wanted` is true off.
    #[inline]
    pub fn take_first(&mut self, mut wanted: impl FnMut(&T) -> bool) -> Option<Borrowed<'_, T>> {
        let mut next = self.chain.first();
        while let Some(element) = next {
            // SAFETY: as in `pop`.
            let borrowed: Borrowed<'_, T> = unsafe { Borrowed::from_raw(element) };
            if wanted(&borrowed) {
                self.chain.unlink(element);
                return Some(borrowed);
            }
            next = self.chain.after(element);
        }
        None
    }

    /// Takes the last element for which `wanted` is true off.
    #[inline]
    pub fn take_last(&mut self, mut wanted: impl FnMut(&T) -> bool) -> Option<Borrowed<'_, T>> {
        let mut next = self.chain.last();
        while let Some(element) = next {
            // SAFETY: as in `pop`.
            let borrowed: Borrowed<'_, T> = unsafe { Borrowed::from_raw(element) };
            if wanted(&borrowed) {
                self.chain.unlink(element);
                return Some(borrowed);
            }
            next = self.chain.before(element);
        }
        None
    }
}

impl<T: Linked> Default for WaitList<T> {
    fn default() -> Self {
        WaitList::new()
    }
}

impl<T: Linked> Drop for WaitList<T> {
    fn drop(&mut self) {
        while self.pop().is_some() {}
    }
}

impl<T: Linked> fmt::Debug for WaitList<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "WaitList({})", self.chain.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::{Link, Queue, Ref};

    #[derive(Debug)]
    struct Item(Link<Item>, u32);

    impl Linked for Item {
        fn link(&self) -> &Link<Item> {
            &self.0
        }
    }

    fn item(value: u32) -> Ref<Item> {
        Ref::new(Item(Link::new(), value)).unwrap()
    }

    #[test]
    fn elements_come_out_in_order_and_are_not_counted() {
        let items: alloc::vec::Vec<_> = (0..4).map(item).collect();
        let mut list = WaitList::new();
        for item in &items {
            assert!(list.push(&item.borrow()));
            assert!(!list.push(&item.borrow()));
        }
        assert!(list.remove(&items[1]) && !list.remove(&items[1]));
        assert_eq!(list.take_last(|item| item.1 < 3).unwrap().1, 2);
        assert_eq!(list.pop().unwrap().1, 0);
        assert_eq!(list.pop().unwrap().1, 3);
        assert!(list.pop().is_none());
        assert!(items.iter().all(|item| item.references() == 1));
    }

    #[test]
    fn an_element_is_in_one_list_or_queue_only() {
        let element = item(1);
        let (mut list, mut queue) = (WaitList::new(), Queue::new());
        assert!(list.push(&element.borrow()));
        assert!(queue.push(element.clone()).is_err());
        list.pop().unwrap();
        queue.push(element.clone()).unwrap();
        assert!(!list.push(&element.borrow()) && !list.remove(&element));
        queue.pop().unwrap();
    }

    #[test]
    #[should_panic(expected = "dropped in a list")]
    fn an_element_that_is_dropped_in_a_list_is_noticed() {
        let element = item(1);
        let mut list = WaitList::new();
        list.push(&element.borrow());
        core::mem::forget(list);
        drop(element);
    }
}
