//! Bitmaps of 32,768 blocks.

use alloc::{vec, vec::Vec};

use crate::fs::viperfs::layout::BLOCK_BYTES;

/// Bits of a bitmap.
pub(crate) const BITS: usize = BLOCK_BYTES * 8;
const WORD_BITS: usize = u64::BITS as usize;

/// One bit for each block of an allocation group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bitmap {
    words: Vec<u64>,
}

impl Bitmap {
    /// All bits clear.
    pub fn new() -> Bitmap {
        Bitmap {
            words: vec![0; BITS / WORD_BITS],
        }
    }

    /// From the block that holds it on disk.
    pub fn from_block(block: &[u8]) -> Bitmap {
        let (chunks, _) = block.as_chunks::<8>();
        let mut words: Vec<u64> = chunks
            .iter()
            .map(|chunk| u64::from_le_bytes(*chunk))
            .collect();
        words.resize(BITS / WORD_BITS, 0);
        Bitmap { words }
    }

    /// The block that holds it on disk.
    pub fn to_block(&self) -> Vec<u8> {
        let mut block = Vec::with_capacity(BLOCK_BYTES);
        for word in &self.words {
            block.extend_from_slice(&word.to_le_bytes());
        }
        block
    }

    pub fn get(&self, bit: usize) -> bool {
        self.words
            .get(bit / WORD_BITS)
            .is_some_and(|word| word >> (bit % WORD_BITS) & 1 == 1)
    }

    /// Sets or clears a bit and returns what it was.
    pub fn put(&mut self, bit: usize, value: bool) -> bool {
        let Some(word) = self.words.get_mut(bit / WORD_BITS) else {
            return value;
        };
        let mask = 1 << (bit % WORD_BITS);
        let was = *word & mask != 0;
        if value {
            *word |= mask;
        } else {
            *word &= !mask;
        }
        was
    }

    pub fn clear_all(&mut self) {
        self.words.fill(0);
    }

    pub fn count_zeros(&self) -> usize {
        self.words
            .iter()
            .map(|word| word.count_zeros() as usize)
            .sum()
    }

    /// Sets every bit that is set in `other`.
    pub fn merge(&mut self, other: &Bitmap) {
        for (word, more) in self.words.iter_mut().zip(&other.words) {
            *word |= more;
        }
    }

    /// The bits of `self` that are clear in `other`.
    pub fn without(&self, other: &Bitmap) -> Bitmap {
        let words = self
            .words
            .iter()
            .zip(&other.words)
            .map(|(word, less)| word & !less);
        Bitmap {
            words: words.collect(),
        }
    }

    /// Runs of set bits as first bit and length.
    pub fn runs(&self) -> impl Iterator<Item = (usize, usize)> {
        let mut from = 0;
        core::iter::from_fn(move || {
            let start = self.next(from, true);
            let end = self.next(start, false);
            from = end;
            (start < BITS).then_some((start, end.saturating_sub(start)))
        })
    }

    /// First clear run of at least `min` bits in the range, cut to `want` bits.
    pub fn find_clear(
        &self,
        from: usize,
        to: usize,
        want: usize,
        min: usize,
    ) -> Option<(usize, usize)> {
        let mut position = from;
        loop {
            let start = self.next(position, false);
            if start >= to {
                return None;
            }
            let end = self.next_before(start, true, to.min(start.saturating_add(want)));
            let len = end.saturating_sub(start);
            if len >= min {
                return Some((start, len));
            }
            position = end.max(start.saturating_add(1));
        }
    }

    fn next(&self, from: usize, value: bool) -> usize {
        self.next_before(from, value, BITS)
    }

    /// First bit at or after `from` with this value, or `limit`.
    fn next_before(&self, from: usize, value: bool, limit: usize) -> usize {
        let mut position = from;
        while position < limit {
            let Some(word) = self.words.get(position / WORD_BITS) else {
                return limit;
            };
            let sought = if value { *word } else { !*word };
            let rest = sought >> (position % WORD_BITS);
            if rest != 0 {
                let found = position.saturating_add(rest.trailing_zeros() as usize);
                return found.min(limit);
            }
            position = (position | (WORD_BITS - 1)).saturating_add(1);
        }
        limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_runs_across_words() {
        let mut map = Bitmap::new();
        for bit in (0..60).chain(70..200).chain([260]) {
            assert!(!map.put(bit, true));
        }
        assert_eq!(map.find_clear(0, BITS, 32, 1), Some((60, 10)));
        assert_eq!(map.find_clear(0, BITS, 32, 11), Some((200, 32)));
        assert_eq!(map.find_clear(0, BITS, 100, 61), Some((261, 100)));
        assert_eq!(map.find_clear(0, 65, 32, 6), None);
        assert_eq!(map.find_clear(0, 60, 1, 1), None);
        assert_eq!(
            map.runs().collect::<Vec<_>>(),
            [(0, 60), (70, 130), (260, 1)]
        );
    }

    #[test]
    fn survives_the_way_to_disk() {
        let mut map = Bitmap::new();
        for bit in [0, 1, 63, 64, 32_767] {
            map.put(bit, true);
        }
        assert_eq!(Bitmap::from_block(&map.to_block()), map);
        assert_eq!(map.count_zeros(), BITS - 5);
        assert!(!map.get(BITS), "outside is clear");
    }
}
