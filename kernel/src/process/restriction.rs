//! Calls that a process has given up.

use abi::process::RestrictFlags;

use crate::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

/// Words of a mask of calls, 64 calls each.
pub const RESTRICT_WORDS: usize = 2;

const _: () = assert!(abi::SYSCALLS.len() <= RESTRICT_WORDS * 64);

/// What a process has given up; never becomes less.
#[derive(Debug)]
pub struct Restrictions {
    flags: AtomicU32,
    /// Bits of the calls that are left.
    left: [AtomicU64; RESTRICT_WORDS],
    /// Whether there is anything in the two.
    any: AtomicBool,
}

impl Restrictions {
    /// Nothing given up.
    pub fn none() -> Restrictions {
        Restrictions {
            flags: AtomicU32::new(0),
            left: [const { AtomicU64::new(u64::MAX) }; RESTRICT_WORDS],
            any: AtomicBool::new(false),
        }
    }

    /// Gives up what is not in `left` too, and sets flags.
    pub(super) fn add(&self, flags: RestrictFlags, left: [u64; RESTRICT_WORDS]) {
        self.flags.fetch_or(flags.bits(), Ordering::SeqCst);
        for (word, left) in self.left.iter().zip(left) {
            word.fetch_and(left, Ordering::SeqCst);
        }
        if !flags.is_empty() || left != [u64::MAX; RESTRICT_WORDS] {
            self.any.store(true, Ordering::SeqCst);
        }
    }

    /// What another process starts with, which this one starts.
    pub fn inherited(&self) -> Restrictions {
        let child = Restrictions::none();
        let mut left = [0; RESTRICT_WORDS];
        for (left, word) in left.iter_mut().zip(&self.left) {
            *left = word.load(Ordering::SeqCst);
        }
        child.add(self.flags(), left);
        child
    }

    /// What is fatal.
    pub fn flags(&self) -> RestrictFlags {
        RestrictFlags::from_bits_retain(self.flags.load(Ordering::SeqCst))
    }

    /// Whether the call with this number is left.
    pub fn allows(&self, number: u64) -> bool {
        let word = self.left.get(crate::word::index(number / 64));
        word.is_some_and(|word| word.load(Ordering::SeqCst) & (1 << (number % 64)) != 0)
    }

    /// Whether anything is given up or fatal.
    pub fn is_any(&self) -> bool {
        self.any.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_up_never_comes_back() {
        let restrictions = Restrictions::none();
        assert!(!restrictions.is_any() && restrictions.allows(127) && !restrictions.allows(128));
        restrictions.add(RestrictFlags::BAD_CALL_ENDS, [0b101, u64::MAX]);
        restrictions.add(RestrictFlags::empty(), [u64::MAX, 1]);
        for other in [&restrictions, &restrictions.inherited()] {
            let allowed: alloc::vec::Vec<u64> =
                (0..200).filter(|number| other.allows(*number)).collect();
            assert_eq!(allowed, [0, 2, 64]);
            assert_eq!(other.flags(), RestrictFlags::BAD_CALL_ENDS);
            assert!(other.is_any());
        }
    }
}
