//! First-in first-out queues of references, linked through their elements.

use core::cell::UnsafeCell;
use core::fmt;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering};

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

/// A queue that owns a reference to each element and allocates nothing.
///
/// A queue must not be moved while it has elements; it lives in a lock in a static or
/// in an object on the heap.
pub struct Queue<T: Linked> {
    ends: Option<(NonNull<T>, NonNull<T>)>,
    len: usize,
    identity: usize,
}

// SAFETY: the queue owns references to its elements.
unsafe impl<T: Linked + Send + Sync> Send for Queue<T> {}

/// Source of queue identities; 0 means none.
static NEXT_IDENTITY: AtomicUsize = AtomicUsize::new(1);

impl<T: Linked> Queue<T> {
    /// An empty queue.
    pub const fn new() -> Self {
        Queue {
            ends: None,
            len: 0,
            identity: 0,
        }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.ends.is_none()
    }

    fn neighbours(element: NonNull<T>) -> *mut Neighbours<T> {
        // SAFETY: the queue owns a reference to each element it points to.
        unsafe { element.as_ref() }.link().neighbours.get()
    }

    fn claim(&mut self, element: &T) -> bool {
        if self.identity == 0 {
            self.identity = NEXT_IDENTITY.fetch_add(1, Ordering::Relaxed);
        }
        element
            .link()
            .queue
            .compare_exchange(0, self.identity, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
    }

    /// Adds an element at the end.
    ///
    /// # Errors
    /// The element itself, where it is in a queue already.
    pub fn push(&mut self, element: Ref<T>) -> Result<(), Ref<T>> {
        if !self.claim(&element) {
            return Err(element);
        }
        let new = element.into_raw();
        // SAFETY: the link was claimed for this queue, which is borrowed exclusively.
        unsafe { *Self::neighbours(new) = (self.ends.map(|(_, last)| last), None) };
        self.ends = Some(match self.ends {
            None => (new, new),
            Some((first, last)) => {
                // SAFETY: `last` is an element of this queue.
                unsafe { (*Self::neighbours(last)).1 = Some(new) };
                (first, new)
            }
        });
        self.len = self.len.saturating_add(1);
        Ok(())
    }

    /// Takes the oldest element.
    pub fn pop(&mut self) -> Option<Ref<T>> {
        let (first, _) = self.ends?;
        // SAFETY: `first` is an element of this queue.
        Some(unsafe { self.unlink(first) })
    }

    /// Takes this element out, if it is in this queue.
    pub fn remove(&mut self, element: &T) -> Option<Ref<T>> {
        if self.identity == 0 || element.link().queue.load(Ordering::Relaxed) != self.identity {
            return None;
        }
        // SAFETY: the link says that the element is in this queue.
        Some(unsafe { self.unlink(NonNull::from(element)) })
    }

    /// Takes out the oldest element that `wanted` accepts.
    pub fn pop_if(&mut self, mut wanted: impl FnMut(&T) -> bool) -> Option<Ref<T>> {
        let mut next = self.ends.map(|(first, _)| first);
        while let Some(element) = next {
            // SAFETY: `element` is an element of this queue.
            unsafe {
                if wanted(element.as_ref()) {
                    return Some(self.unlink(element));
                }
                next = (*Self::neighbours(element)).1;
            }
        }
        None
    }

    /// # Safety
    /// `element` is in this queue.
    unsafe fn unlink(&mut self, element: NonNull<T>) -> Ref<T> {
        // SAFETY: the element and its neighbours are in this queue, which is borrowed
        // exclusively; the queue's reference to the element goes to the caller.
        unsafe {
            let (before, after) = core::mem::take(&mut *Self::neighbours(element));
            if let Some(before) = before {
                (*Self::neighbours(before)).1 = after;
            }
            if let Some(after) = after {
                (*Self::neighbours(after)).0 = before;
            }
            self.ends = match (self.ends, before, after) {
                (_, None, None) => None,
                (Some((_, last)), None, Some(after)) => Some((after, last)),
                (Some((first, _)), Some(before), None) => Some((first, before)),
                (ends, _, _) => ends,
            };
            self.len = self.len.saturating_sub(1);
            element.as_ref().link().queue.store(0, Ordering::Release);
            Ref::from_raw(element)
        }
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
        write!(out, "Queue({})", self.len)
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
