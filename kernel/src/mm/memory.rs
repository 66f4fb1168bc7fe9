//! The pages of a Memory: anonymous ones, or the cached contents of a file.
#![forbid(unsafe_code)]

use alloc::vec::Vec;

use crate::arch::Access;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{AllocError, Mutex, Ref, SpinLock};
use crate::word;

use super::PAGE;
use super::frame::{Frame, Purpose};
use super::mappers::Mappers;
use super::page_map::PageMap;
use super::reclaim::reclaim;

/// Most pages read at once when one is missing.
const READ_RUN_PAGES: u64 = 16;

/// Why a page could not be provided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceError {
    /// There is no such page: it lies beyond the end.
    BeyondEnd,
    /// No memory.
    NoMemory,
    /// The device failed.
    Io,
    /// The stored data is damaged.
    Corrupt,
}

impl From<AllocError> for SourceError {
    fn from(_: AllocError) -> Self {
        SourceError::NoMemory
    }
}

/// Who fills the pages of a file.
pub trait PageSource: Send + Sync + core::fmt::Debug {
    /// Reads whole pages from `first` on; what lies beyond the end of the file is zeroed.
    /// May sleep.
    ///
    /// # Errors
    /// As the device and the filesystem report.
    fn fill(&self, first: u64, pages: &mut [u8]) -> Result<(), SourceError>;
}

/// A page for a shared mapping.
pub(super) enum SharedPage {
    /// May be mapped for the access.
    Ready(Frame),
    /// Has to be read first.
    Missing,
    /// Must not be written yet, see [`MemoryPages::own_page`].
    NotOwn,
}

/// Pages by number, made or read when they are first asked for.
#[derive(Debug)]
pub struct MemoryPages {
    pub(super) pages: SpinLock<PageMap>,
    pub(super) bytes: AtomicU64,
    source: Option<Ref<dyn PageSource>>,
    /// Who maps the pages, so that they can be taken back; anonymous pages only.
    pub(super) mappers: Mappers,
    /// Serialises cloning, cutting, and giving pages of a clone's their own copy.
    pub(super) changing: Mutex<()>,
    /// A clone is being made: no page may become writable.
    pub(super) frozen: AtomicBool,
    /// Serialises filling, so that a page is not read twice at once.
    filling: Mutex<()>,
    dirty: AtomicU64,
}

impl MemoryPages {
    /// Zeroed pages, taken when touched.
    pub fn anonymous(bytes: u64) -> MemoryPages {
        Self::new(bytes, None)
    }

    /// The contents of a file of `bytes` bytes.
    pub fn of_file(bytes: u64, source: Ref<dyn PageSource>) -> MemoryPages {
        Self::new(bytes, Some(source))
    }

    fn new(bytes: u64, source: Option<Ref<dyn PageSource>>) -> MemoryPages {
        MemoryPages {
            pages: SpinLock::new(PageMap::default()),
            bytes: AtomicU64::new(bytes),
            source,
            mappers: Mappers::default(),
            changing: Mutex::new(()),
            frozen: AtomicBool::new(false),
            filling: Mutex::new(()),
            dirty: AtomicU64::new(0),
        }
    }

    pub(super) fn purpose(&self) -> Purpose {
        if self.source.is_some() {
            Purpose::Cache
        } else {
            Purpose::User
        }
    }

    /// Whether the pages are its own, and not those of a file.
    pub fn is_anonymous(&self) -> bool {
        self.source.is_none()
    }

    /// Size in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Acquire)
    }

    /// Lengthens to at least `bytes`.
    pub fn grow(&self, bytes: u64) {
        self.bytes.fetch_max(bytes, Ordering::AcqRel);
    }

    /// Sets the size; pages beyond it are dropped, and the rest of the last one is zeroed.
    pub fn resize(&self, bytes: u64) {
        let mut pages = self.pages.lock();
        let old = self.bytes.swap(bytes, Ordering::AcqRel);
        if bytes >= old {
            return;
        }
        pages.truncate(bytes.div_ceil(PAGE));
        let offset = (bytes % PAGE) as usize;
        if offset != 0
            && let Some(slot) = pages.get(bytes / PAGE)
        {
            const ZEROS: [u8; abi::PAGE_SIZE] = [0; abi::PAGE_SIZE];
            let rest = ZEROS.len().saturating_sub(offset);
            slot.frame.write(offset, ZEROS.get(..rest).unwrap_or(&[]));
        }
    }

    /// Pages present.
    pub fn present(&self) -> u64 {
        self.pages.lock().len()
    }

    /// Pages that differ from what the source has.
    pub fn dirty_pages(&self) -> u64 {
        self.dirty.load(Ordering::Relaxed)
    }

    /// The page if it is present, without sleeping.
    ///
    /// # Errors
    /// [`SourceError::BeyondEnd`]; `NoMemory` for an anonymous page.
    pub fn present_page(&self, page: u64) -> Result<Option<Frame>, SourceError> {
        if page >= self.bytes().div_ceil(PAGE) {
            return Err(SourceError::BeyondEnd);
        }
        let mut pages = self.pages.lock();
        if let Some(slot) = pages.get(page) {
            return Ok(Some(slot.frame.share()));
        }
        if self.source.is_some() {
            return Ok(None);
        }
        let frame = Frame::zeroed(self.purpose()).ok_or(SourceError::NoMemory)?;
        Ok(Some(pages.insert(page, frame)?.frame.share()))
    }

    /// The page for a shared mapping, without sleeping; for a store it is marked dirty.
    ///
    /// # Errors
    /// As [`MemoryPages::present_page`].
    pub(super) fn shared_page(&self, page: u64, access: Access) -> Result<SharedPage, SourceError> {
        let writes = access == Access::Write;
        if writes && self.frozen.load(Ordering::SeqCst) {
            return Ok(SharedPage::NotOwn);
        }
        if page >= self.bytes().div_ceil(PAGE) {
            return Err(SourceError::BeyondEnd);
        }
        let mut pages = self.pages.lock();
        let slot = match pages.get(page) {
            Some(slot) => slot,
            None if self.source.is_some() => return Ok(SharedPage::Missing),
            None => {
                let frame = Frame::zeroed(self.purpose()).ok_or(SourceError::NoMemory)?;
                pages.insert(page, frame)?
            }
        };
        if writes && slot.lent {
            return Ok(SharedPage::NotOwn);
        }
        if writes && self.source.is_some() && !core::mem::replace(&mut slot.dirty, true) {
            self.dirty.fetch_add(1, Ordering::Relaxed);
        }
        Ok(SharedPage::Ready(slot.frame.share()))
    }

    /// The page, read if it is not present. May sleep.
    ///
    /// # Errors
    /// As [`PageSource::fill`], and [`SourceError::BeyondEnd`].
    pub fn page(&self, page: u64) -> Result<Frame, SourceError> {
        match self.page_once(page) {
            Err(SourceError::NoMemory) if reclaim() => self.page_once(page),
            result => result,
        }
    }

    fn page_once(&self, page: u64) -> Result<Frame, SourceError> {
        if let Some(frame) = self.present_page(page)? {
            return Ok(frame);
        }
        let _filling = self.filling.lock();
        if let Some(frame) = self.present_page(page)? {
            return Ok(frame);
        }
        self.fill(page)?;
        self.present_page(page)?.ok_or(SourceError::NoMemory)
    }

    /// Reads `page` and some that follow it.
    fn fill(&self, page: u64) -> Result<(), SourceError> {
        let Some(source) = &self.source else {
            return Ok(());
        };
        let last = self.bytes().div_ceil(PAGE);
        let mut run = READ_RUN_PAGES.min(last.saturating_sub(page));
        {
            let mut pages = self.pages.lock();
            if let Some(present) =
                (1..run).find(|next| pages.get(page.saturating_add(*next)).is_some())
            {
                run = present;
            }
        }
        let mut buffer = Vec::new();
        let bytes = word::index(run.saturating_mul(PAGE));
        buffer
            .try_reserve_exact(bytes)
            .map_err(|_| SourceError::NoMemory)?;
        buffer.resize(bytes, 0);
        source.fill(page, &mut buffer)?;
        for (number, contents) in (page..).zip(buffer.chunks_exact(abi::PAGE_SIZE)) {
            let frame = Frame::zeroed(Purpose::Cache).ok_or(SourceError::NoMemory)?;
            frame.write(0, contents);
            self.pages.lock().insert(number, frame)?;
        }
        Ok(())
    }

    /// The page for overwriting all of it: not read from the source when it is missing.
    ///
    /// # Errors
    /// [`SourceError::NoMemory`].
    pub fn page_to_overwrite(&self, page: u64) -> Result<Frame, SourceError> {
        match self.page_to_overwrite_once(page) {
            Err(SourceError::NoMemory) if reclaim() => self.page_to_overwrite_once(page),
            result => result,
        }
    }

    fn page_to_overwrite_once(&self, page: u64) -> Result<Frame, SourceError> {
        let mut pages = self.pages.lock();
        if let Some(slot) = pages.get(page) {
            return Ok(slot.frame.share());
        }
        let frame = Frame::zeroed(self.purpose()).ok_or(SourceError::NoMemory)?;
        Ok(pages.insert(page, frame)?.frame.share())
    }

    /// Marks a page as different from the source; returns whether it was not before.
    pub fn mark_dirty(&self, page: u64) -> bool {
        let mut pages = self.pages.lock();
        let Some(slot) = pages.get(page) else {
            return false;
        };
        let newly = !core::mem::replace(&mut slot.dirty, true);
        if newly {
            self.dirty.fetch_add(1, Ordering::Relaxed);
        }
        newly
    }

    /// The next dirty page from `from` on, which counts as clean from here on.
    pub fn take_dirty(&self, from: u64) -> Option<(u64, Frame)> {
        let mut pages = self.pages.lock();
        let (page, slot) = pages.next_dirty(from)?;
        slot.dirty = false;
        self.dirty.fetch_sub(1, Ordering::Relaxed);
        Some((page, slot.frame.share()))
    }

    /// As [`MemoryPages::take_dirty`], for pages below `end` only.
    pub fn take_dirty_below(&self, from: u64, end: u64) -> Option<(u64, Frame)> {
        let mut pages = self.pages.lock();
        let (page, slot) = pages.next_dirty(from).filter(|(page, _)| *page < end)?;
        slot.dirty = false;
        self.dirty.fetch_sub(1, Ordering::Relaxed);
        Some((page, slot.frame.share()))
    }

    /// This page, if it is dirty; it counts as clean from here on.
    pub fn take_dirty_page(&self, page: u64) -> Option<Frame> {
        self.take_dirty_below(page, page.saturating_add(1))
            .map(|(_, frame)| frame)
    }

    /// Counts the dirty pages anew, after some were dropped; returns their number.
    pub fn recount_dirty(&self) -> u64 {
        let mut pages = self.pages.lock();
        let (mut from, mut count) = (0, 0u64);
        while let Some((page, _)) = pages.next_dirty(from) {
            count = count.saturating_add(1);
            from = page.saturating_add(1);
        }
        self.dirty.store(count, Ordering::Relaxed);
        count
    }

    /// Drops the clean pages that nobody else holds; returns how many.
    pub fn drop_clean(&self) -> u64 {
        if self.source.is_none() {
            return 0;
        }
        let mut pages = self.pages.lock();
        let before = pages.len();
        pages.retain_not(&mut |slot| !slot.dirty && slot.frame.is_exclusive());
        before.saturating_sub(pages.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mm::tests::with_memory;

    #[derive(Debug)]
    struct Numbered(AtomicU64);

    impl PageSource for Numbered {
        fn fill(&self, first: u64, pages: &mut [u8]) -> Result<(), SourceError> {
            for (number, page) in (first..).zip(pages.chunks_mut(PAGE as usize)) {
                if number == 40 {
                    return Err(SourceError::Io);
                }
                page.fill(number as u8);
                self.0.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        }
    }

    fn first_byte(frame: &Frame) -> u8 {
        let mut byte = [0];
        frame.read(0, &mut byte);
        byte[0]
    }

    #[test]
    fn file_pages_are_read_once_and_errors_are_not_cached() {
        with_memory(|| {
            let source = Ref::new(Numbered(AtomicU64::new(0))).unwrap();
            let memory = MemoryPages::of_file(50 * PAGE + 1, source.clone().widen(|s| s));
            assert_eq!(first_byte(&memory.page(3).unwrap()), 3);
            assert_eq!(first_byte(&memory.page(18).unwrap()), 18);
            assert_eq!(source.0.load(Ordering::Relaxed), READ_RUN_PAGES);
            assert_eq!(memory.page(40).unwrap_err(), SourceError::Io);
            assert_eq!(first_byte(&memory.page(50).unwrap()), 50);
            assert_eq!(memory.page(51).unwrap_err(), SourceError::BeyondEnd);
            memory.mark_dirty(3);
            memory.drop_clean();
            assert_eq!(memory.present(), 1);
            assert_eq!(memory.take_dirty(0).unwrap().0, 3);
            assert!(memory.take_dirty(0).is_none());
        });
    }

    #[test]
    fn shrinking_zeroes_what_is_cut_off() {
        with_memory(|| {
            let memory = MemoryPages::anonymous(3 * PAGE);
            let page = memory.page(1).unwrap();
            page.write(0, &[7; abi::PAGE_SIZE]);
            memory.page(2).unwrap();
            memory.resize(PAGE + 10);
            assert_eq!(memory.present(), 1);
            memory.resize(3 * PAGE);
            let mut bytes = [0; 12];
            memory.page(1).unwrap().read(0, &mut bytes);
            assert_eq!(bytes, [7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 0, 0]);
        });
    }
}
