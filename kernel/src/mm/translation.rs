//! What the machine needs to run in an address space: page table and identifier.
#![forbid(unsafe_code)]

use crate::arch::ThisCpu;

use super::asid::Asid;

/// The translation of one address space, shared by the threads that run in it.
///
/// A thread is switched to in two steps around a fence that the switch needs anyway:
/// [`Translation::claim`] and [`Translation::confirm`].
#[derive(Debug)]
pub struct Translation {
    root: u64,
    asid: Asid,
}

impl Translation {
    /// That of a space whose page table is at `root`.
    pub(super) fn new(root: u64) -> Self {
        Translation {
            root,
            asid: Asid::default(),
        }
    }

    /// Says that this CPU runs in the space next. Interrupts are masked; a sequentially
    /// consistent fence follows.
    #[inline(always)]
    pub fn claim(&self, cpu: ThisCpu) -> u64 {
        self.asid.claim(cpu)
    }

    /// Value for `TTBR0_EL1` on this CPU, after [`Translation::claim`] gave `claimed`; nothing
    /// where that has to be renewed.
    #[inline(always)]
    pub fn confirm(&self, claimed: u64) -> Option<u64> {
        Asid::is_current(claimed).then(|| self.value(claimed))
    }

    /// As [`Translation::confirm`], renewing what has to be.
    #[inline]
    pub fn confirm_or_renew(&self, claimed: u64) -> u64 {
        let renewed = || self.value(self.asid.renew());
        self.confirm(claimed).unwrap_or_else(renewed)
    }

    #[inline(always)]
    fn value(&self, asid: u64) -> u64 {
        self.root | (asid << 48)
    }

    /// The identifier last used, see `Asid::last`.
    pub(super) fn last_asid(&self) -> u16 {
        self.asid.last()
    }
}
