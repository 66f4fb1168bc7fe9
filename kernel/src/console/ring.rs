//! A ring of bytes with a bounded size.
#![forbid(unsafe_code)]

use alloc::vec::Vec;

use crate::sync::AllocError;

/// Bytes that were not yet taken, up to a fixed number. They lie on the heap, because
/// kernel stacks are small.
#[derive(Debug)]
pub struct Ring {
    bytes: Vec<u8>,
    start: usize,
    len: usize,
}

impl Ring {
    /// An empty ring with room for `size` bytes, at least one.
    ///
    /// # Errors
    /// [`AllocError`] where there is no memory.
    pub fn new(size: usize) -> Result<Self, AllocError> {
        let size = size.max(1);
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(size).map_err(|_| AllocError)?;
        bytes.resize(size, 0);
        Ok(Ring {
            bytes,
            start: 0,
            len: 0,
        })
    }

    fn size(&self) -> usize {
        self.bytes.len().max(1)
    }

    /// Bytes in the ring.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes that still fit.
    pub fn room(&self) -> usize {
        self.size().saturating_sub(self.len)
    }

    /// Where the byte `distance` behind the oldest one is.
    fn place(&self, distance: usize) -> usize {
        let at = self.start.wrapping_add(distance);
        at.checked_rem(self.size()).unwrap_or(0)
    }

    /// Adds a byte; returns whether it fitted.
    pub fn push(&mut self, byte: u8) -> bool {
        if self.len >= self.size() {
            return false;
        }
        let at = self.place(self.len);
        if let Some(place) = self.bytes.get_mut(at) {
            *place = byte;
        }
        self.len = self.len.saturating_add(1);
        true
    }

    /// Takes the newest byte back.
    pub fn unpush(&mut self) -> Option<u8> {
        self.len = self.len.checked_sub(1)?;
        self.bytes.get(self.place(self.len)).copied()
    }

    /// Takes the oldest byte.
    pub fn pop(&mut self) -> Option<u8> {
        let byte = self
            .bytes
            .get(self.start)
            .copied()
            .filter(|_| self.len > 0)?;
        self.consume(1);
        Some(byte)
    }

    /// The oldest bytes, as far as they lie together.
    pub fn front(&self) -> &[u8] {
        let end = self.start.saturating_add(self.len).min(self.size());
        self.bytes.get(self.start..end).unwrap_or(&[])
    }

    /// Drops the oldest bytes.
    pub fn consume(&mut self, count: usize) {
        let count = count.min(self.len);
        self.start = self.place(count);
        self.len = self.len.saturating_sub(count);
    }

    /// Drops everything.
    pub fn clear(&mut self) {
        self.len = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_in_order_over_the_edge() {
        let mut ring = Ring::new(4).unwrap();
        for round in 0..10u8 {
            assert!(ring.push(round) && ring.push(round + 100));
            assert_eq!(ring.pop(), Some(round));
            assert_eq!(ring.front(), [round + 100]);
            ring.consume(1);
        }
        assert!(ring.is_empty() && ring.pop().is_none());
    }

    #[test]
    fn a_full_ring_refuses_and_the_newest_can_be_taken_back() {
        let mut ring = Ring::new(3).unwrap();
        assert!([1, 2, 3].into_iter().all(|byte| ring.push(byte)));
        assert!(!ring.push(4));
        assert_eq!((ring.unpush(), ring.room()), (Some(3), 1));
        assert_eq!(ring.pop(), Some(1));
        assert_eq!(ring.unpush(), Some(2));
        assert_eq!(ring.unpush(), None);
    }
}
