//! Names for words of programs' memory, the same in every space that shares them.
#![forbid(unsafe_code)]

use crate::sync::atomic::Ordering;

use super::PAGE;
use super::address_space::AddressSpace;
use super::vma::Backing;

/// Names a word of memory: two keys are equal where a store to the one is seen in the other.
///
/// A word of a shared mapping belongs to its Memory, any other to its address space. The
/// name does not keep either: after both are gone it may come to mean another word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WordKey {
    /// Address of the Memory's pages or of the space.
    pub of: u64,
    /// Bytes from the Memory's start, or the address in the space.
    pub at: u64,
}

impl AddressSpace {
    /// The name of the word at `address`.
    #[inline(always)]
    pub fn word_key(&self, address: u64) -> WordKey {
        if self.shares.load(Ordering::Relaxed)
            && let Some(key) = self.shared_word_key(address)
        {
            return key;
        }
        WordKey {
            of: core::ptr::from_ref(self).addr() as u64,
            at: address,
        }
    }

    #[inline(always)]
    fn shared_word_key(&self, address: u64) -> Option<WordKey> {
        let mut inner = self.inner.lock();
        let vma = inner.list.find_again(address)?;
        let Backing::Memory {
            pages,
            first,
            private: false,
            ..
        } = &vma.backing
        else {
            return None;
        };
        let offset = address.wrapping_sub(vma.start);
        Some(WordKey {
            of: core::ptr::from_ref(&**pages).addr() as u64,
            at: first.wrapping_mul(PAGE).wrapping_add(offset),
        })
    }
}
