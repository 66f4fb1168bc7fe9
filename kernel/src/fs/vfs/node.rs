//! A file or directory in memory.

use alloc::vec::Vec;

use abi::fs::{NodeKind, Stat};

use crate::fs::viperfs::{self, Kind};
use crate::mm::{Frame, MemoryPages, PAGE, PageSource, SourceError};
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Mutex, Ref};
use crate::word;

use super::error::Error;
use super::volume::MountedVolume;

/// Pages handed to the engine in one write.
const WRITE_RUN_PAGES: usize = 16;
/// Largest size of a file, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 60;

/// A file or directory that is open, or was not long ago.
#[derive(Debug)]
pub struct Node {
    volume: Ref<MountedVolume>,
    ino: u64,
    kind: NodeKind,
    /// A file's contents; empty for others.
    pages: Ref<MemoryPages>,
    /// A name of it was removed; it may have others.
    unlinked: AtomicBool,
    /// Held while the size changes, so that writers do not cut each other's data.
    sizing: Mutex<()>,
}

pub(super) const fn kind_of(kind: Kind) -> NodeKind {
    match kind {
        Kind::File => NodeKind::File,
        Kind::Directory => NodeKind::Directory,
        Kind::Symlink => NodeKind::Symlink,
    }
}

/// Reads a file's pages from the engine.
#[derive(Debug)]
struct FileSource {
    volume: Ref<MountedVolume>,
    ino: u64,
}

impl PageSource for FileSource {
    fn fill(&self, first: u64, pages: &mut [u8]) -> Result<(), SourceError> {
        let offset = first.checked_mul(PAGE).ok_or(SourceError::BeyondEnd)?;
        let read = self
            .volume
            .engine(|engine| engine.read(self.ino, offset, pages));
        match read {
            Ok(bytes) => {
                if let Some(rest) = pages.get_mut(bytes..) {
                    rest.fill(0);
                }
                Ok(())
            }
            Err(viperfs::Error::Corrupt { block, why }) => {
                log::error!("file {} at {offset}: block {block}: {why}", self.ino);
                Err(SourceError::Corrupt)
            }
            Err(viperfs::Error::NoMemory) => Err(SourceError::NoMemory),
            Err(_) => Err(SourceError::Io),
        }
    }
}

impl Node {
    /// A node that the engine holds for us.
    pub(super) fn new(
        volume: Ref<MountedVolume>,
        stat: &viperfs::Stat,
    ) -> Result<Ref<Node>, Error> {
        let source = Ref::new(FileSource {
            volume: volume.clone(),
            ino: stat.ino,
        })?;
        let size = if stat.kind == Kind::Directory {
            0
        } else {
            stat.size
        };
        let source = source.widen(|source| source as *mut dyn PageSource);
        let pages = Ref::new(MemoryPages::of_file(size, source))?;
        let kind = kind_of(stat.kind);
        Ok(Ref::new(Node {
            volume,
            ino: stat.ino,
            kind,
            pages,
            sizing: Mutex::new(()),
            unlinked: AtomicBool::new(false),
        })?)
    }

    /// Number in its volume.
    pub fn ino(&self) -> u64 {
        self.ino
    }

    /// What it is.
    pub fn kind(&self) -> NodeKind {
        self.kind
    }

    /// Its volume.
    pub fn volume(&self) -> &Ref<MountedVolume> {
        &self.volume
    }

    /// A file's contents.
    pub fn pages(&self) -> &Ref<MemoryPages> {
        &self.pages
    }

    /// Size of a file in bytes, what is not yet written included.
    pub fn size(&self) -> u64 {
        self.pages.bytes()
    }

    /// Whether pages wait to be written.
    pub fn is_dirty(&self) -> bool {
        self.pages.dirty_pages() != 0
    }

    pub(super) fn mark_unlinked(&self) {
        self.unlinked.store(true, Ordering::Release);
    }

    /// Whether it has lost its names; a file with hard links would keep some, and there
    /// are none yet.
    pub(super) fn is_unlinked(&self) -> bool {
        self.unlinked.load(Ordering::Acquire)
    }

    /// What is known about it.
    pub(super) fn stat(&self) -> Result<Stat, Error> {
        let stat = self.volume.engine(|engine| engine.stat(self.ino))?;
        let size = if self.kind == NodeKind::File {
            self.size()
        } else {
            stat.size
        };
        Ok(Stat {
            node: self.ino,
            volume: self.volume.id(),
            size,
            allocated: stat.allocated,
            kind: self.kind as u32,
            links: stat.links,
            protection: stat.protection,
            reserved: 0,
            birth_ns: stat.birth_ns,
            modify_ns: stat.modify_ns,
            change_ns: stat.change_ns,
            access_ns: stat.access_ns,
        })
    }

    /// The page that a write of `bytes` at `within` the page goes to.
    ///
    /// A page that is overwritten whole, or lies beyond the end, is not read first.
    pub(super) fn page_for_write(
        &self,
        page: u64,
        within: usize,
        bytes: usize,
    ) -> Result<Frame, Error> {
        let whole = within == 0 && bytes as u64 == PAGE;
        let beyond = page.saturating_mul(PAGE) >= self.size();
        Ok(if whole || beyond {
            self.pages.page_to_overwrite(page)?
        } else {
            self.pages.page(page)?
        })
    }

    /// Notes that a page was written up to byte `end` of the file.
    pub(super) fn written(&self, page: u64, end: u64) -> Result<(), Error> {
        self.pages.grow(end);
        if self.pages.mark_dirty(page) {
            self.volume.add_dirty(1)?;
        }
        Ok(())
    }

    /// Where a write of `bytes` at `offset` ends.
    pub(super) fn write_end(offset: u64, bytes: usize) -> Result<u64, Error> {
        offset
            .checked_add(bytes as u64)
            .filter(|end| *end <= FILE_BYTES_MAX)
            .ok_or(Error::TooLarge)
    }

    /// Cuts the file, or lengthens it with zeros.
    pub(super) fn truncate(&self, size: u64) -> Result<(), Error> {
        if size > FILE_BYTES_MAX {
            return Err(Error::TooLarge);
        }
        let _sizing = self.sizing.lock();
        // What is dirty below the new end goes to the engine first, what is above never.
        self.write_back_below(size)?;
        let dropped = self.pages.dirty_pages();
        let now = MountedVolume::now();
        self.volume
            .engine(|engine| engine.truncate(self.ino, size, now))?;
        self.pages.resize(size);
        let left = self.count_dirty();
        self.volume.remove_dirty(dropped.saturating_sub(left));
        Ok(())
    }

    fn count_dirty(&self) -> u64 {
        self.pages.recount_dirty()
    }

    /// Hands all dirty pages to the engine.
    pub(super) fn write_back(&self) -> Result<(), Error> {
        let _sizing = self.sizing.lock();
        self.write_back_below(u64::MAX)
    }

    fn write_back_below(&self, limit: u64) -> Result<(), Error> {
        let mut from = 0;
        loop {
            let mut run = Vec::new();
            run.try_reserve_exact(WRITE_RUN_PAGES * abi::PAGE_SIZE)
                .map_err(|_| Error::NoMemory)?;
            let Some((first, pages)) = self.take_run(from, limit, &mut run) else {
                return Ok(());
            };
            from = first.saturating_add(pages);
            let offset = first.saturating_mul(PAGE);
            let size = self.size().min(limit);
            let bytes = word::index(size.saturating_sub(offset).min(run.len() as u64));
            run.truncate(bytes);
            let now = MountedVolume::now();
            let result = self.write_run(offset, &run, now);
            self.volume.remove_dirty(pages);
            if let Err(error) = result {
                for page in first..from {
                    if self.pages.mark_dirty(page) {
                        // Counted again without making room: there is none.
                        self.volume.recount_dirty(1);
                    }
                }
                return Err(error);
            }
        }
    }

    fn write_run(&self, offset: u64, run: &[u8], now: u64) -> Result<(), Error> {
        let mut done = 0;
        while let Some(rest) = run.get(done..).filter(|rest| !rest.is_empty()) {
            let at = offset.saturating_add(done as u64);
            let written = self
                .volume
                .engine(|engine| engine.write(self.ino, at, rest, now))?;
            if written == 0 {
                return Err(Error::NoSpace);
            }
            done = done.saturating_add(written);
        }
        Ok(())
    }

    /// Copies the next dirty pages that follow one another; they count as clean.
    fn take_run(&self, from: u64, limit: u64, run: &mut Vec<u8>) -> Option<(u64, u64)> {
        let last = limit.div_ceil(PAGE);
        let (first, frame) = self.pages.take_dirty_below(from, last)?;
        let mut next = Some(frame);
        let mut pages = 0u64;
        while let Some(frame) = next {
            let start = run.len();
            run.resize(start.saturating_add(abi::PAGE_SIZE), 0);
            if let Some(room) = run.get_mut(start..) {
                frame.read(0, room);
            }
            pages = pages.saturating_add(1);
            let following = first.saturating_add(pages);
            next = (pages < WRITE_RUN_PAGES as u64 && following < last)
                .then(|| self.pages.take_dirty_page(following))
                .flatten();
        }
        Some((first, pages))
    }

    /// Forgets what was not written: the file is gone.
    pub(super) fn discard_dirty(&self) {
        let dropped = self.pages.dirty_pages();
        self.pages.resize(0);
        self.pages.recount_dirty();
        self.volume.remove_dirty(dropped);
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.volume.release(self.ino);
    }
}
