//! A ring of bytes that is filled and emptied a contiguous piece at a time.

use alloc::vec::Vec;

use crate::sync::AllocError;

/// Bytes that were not yet taken, up to a fixed number.
#[derive(Debug)]
pub(super) struct ByteRing {
    bytes: Vec<u8>,
    start: usize,
    len: usize,
}

impl ByteRing {
    /// An empty ring for `size` bytes, a power of two.
    pub(super) fn new(size: usize) -> Result<Self, AllocError> {
        debug_assert!(size.is_power_of_two());
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(size).map_err(|_| AllocError)?;
        bytes.resize(size, 0);
        Ok(ByteRing {
            bytes,
            start: 0,
            len: 0,
        })
    }

    /// Whether there are none in it.
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes that still fit.
    pub(super) fn room(&self) -> usize {
        self.bytes.len().wrapping_sub(self.len)
    }

    /// The oldest bytes, as far as they lie in a row.
    pub(super) fn front(&self) -> &[u8] {
        let end = self.start.wrapping_add(self.len).min(self.bytes.len());
        self.bytes.get(self.start..end).unwrap_or(&[])
    }

    /// Takes the oldest bytes out, so many as were used of [`ByteRing::front`].
    pub(super) fn consume(&mut self, count: usize) {
        let count = count.min(self.len);
        self.start = self.wrap(self.start.wrapping_add(count));
        self.len = self.len.wrapping_sub(count);
    }

    /// The place in the ring, a power of two.
    fn wrap(&self, at: usize) -> usize {
        at & self.bytes.len().wrapping_sub(1)
    }

    /// Free bytes from the `offset`th on, as far as they lie in a row.
    pub(super) fn space(&mut self, offset: usize) -> &mut [u8] {
        let room = self.room().saturating_sub(offset);
        let from = self.wrap(self.start.wrapping_add(self.len).wrapping_add(offset));
        let end = from.wrapping_add(room).min(self.bytes.len());
        self.bytes.get_mut(from..end).unwrap_or(&mut [])
    }

    /// Adds the first `count` free bytes, which have been written.
    pub(super) fn produce(&mut self, count: usize) {
        self.len = self.len.saturating_add(count).min(self.bytes.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_come_out_as_they_went_in() {
        let mut ring = ByteRing::new(8).unwrap();
        let (mut sent, mut received, mut total) = (0u8, 0u8, 0);
        for round in 0..100 {
            let mut offset = 0;
            while offset < round % 9 {
                let space = ring.space(offset);
                if space.is_empty() {
                    break;
                }
                let part = space.len().min(round % 9 - offset);
                for place in &mut space[..part] {
                    *place = sent;
                    sent = sent.wrapping_add(1);
                }
                offset += part;
            }
            ring.produce(offset);
            for _ in 0..2 {
                let taken = ring.front().len().min(round % 5);
                for byte in &ring.front()[..taken] {
                    assert_eq!(*byte, received);
                    received = received.wrapping_add(1);
                }
                ring.consume(taken);
                total += taken;
            }
            assert_eq!(ring.room() + usize::from(sent.wrapping_sub(received)), 8);
        }
        assert!(total > 100);
    }
}
