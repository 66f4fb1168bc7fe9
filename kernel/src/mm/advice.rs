//! Advice of programs on how they use their memory.
#![forbid(unsafe_code)]

use crate::limits::ADVISED_PAGES_MAX;
use crate::sync::Ref;

use super::PAGE;
use super::address_space::{AddressSpace, MapError, user_range};
use super::memory::MemoryPages;
use super::vma::Backing;

impl AddressSpace {
    /// Forgets the private contents of a range: it reads as when it was mapped. Shared
    /// mappings keep theirs.
    ///
    /// # Errors
    /// [`MapError::Invalid`] for odd ranges; [`MapError::NotMapped`], and nothing is forgotten.
    pub fn dont_need(&self, start: u64, bytes: u64) -> Result<(), MapError> {
        let end = user_range(start, bytes).ok_or(MapError::Invalid)?;
        let mut inner = self.inner.lock();
        if !inner.list.covers(start, end) {
            return Err(MapError::NotMapped);
        }
        let mut dropped = 0u64;
        for vma in inner.list.within(start, end).filter(|vma| !vma.is_shared()) {
            let (from, to) = (vma.start.max(start), vma.end.min(end));
            dropped = dropped.saturating_add(self.drop_pages(&inner.table, from, to, true));
        }
        inner.own = inner.own.saturating_sub(dropped);
        Ok(())
    }

    /// Reads the pages of files in a range that are not in memory, as far as there is
    /// memory and up to a limit. May sleep.
    ///
    /// # Errors
    /// [`MapError::Invalid`] for odd ranges; [`MapError::NotMapped`].
    pub fn will_need(&self, start: u64, bytes: u64) -> Result<(), MapError> {
        let end = user_range(start, bytes).ok_or(MapError::Invalid)?;
        if !self.inner.lock().list.covers(start, end) {
            return Err(MapError::NotMapped);
        }
        let last = start.saturating_add(ADVISED_PAGES_MAX.saturating_mul(PAGE));
        let mut at = start;
        while at < end.min(last) {
            if let Some((pages, number)) = self.file_page(at)
                && pages.page(number).is_err()
            {
                // It will be a fault of its own when it is touched.
                return Ok(());
            }
            at = at.saturating_add(PAGE);
        }
        Ok(())
    }

    /// The page of a file that shows at an address.
    fn file_page(&self, at: u64) -> Option<(Ref<MemoryPages>, u64)> {
        let inner = self.inner.lock();
        let vma = inner.list.find(at)?;
        match &vma.backing {
            Backing::Memory { pages, first, .. } if !pages.is_anonymous() => {
                let number = first.saturating_add(at.saturating_sub(vma.start) / PAGE);
                Some((pages.clone(), number))
            }
            _ => None,
        }
    }
}
