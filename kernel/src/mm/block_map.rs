//! Free pages of one 2 MiB block of physical memory, as a bitmap.
#![forbid(unsafe_code)]

/// Pages in a block.
pub const BLOCK_PAGES: usize = 512;
/// Pages in a word of the bitmap, as a power of two.
const WORD_SHIFT: u32 = u64::BITS.trailing_zeros();

/// Which pages of a block are free; bit set = free.
#[derive(Clone, Copy, Debug)]
pub struct BlockMap {
    words: [u64; BLOCK_PAGES / 64],
    free: usize,
}

impl BlockMap {
    /// No page is free.
    pub const FULL: BlockMap = BlockMap {
        words: [0; BLOCK_PAGES / 64],
        free: 0,
    };

    /// Number of free pages.
    pub const fn free(&self) -> usize {
        self.free
    }

    /// Marks every page free.
    pub const fn set_all_free(&mut self) {
        self.words = [u64::MAX; BLOCK_PAGES / 64];
        self.free = BLOCK_PAGES;
    }

    /// Takes `1 << order` pages at a multiple of their number; returns the first.
    pub fn take(&mut self, order: u32) -> Option<usize> {
        let run = ones(order)?;
        for (index, word) in self.words.iter_mut().enumerate() {
            if let Some(bit) = aligned_run(*word, order) {
                *word &= !(run << bit);
                self.free = self.free.saturating_sub(1 << order);
                return Some((index << WORD_SHIFT) | bit as usize);
            }
        }
        None
    }

    /// Takes up to `most` single pages, lowest first; returns how many.
    pub fn take_singles(&mut self, most: usize, mut take: impl FnMut(usize)) -> usize {
        let mut left = most.min(self.free());
        let taken = left;
        for (index, word) in self.words.iter_mut().enumerate() {
            let mut rest = *word;
            while rest != 0 && left != 0 {
                take((index << WORD_SHIFT) | rest.trailing_zeros() as usize);
                rest &= rest.wrapping_sub(1);
                left = left.wrapping_sub(1);
            }
            *word = rest;
        }
        self.free = self.free.saturating_sub(taken);
        taken
    }

    /// Returns `1 << order` pages from `first` on.
    ///
    /// Returns false, and changes nothing, where one of them is free already.
    pub fn give(&mut self, first: usize, order: u32) -> bool {
        let (Some(run), Some(word)) = (ones(order), self.words.get_mut(first >> WORD_SHIFT)) else {
            return false;
        };
        let bits = run << (first % 64);
        if *word & bits != 0 {
            return false;
        }
        *word |= bits;
        self.free = self.free.saturating_add(1 << order);
        true
    }
}

/// `1 << order` ones; `None` for more than a word holds.
pub(super) fn ones(order: u32) -> Option<u64> {
    let pages = 1u32
        .checked_shl(order)
        .filter(|pages| *pages <= u64::BITS)?;
    Some(!u64::MAX.checked_shl(pages).unwrap_or(0))
}

/// Lowest multiple of `1 << order` at which `word` has that many ones in a row.
pub(super) fn aligned_run(word: u64, order: u32) -> Option<u32> {
    /// For each order the bits at its multiples.
    const STARTS: [u64; 7] = [
        u64::MAX,
        0x5555_5555_5555_5555,
        0x1111_1111_1111_1111,
        0x0101_0101_0101_0101,
        0x0001_0001_0001_0001,
        0x0000_0001_0000_0001,
        1,
    ];
    // After folding, a bit stays where it and the following ones are all set.
    let mut folded = word;
    for step in 0..order {
        folded &= folded >> (1 << step);
    }
    let starts = folded & STARTS.get(order as usize)?;
    (starts != 0).then(|| starts.trailing_zeros())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_handed_out_once_and_aligned() {
        for order in 0..=6 {
            let mut map = BlockMap::FULL;
            map.set_all_free();
            let mut seen = [false; BLOCK_PAGES];
            while let Some(first) = map.take(order) {
                assert_eq!(first % (1 << order), 0);
                for page in &mut seen[first..first + (1 << order)] {
                    assert!(!core::mem::replace(page, true));
                }
            }
            assert!(seen.iter().all(|page| *page));
            assert_eq!(map.free(), 0);
        }
    }

    #[test]
    fn single_pages_come_in_order_and_no_more_than_wanted() {
        let mut map = BlockMap::FULL;
        for page in [3, 5, 64, 500] {
            assert!(map.give(page, 0));
        }
        let mut seen = [0; 4];
        let mut places = seen.iter_mut();
        assert_eq!(
            map.take_singles(2, |page| *places.next().unwrap() = page),
            2
        );
        assert_eq!(map.free(), 2);
        assert_eq!(
            map.take_singles(9, |page| *places.next().unwrap() = page),
            2
        );
        assert_eq!(seen, [3, 5, 64, 500]);
        assert_eq!((map.free(), map.take(0)), (0, None));
    }

    #[test]
    fn a_double_return_is_refused() {
        let mut map = BlockMap::FULL;
        assert!(map.give(8, 3));
        assert!(!map.give(9, 0));
        assert!(!map.give(8, 3));
        assert_eq!(map.free(), 8);
        assert_eq!(map.take(3), Some(8));
    }

    #[test]
    fn a_hole_breaks_a_run() {
        let mut map = BlockMap::FULL;
        for page in (0..64).filter(|page| *page != 5) {
            assert!(map.give(page, 0));
        }
        assert_eq!(map.take(3), Some(8));
        assert_eq!(map.take(2), Some(0));
        assert_eq!(map.take(0), Some(4));
        assert_eq!(map.take(0), Some(6));
    }
}
