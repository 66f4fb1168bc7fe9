//! First-in first-out queues of references, linked through their elements.

use crate::arch::atomic::{AtomicUsize, Ordering};
use core::cell::UnsafeCell;
use core::fmt;
use core::ptr::NonNull;

use super::Ref;

/// The elements before and after one.
type Neighbours<T> = (Option<NonNull<T>>, Option<NonNull<T>>);

/// The place in an element that links it into a [`Queue`]; in one queue at a time.
pub struct Link<T> {
    /// Address of the queue that holds the element, 0 for none.
    queue: AtomicUsize,
    neighbours: UnsafeCell<Neighbours<T>>,
}

// SAFETY: the neighbours are only touched by the queue named in `queue`, under the
// exclusive borrow of that queue.
unsafe impl<T> Send for Link<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Link<T> {}

impl<T> Link<T> {
    /// A link in no queue.
    pub const fn new() -> Self {
        Link {
            queue: AtomicUsize::new(0),
            neighbours: UnsafeCell::new((None, None)),
        }
    }

    /// Whether the element is in a queue.
    pub fn is_linked(&self) -> bool {
        self.queue.load(Ordering::Relaxed) != 0
    }
}

impl<T> Drop for Link<T> {
    fn drop(&mut self) {
        assert!(!self.is_linked(), "an element was dropped in a list");
    }
}

impl<T> Default for Link<T> {
    fn default() -> Self {
        Link::new()
    }
}

impl<T> fmt::Debug for Link<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Link({})", self.is_linked())
    }
}

/// An element with a [`Link`].
pub trait Linked: Sized {
    /// The link that queues use.
    fn link(&self) -> &Link<Self>;
}

/// Elements in a row, linked through their [`Link`]s: what queues and lists are made of.
pub(super) struct Chain<T: Linked> {
    ends: Option<(NonNull<T>, NonNull<T>)>,
    len: usize,
    identity: usize,
}

static NEXT_IDENTITY: AtomicUsize = AtomicUsize::new(1);

// SAFETY: a chain only leads to its elements, which are shared between threads.
unsafe impl<T: Linked + Send + Sync> Send for Chain<T> {}

impl<T: Linked> Chain<T> {
    pub(super) const fn new() -> Self {
        Chain {
            ends: None,
            len: 0,
            identity: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.ends.is_none()
    }

    pub(super) fn first(&self) -> Option<NonNull<T>> {
        self.ends.map(|(first, _)| first)
    }

    pub(super) fn last(&self) -> Option<NonNull<T>> {
        self.ends.map(|(_, last)| last)
    }

    fn link(&self, element: NonNull<T>) -> &Link<T> {
        // SAFETY: an element of a chain has not been dropped, see the drop of `Link`; one
        // that is to be added is alive by its reference.
        unsafe { element.as_ref() }.link()
    }

    fn neighbours(&self, element: NonNull<T>) -> *mut Neighbours<T> {
        self.link(element).neighbours.get()
    }

    /// The element before one of this chain.
    pub(super) fn before(&self, element: NonNull<T>) -> Option<NonNull<T>> {
        // SAFETY: the neighbours belong to this chain, which is borrowed.
        unsafe { (*self.neighbours(element)).0 }
    }

    /// The element after one of this chain.
    pub(super) fn after(&self, element: NonNull<T>) -> Option<NonNull<T>> {
        // SAFETY: as in `before`.
        unsafe { (*self.neighbours(element)).1 }
    }

    /// Whether an element is in this chain.
    #[inline]
    pub(super) fn has(&self, element: &T) -> bool {
        self.identity != 0 && element.link().queue.load(Ordering::Relaxed) == self.identity
    }

    #[inline]
    fn claim(&mut self, element: NonNull<T>) -> bool {
        if self.identity == 0 {
            self.identity = NEXT_IDENTITY.fetch_add(1, Ordering::Relaxed);
        }
        self.link(element)
            .queue
            .compare_exchange(0, self.identity, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
    }

    /// Adds an element at the end; false where it is in a chain already.
    #[inline]
    pub(super) fn push_back(&mut self, new: NonNull<T>) -> bool {
        if !self.claim(new) {
            return false;
        }
        // SAFETY: the link was claimed for this chain, which is borrowed exclusively.
        unsafe { *self.neighbours(new) = (self.last(), None) };
        self.ends = Some(match self.ends {
            None => (new, new),
            Some((first, last)) => {
                // SAFETY: `last` is an element of this chain.
                unsafe { (*self.neighbours(last)).1 = Some(new) };
                (first, new)
            }
        });
        self.len = self.len.wrapping_add(1);
        true
    }

    /// Adds an element at the beginning; false where it is in a chain already.
    pub(super) fn push_front(&mut self, new: NonNull<T>) -> bool {
        if !self.claim(new) {
            return false;
        }
        let first = self.first();
        // SAFETY: the link was claimed for this chain, which is borrowed exclusively, and
        // `first` is an element of it.
        unsafe {
            *self.neighbours(new) = (None, first);
            if let Some(first) = first {
                (*self.neighbours(first)).0 = Some(new);
            }
        }
        self.ends = Some((new, self.last().unwrap_or(new)));
        self.len = self.len.wrapping_add(1);
        true
    }

    /// Takes an element of this chain out.
    #[inline]
    pub(super) fn unlink(&mut self, element: NonNull<T>) {
        // SAFETY: the element and its neighbours are in this chain, which is borrowed
        // exclusively.
        unsafe {
            let (before, after) = core::mem::take(&mut *self.neighbours(element));
            if let Some(before) = before {
                (*self.neighbours(before)).1 = after;
            }
            if let Some(after) = after {
                (*self.neighbours(after)).0 = before;
            }
            self.ends = match (self.ends, before, after) {
                (_, None, None) => None,
                (Some((_, last)), None, Some(after)) => Some((after, last)),
                (Some((first, _)), Some(before), None) => Some((first, before)),
                (ends, _, _) => ends,
            };
        }
        self.len = self.len.wrapping_sub(1);
        self.link(element).queue.store(0, Ordering::Release);
    }
}

/// A first-in first-out queue of references; allocates nothing.
pub struct Queue<T: Linked> {
    chain: Chain<T>,
}

impl<T: Linked> Queue<T> {
    /// An empty queue.
    pub const fn new() -> Self {
        Queue {
            chain: Chain::new(),
        }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.chain.len()
    }

    /// Whether there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.chain.is_empty()
    }

    /// Adds an element at the end.
    ///
    /// # Errors
    /// The element, where it is in a queue already.
    #[inline]
    pub fn push(&mut self, element: Ref<T>) -> Result<(), Ref<T>> {
        let new = element.into_raw();
        if self.chain.push_back(new) {
            return Ok(());
        }
        // SAFETY: `new` was given up just above.
        Err(unsafe { Ref::from_raw(new) })
    }

    /// Adds an element at the beginning.
    ///
    /// # Errors
    /// The element, where it is in a queue already.
    pub fn push_front(&mut self, element: Ref<T>) -> Result<(), Ref<T>> {
        let new = element.into_raw();
        if self.chain.push_front(new) {
            return Ok(());
        }
        // SAFETY: `new` was given up just above.
        Err(unsafe { Ref::from_raw(new) })
    }

    /// Takes the first element out.
    #[inline]
    pub fn pop(&mut self) -> Option<Ref<T>> {
        let first = self.chain.first()?;
        Some(self.unlink(first))
    }

    /// Takes an element out, if it is in this queue.
    pub fn remove(&mut self, element: &T) -> Option<Ref<T>> {
        let found = self.chain.has(element);
        found.then(|| self.unlink(NonNull::from(element)))
    }

    /// Takes the first element out for which `wanted` is true.
    pub fn pop_if(&mut self, mut wanted: impl FnMut(&T) -> bool) -> Option<Ref<T>> {
        let mut next = self.chain.first();
        while let Some(element) = next {
            // SAFETY: the queue owns a reference to each of its elements.
            if wanted(unsafe { element.as_ref() }) {
                return Some(self.unlink(element));
            }
            next = self.chain.after(element);
        }
        None
    }

    #[inline]
    fn unlink(&mut self, element: NonNull<T>) -> Ref<T> {
        self.chain.unlink(element);
        // SAFETY: the reference that was given up by `push`.
        unsafe { Ref::from_raw(element) }
    }
}

impl<T: Linked> Default for Queue<T> {
    fn default() -> Self {
        Queue::new()
    }
}

impl<T: Linked> Drop for Queue<T> {
    fn drop(&mut self) {
        while self.pop().is_some() {}
    }
}

impl<T: Linked> fmt::Debug for Queue<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Queue({})", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[derive(Debug)]
    struct Item {
        link: Link<Item>,
        value: u32,
    }

    impl Linked for Item {
        fn link(&self) -> &Link<Item> {
            &self.link
        }
    }

    fn item(value: u32) -> Ref<Item> {
        Ref::new(Item {
            link: Link::new(),
            value,
        })
        .unwrap()
    }

    fn drain(queue: &mut Queue<Item>) -> Vec<u32> {
        core::iter::from_fn(|| queue.pop())
            .map(|item| item.value)
            .collect()
    }

    #[test]
    fn elements_come_out_in_order() {
        let mut queue = Queue::new();
        for value in 0..5 {
            queue.push(item(value)).unwrap();
        }
        assert_eq!(drain(&mut queue), [0, 1, 2, 3, 4]);
        assert!(queue.is_empty());
    }

    #[test]
    fn an_element_at_the_beginning_is_the_next() {
        let mut queue = Queue::new();
        queue.push_front(item(2)).unwrap();
        queue.push(item(3)).unwrap();
        queue.push_front(item(1)).unwrap();
        let twice = item(0);
        queue.push_front(twice.clone()).unwrap();
        assert!(queue.push_front(twice).is_err());
        assert_eq!(drain(&mut queue), [0, 1, 2, 3]);
    }

    #[test]
    fn any_element_can_be_removed() {
        for victim in 0..4 {
            let items: Vec<_> = (0..4).map(item).collect();
            let mut queue = Queue::new();
            for element in &items {
                queue.push(element.clone()).unwrap();
            }
            assert_eq!(queue.remove(&items[victim]).unwrap().value, victim as u32);
            assert!(queue.remove(&items[victim]).is_none());
            assert_eq!(queue.len(), 3);
            let rest: Vec<_> = (0..4).filter(|value| *value != victim as u32).collect();
            assert_eq!(drain(&mut queue), rest);
        }
    }

    #[test]
    fn an_element_is_in_one_queue_only() {
        let (mut first, mut second) = (Queue::new(), Queue::new());
        let element = item(1);
        first.push(element.clone()).unwrap();
        assert!(second.push(element.clone()).is_err());
        assert!(second.remove(&element).is_none());
        first.pop().unwrap();
        second.push(element).unwrap();
    }

    #[test]
    fn a_dropped_queue_drops_its_references() {
        let element = item(1);
        let mut queue = Queue::new();
        queue.push(element.clone()).unwrap();
        drop(queue);
        assert_eq!(element.references(), 1);
        assert!(!element.link.is_linked());
    }
}
