//! Priority queues of references, linked through their elements.
//!
//! A leftist heap: in each subtree the way down the right is the shortest way out, so it
//! has at most log2 of the number of elements on it. Adding, taking the first and taking
//! any element out each walk such ways and nothing else, and none of them allocates.
//!
//! Keys lie on a circle: one is before another if it is less than half a turn behind. All
//! keys of one heap have to lie within half a turn.

use core::cell::UnsafeCell;
use core::fmt;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering};

use super::Ref;

type Child<T> = Option<NonNull<T>>;

struct Node<T> {
    key: u64,
    left: Child<T>,
    right: Child<T>,
    parent: Child<T>,
    /// Steps down the right until there is nothing, this one counted.
    rank: u32,
}

/// The place in an element that links it into a [`Heap`]; in one heap at a time.
pub struct HeapLink<T> {
    /// Number of the heap that holds the element, 0 for none.
    heap: AtomicUsize,
    node: UnsafeCell<Node<T>>,
}

// SAFETY: the node is only touched by the heap named in `heap`, under the exclusive borrow
// of that heap.
unsafe impl<T> Send for HeapLink<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for HeapLink<T> {}

impl<T> HeapLink<T> {
    /// A link in no heap.
    pub const fn new() -> Self {
        HeapLink {
            heap: AtomicUsize::new(0),
            node: UnsafeCell::new(Node {
                key: 0,
                left: None,
                right: None,
                parent: None,
                rank: 0,
            }),
        }
    }
}

impl<T> Default for HeapLink<T> {
    fn default() -> Self {
        HeapLink::new()
    }
}

impl<T> fmt::Debug for HeapLink<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "HeapLink({})", self.heap.load(Ordering::Relaxed) != 0)
    }
}

/// An element with a [`HeapLink`].
pub trait HeapLinked: Sized {
    /// The link that heaps use.
    fn heap_link(&self) -> &HeapLink<Self>;
}

/// Whether one key is before another on the circle.
#[inline]
pub const fn is_before(a: u64, b: u64) -> bool {
    a.wrapping_sub(b) >> 63 == 1
}

/// References by key, the least first; allocates nothing.
pub struct Heap<T: HeapLinked> {
    root: Child<T>,
    len: usize,
    identity: usize,
}

static NEXT_IDENTITY: AtomicUsize = AtomicUsize::new(1);

// SAFETY: a heap owns references to its elements, and only leads to them.
unsafe impl<T: HeapLinked + Send + Sync> Send for Heap<T> {}

impl<T: HeapLinked> Heap<T> {
    /// An empty heap.
    pub const fn new() -> Self {
        Heap {
            root: None,
            len: 0,
            identity: 0,
        }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.root.is_none()
    }

    /// The least key.
    #[inline]
    pub fn first_key(&self) -> Option<u64> {
        self.root.map(|root| self.node(root).key)
    }

    /// Adds an element.
    ///
    /// # Errors
    /// The element, where it is in a heap already.
    #[inline]
    pub fn push(&mut self, element: Ref<T>, key: u64) -> Result<(), Ref<T>> {
        if self.identity == 0 {
            self.identity = NEXT_IDENTITY.fetch_add(1, Ordering::Relaxed);
        }
        let claimed = element.heap_link().heap.compare_exchange(
            0,
            self.identity,
            Ordering::Acquire,
            Ordering::Relaxed,
        );
        if claimed.is_err() {
            return Err(element);
        }
        let new = element.into_raw();
        *self.node_mut(new) = Node {
            key,
            left: None,
            right: None,
            parent: None,
            rank: 1,
        };
        self.root = self.merge(self.root, Some(new));
        self.len = self.len.wrapping_add(1);
        Ok(())
    }

    /// Takes the element with the least key out.
    #[inline]
    pub fn pop(&mut self) -> Option<Ref<T>> {
        let root = self.root?;
        Some(self.unlink(root))
    }

    /// Takes an element out, if it is in this heap.
    pub fn remove(&mut self, element: &T) -> Option<Ref<T>> {
        let number = element.heap_link().heap.load(Ordering::Relaxed);
        let found = self.identity != 0 && number == self.identity;
        found.then(|| self.unlink(NonNull::from(element)))
    }

    /// Takes an element out for which `wanted` is true. Looks at no more than `limit`
    /// elements, those with small keys before most others.
    pub fn pop_if(&mut self, limit: usize, mut wanted: impl FnMut(&T) -> bool) -> Option<Ref<T>> {
        let mut next = self.root;
        for _ in 0..limit {
            let element = next?;
            // SAFETY: the heap owns a reference to each of its elements.
            if wanted(unsafe { element.as_ref() }) {
                return Some(self.unlink(element));
            }
            next = self.after(element);
        }
        None
    }

    /// The element after this one on a walk over all: parent, left, right.
    fn after(&self, element: NonNull<T>) -> Child<T> {
        let node = self.node(element);
        if let Some(child) = node.left.or(node.right) {
            return Some(child);
        }
        let mut from = element;
        loop {
            let parent = self.node(from).parent?;
            let node = self.node(parent);
            if node.left == Some(from) && node.right.is_some() {
                return node.right;
            }
            from = parent;
        }
    }

    #[inline]
    fn node(&self, element: NonNull<T>) -> &Node<T> {
        // SAFETY: an element of this heap is alive, the heap owns a reference; its node
        // belongs to the heap, which is borrowed.
        unsafe { &*element.as_ref().heap_link().node.get() }
    }

    #[inline]
    fn node_mut(&mut self, element: NonNull<T>) -> &mut Node<T> {
        // SAFETY: as in `node`, and the heap is borrowed exclusively.
        unsafe { &mut *element.as_ref().heap_link().node.get() }
    }

    fn rank(&self, child: Child<T>) -> u32 {
        child.map_or(0, |child| self.node(child).rank)
    }

    /// Joins two subtrees; goes down their right ways only.
    fn merge(&mut self, a: Child<T>, b: Child<T>) -> Child<T> {
        let (Some(a), Some(b)) = (a, b) else {
            return a.or(b);
        };
        let (top, other) = if is_before(self.node(b).key, self.node(a).key) {
            (b, a)
        } else {
            (a, b)
        };
        let right = self.merge(self.node(top).right, Some(other));
        if let Some(right) = right {
            self.node_mut(right).parent = Some(top);
        }
        self.node_mut(top).right = right;
        self.lean(top);
        Some(top)
    }

    /// Puts the shorter way of an element to the right; returns whether its rank changed.
    fn lean(&mut self, element: NonNull<T>) -> bool {
        let (left, right) = (self.node(element).left, self.node(element).right);
        let (left_rank, right_rank) = (self.rank(left), self.rank(right));
        let rank = left_rank.min(right_rank).wrapping_add(1);
        let node = self.node_mut(element);
        if left_rank < right_rank {
            (node.left, node.right) = (right, left);
        }
        core::mem::replace(&mut node.rank, rank) != rank
    }

    fn unlink(&mut self, element: NonNull<T>) -> Ref<T> {
        let (left, right) = (self.node(element).left, self.node(element).right);
        let parent = self.node(element).parent;
        let rest = self.merge(left, right);
        if let Some(rest) = rest {
            self.node_mut(rest).parent = parent;
        }
        match parent {
            None => self.root = rest,
            Some(parent) => {
                let node = self.node_mut(parent);
                if node.left == Some(element) {
                    node.left = rest;
                } else {
                    node.right = rest;
                }
            }
        }
        // Ranks above follow, as far as they change.
        let mut next = parent;
        while let Some(above) = next {
            if !self.lean(above) {
                break;
            }
            next = self.node(above).parent;
        }
        self.len = self.len.wrapping_sub(1);
        // SAFETY: the reference that was given up by `push`.
        let element = unsafe { Ref::from_raw(element) };
        element.heap_link().heap.store(0, Ordering::Release);
        element
    }
}

impl<T: HeapLinked> Default for Heap<T> {
    fn default() -> Self {
        Heap::new()
    }
}

impl<T: HeapLinked> Drop for Heap<T> {
    fn drop(&mut self) {
        while self.pop().is_some() {}
    }
}

impl<T: HeapLinked> fmt::Debug for Heap<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Heap({})", self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[derive(Debug)]
    struct Item {
        link: HeapLink<Item>,
        key: u64,
    }

    impl HeapLinked for Item {
        fn heap_link(&self) -> &HeapLink<Item> {
            &self.link
        }
    }

    fn item(key: u64) -> Ref<Item> {
        Ref::new(Item {
            link: HeapLink::new(),
            key,
        })
        .unwrap()
    }

    fn random(state: &mut u64) -> u64 {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state
    }

    /// Every rule of the structure, and the longest way down the right.
    fn check(heap: &Heap<Item>) -> u32 {
        fn walk(heap: &Heap<Item>, element: Child<Item>, parent: Child<Item>) -> (usize, u32) {
            let Some(element) = element else {
                return (0, 0);
            };
            let node = heap.node(element);
            assert_eq!(node.parent, parent);
            if let Some(parent) = parent {
                assert!(!is_before(node.key, heap.node(parent).key));
            }
            let (left, left_rank) = walk(heap, node.left, Some(element));
            let (right, right_rank) = walk(heap, node.right, Some(element));
            assert!(left_rank >= right_rank && node.rank == right_rank + 1);
            (left + right + 1, node.rank)
        }
        let (len, rank) = walk(heap, heap.root, None);
        assert_eq!(len, heap.len());
        rank
    }

    #[test]
    fn any_mix_of_pushes_and_removals_keeps_the_order() {
        let mut state = 88;
        // Keys go over the end of the numbers.
        let base = u64::MAX - 500;
        let mut heap = Heap::new();
        let mut all = Vec::new();
        for _ in 0..600 {
            let element = item(base.wrapping_add(random(&mut state) % 1000));
            heap.push(element.clone(), element.key).unwrap();
            all.push(element);
            check(&heap);
        }
        for _ in 0..300 {
            let index = usize::try_from(random(&mut state)).unwrap() % all.len();
            let victim = all.swap_remove(index);
            assert!(heap.remove(&victim).is_some() && heap.remove(&victim).is_none());
            check(&heap);
        }
        let mut expected: Vec<_> = all.iter().map(|e| e.key.wrapping_sub(base)).collect();
        expected.sort_unstable();
        let popped: Vec<_> = core::iter::from_fn(|| heap.pop())
            .map(|e| e.key.wrapping_sub(base))
            .collect();
        assert_eq!(popped, expected);
        assert!(all.iter().all(|element| element.references() == 1));
    }

    #[test]
    fn ways_are_short_whatever_the_order() {
        for order in 0..3 {
            let mut heap = Heap::new();
            for number in 0..1000u64 {
                let key = [number, 1000 - number, number * 7919 % 1000][order];
                heap.push(item(key), key).unwrap();
            }
            assert!(check(&heap) <= 10);
        }
    }

    #[test]
    fn a_search_takes_what_it_wants_and_knows_its_limit() {
        let mut heap = Heap::new();
        for key in 0..64 {
            heap.push(item(key), key).unwrap();
        }
        assert!(heap.pop_if(64, |element| element.key == 1000).is_none());
        for key in (0..64).rev() {
            let found = heap.pop_if(64, |element| element.key == key);
            assert_eq!(found.unwrap().key, key);
            check(&heap);
        }
        for key in 0..64 {
            heap.push(item(key), key).unwrap();
        }
        let mut looks = 0;
        let found = heap.pop_if(10, |_| {
            looks += 1;
            false
        });
        assert!(found.is_none() && looks == 10);
    }

    #[test]
    fn an_element_is_in_one_heap_only() {
        let (mut first, mut second) = (Heap::new(), Heap::new());
        let element = item(1);
        first.push(element.clone(), 1).unwrap();
        assert!(second.push(element.clone(), 1).is_err());
        assert!(second.remove(&element).is_none());
        first.pop().unwrap();
        second.push(element, 1).unwrap();
    }
}
