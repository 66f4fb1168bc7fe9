//! A ring of bytes with a bounded size.
#![forbid(unsafe_code)]

/// The last `N` bytes that were not yet taken.
#[derive(Debug)]
pub struct Ring<const N: usize> {
    bytes: [u8; N],
    start: usize,
    len: usize,
}

impl<const N: usize> Ring<N> {
    /// An empty ring.
    pub const fn new() -> Self {
        Ring { bytes: [0; N], start: 0, len: 0 }
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
        N.saturating_sub(self.len)
    }

    /// Adds a byte; returns whether it fitted.
    pub fn push(&mut self, byte: u8) -> bool {
        if self.len >= N {
            return false;
        }
        let at = self.start.wrapping_add(self.len) % N;
        if let Some(place) = self.bytes.get_mut(at) {
            *place = byte;
        }
        self.len = self.len.saturating_add(1);
        true
    }

    /// Takes the newest byte back.
    pub fn unpush(&mut self) -> Option<u8> {
        self.len = self.len.checked_sub(1)?;
        self.bytes.get(self.start.wrapping_add(self.len) % N).copied()
    }

    /// Takes the oldest byte.
    pub fn pop(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.start).copied().filter(|_| self.len > 0)?;
        self.consume(1);
        Some(byte)
    }

    /// The oldest bytes, as far as they lie together.
    pub fn front(&self) -> &[u8] {
        let end = self.start.saturating_add(self.len).min(N);
        self.bytes.get(self.start..end).unwrap_or(&[])
    }

    /// Drops the oldest bytes.
    pub fn consume(&mut self, count: usize) {
        let count = count.min(self.len);
        self.start = self.start.wrapping_add(count) % N;
        self.len = self.len.saturating_sub(count);
    }

    /// Drops everything.
    pub fn clear(&mut self) {
        self.len = 0;
    }
}

impl<const N: usize> Default for Ring<N> {
    fn default() -> Self {
        Ring::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_in_order_over_the_edge() {
        let mut ring = Ring::<4>::new();
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
        let mut ring = Ring::<3>::new();
        assert!([1, 2, 3].into_iter().all(|byte| ring.push(byte)));
        assert!(!ring.push(4));
        assert_eq!((ring.unpush(), ring.room()), (Some(3), 1));
        assert_eq!(ring.pop(), Some(1));
        assert_eq!(ring.unpush(), Some(2));
        assert_eq!(ring.unpush(), None);
    }
}
