//! Pages by number: a radix tree of 64-way nodes.
#![forbid(unsafe_code)]

use alloc::boxed::Box;

use crate::sync::{AllocError, try_box};
use crate::word;

use super::frame::Frame;

const BITS: u32 = 6;
const FANOUT: usize = 1 << BITS;

/// Bits of a page number below the index into a node of `level`.
const fn shift(level: u32) -> u32 {
    BITS.saturating_mul(level)
}

/// A page and what is known about it.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) frame: Frame,
    pub(super) dirty: bool,
    /// A clone may have the same page: it must not be written.
    pub(super) lent: bool,
}

#[derive(Debug)]
enum Entry {
    Empty,
    Page(Slot),
    Node(Box<Node>),
}

#[derive(Debug)]
struct Node {
    entries: [Entry; FANOUT],
    used: usize,
}

impl Node {
    fn boxed() -> Result<Box<Node>, AllocError> {
        try_box(Node {
            entries: [const { Entry::Empty }; FANOUT],
            used: 0,
        })
    }

    #[cfg_attr(
        not(test),
        expect(
            clippy::indexing_slicing,
            reason = "an index modulo the number of entries"
        )
    )]
    fn entry(&mut self, page: u64, level: u32) -> &mut Entry {
        let index = word::index(page >> shift(level)) % FANOUT;
        &mut self.entries[index]
    }
}

/// Pages by number.
#[derive(Debug, Default)]
pub(super) struct PageMap {
    root: Option<Box<Node>>,
    /// Levels above the last.
    height: u32,
    pages: u64,
}

impl PageMap {
    /// Number of pages.
    pub(super) fn len(&self) -> u64 {
        self.pages
    }

    fn covers(&self, page: u64) -> bool {
        let bits = shift(self.height.saturating_add(1));
        bits >= u64::BITS || page >> bits == 0
    }

    /// The page with this number.
    pub(super) fn get(&mut self, page: u64) -> Option<&mut Slot> {
        if !self.covers(page) {
            return None;
        }
        let mut node = self.root.as_deref_mut()?;
        for level in (1..=self.height).rev() {
            node = match node.entry(page, level) {
                Entry::Node(next) => next,
                _ => return None,
            };
        }
        match node.entry(page, 0) {
            Entry::Page(slot) => Some(slot),
            _ => None,
        }
    }

    /// Puts a page in; one that is there already stays, and `frame` is dropped.
    pub(super) fn insert(&mut self, page: u64, frame: Frame) -> Result<&mut Slot, AllocError> {
        if self.root.is_none() {
            self.root = Some(Node::boxed()?);
            self.height = 0;
        }
        while !self.covers(page) {
            let mut above = Node::boxed()?;
            if let Some(root) = self.root.take() {
                above.used = 1;
                *above.entry(0, 0) = Entry::Node(root);
            }
            self.root = Some(above);
            self.height = self.height.saturating_add(1);
        }
        let mut node = self.root.as_deref_mut().ok_or(AllocError)?;
        for level in (1..=self.height).rev() {
            if matches!(node.entry(page, level), Entry::Empty) {
                *node.entry(page, level) = Entry::Node(Node::boxed()?);
                node.used = node.used.saturating_add(1);
            }
            node = match node.entry(page, level) {
                Entry::Node(next) => next,
                _ => return Err(AllocError),
            };
        }
        if matches!(node.entry(page, 0), Entry::Empty) {
            *node.entry(page, 0) = Entry::Page(Slot {
                frame,
                dirty: false,
                lent: false,
            });
            node.used = node.used.saturating_add(1);
            self.pages = self.pages.saturating_add(1);
        }
        match node.entry(page, 0) {
            Entry::Page(slot) => Ok(slot),
            _ => Err(AllocError),
        }
    }

    /// Drops every page whose number is at least `first`.
    pub(super) fn truncate(&mut self, first: u64) {
        let height = self.height;
        if let Some(root) = self.root.as_deref_mut() {
            let dropped = drop_pages(root, height, 0, &mut |page, _| page >= first);
            self.pages = self.pages.saturating_sub(dropped);
        }
        if self.pages == 0 {
            *self = PageMap::default();
        }
    }

    /// Drops the pages that `unwanted` names.
    pub(super) fn retain_not(&mut self, unwanted: &mut dyn FnMut(&Slot) -> bool) {
        let height = self.height;
        if let Some(root) = self.root.as_deref_mut() {
            let dropped = drop_pages(root, height, 0, &mut |_, slot| unwanted(slot));
            self.pages = self.pages.saturating_sub(dropped);
        }
    }

    /// The first page at or after `from`.
    pub(super) fn next(&mut self, from: u64) -> Option<(u64, &mut Slot)> {
        let height = self.height;
        next_slot(self.root.as_deref_mut()?, height, 0, from, |_| true)
    }

    /// The first page at or after `from` that is dirty.
    pub(super) fn next_dirty(&mut self, from: u64) -> Option<(u64, &mut Slot)> {
        let height = self.height;
        next_slot(self.root.as_deref_mut()?, height, 0, from, |slot| {
            slot.dirty
        })
    }
}

fn next_slot(
    node: &mut Node,
    level: u32,
    base: u64,
    from: u64,
    wanted: fn(&Slot) -> bool,
) -> Option<(u64, &mut Slot)> {
    for (index, entry) in node.entries.iter_mut().enumerate() {
        let first = base | ((index as u64) << shift(level));
        let last = first | !(u64::MAX << shift(level));
        if last < from {
            continue;
        }
        match entry {
            Entry::Page(slot) if wanted(slot) => return Some((first, slot)),
            Entry::Node(next) => {
                if let Some(found) = next_slot(next, level.saturating_sub(1), first, from, wanted) {
                    return Some(found);
                }
            }
            _ => {}
        }
    }
    None
}

fn drop_pages(
    node: &mut Node,
    level: u32,
    base: u64,
    unwanted: &mut dyn FnMut(u64, &Slot) -> bool,
) -> u64 {
    let mut dropped = 0u64;
    for (index, entry) in node.entries.iter_mut().enumerate() {
        let first = base | ((index as u64) << shift(level));
        let gone = match entry {
            Entry::Empty => false,
            Entry::Page(slot) => {
                let gone = unwanted(first, slot);
                dropped = dropped.saturating_add(u64::from(gone));
                gone
            }
            Entry::Node(next) => {
                let below = drop_pages(next, level.saturating_sub(1), first, unwanted);
                dropped = dropped.saturating_add(below);
                next.used == 0
            }
        };
        if gone {
            *entry = Entry::Empty;
            node.used = node.used.saturating_sub(1);
        }
    }
    dropped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mm::frame::Purpose;
    use crate::mm::tests::with_memory;

    #[test]
    fn pages_are_found_by_number_at_any_distance() {
        with_memory(|| {
            let before = crate::mm::free_frames();
            let mut map = PageMap::default();
            let numbers = [0, 1, 63, 64, 4095, 4096, 1 << 20, 1 << 40, u64::MAX >> 12];
            for number in numbers {
                let frame = Frame::zeroed(Purpose::Cache).unwrap();
                frame.write(0, &number.to_le_bytes());
                map.insert(number, frame).unwrap();
            }
            assert_eq!(map.len(), numbers.len() as u64);
            for number in numbers {
                let mut bytes = [0; 8];
                map.get(number).unwrap().frame.read(0, &mut bytes);
                assert_eq!(u64::from_le_bytes(bytes), number);
                assert!(map.get(number + 2).is_none());
            }
            map.get(64).unwrap().dirty = true;
            map.get(1 << 40).unwrap().dirty = true;
            assert_eq!(map.next_dirty(0).unwrap().0, 64);
            assert_eq!(map.next_dirty(65).unwrap().0, 1 << 40);
            assert!(map.next_dirty((1 << 40) + 1).is_none());
            map.truncate(64);
            assert_eq!(map.len(), 3);
            assert!(map.get(64).is_none() && map.get(63).is_some());
            map.truncate(0);
            assert_eq!(map.len(), 0);
            drop(map);
            assert!(
                before - crate::mm::free_frames() <= 8,
                "only spare slabs stay"
            );
        });
    }
}
