//! Reading files.

use alloc::vec::Vec;

use super::disk::PendingRead;
use super::error::{Result, corrupt};
use super::extent_map::{Content, FileExtent};
use super::layout::BLOCK_BYTES;
use super::layout::checksum::data_sum;
use super::layout::extent::SUM_BYTES;
use super::volume::Volume;
use crate::block::BlockDevice;
use crate::word;

const BLOCK: u64 = BLOCK_BYTES as u64;

/// Bytes of a file that are on their way at once.
pub(super) const WINDOW_BYTES: usize = 256 * 1024;
const WINDOW: u64 = WINDOW_BYTES as u64;

/// A read of blocks of one extent.
struct Part {
    extent: FileExtent,
    pending: Option<PendingRead>,
}

impl<D: BlockDevice> Volume<D> {
    /// Reads from a file; returns the number of bytes, less than asked for only at the
    /// end of the file. Gaps read as zeros.
    pub fn read(&mut self, ino: u64, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        self.begin_read();
        let size = self.file(ino)?.size.get();
        let len = size.saturating_sub(offset).min(buffer.len() as u64);
        let buffer = buffer.get_mut(..word::index(len)).unwrap_or(&mut []);
        buffer.fill(0);
        let mut done = 0u64;
        while done < len {
            // Windows end at multiples, so that a long read starts few transfers.
            let start = offset.saturating_add(done);
            let to_multiple = WINDOW.saturating_sub(start % WINDOW);
            let end = done.saturating_add(to_multiple).min(len);
            let part = buffer.get_mut(word::index(done)..word::index(end));
            self.read_window(ino, start, part.unwrap_or(&mut []))?;
            self.begin_read();
            done = end;
        }
        Ok(word::index(len))
    }

    /// Reads a range that is filled with zeros and lies before the end of the file.
    pub(super) fn read_window(&mut self, ino: u64, start: u64, buffer: &mut [u8]) -> Result<()> {
        let end = start.saturating_add(buffer.len() as u64);
        let extents = self.extents(ino, start, end, usize::MAX)?;
        let (from, to) = (start & !(BLOCK - 1), end.next_multiple_of(BLOCK));
        let mut parts: Vec<Part> = Vec::with_capacity(extents.len());
        for extent in extents {
            let Some(extent) = extent.cut(from, to) else {
                continue;
            };
            let pending = match extent.run() {
                Some(run) => Some(self.store.disk.start_read(run.start, run.len as usize)?),
                None => None,
            };
            parts.push(Part { extent, pending });
        }
        let mut outcome = Ok(());
        for part in parts {
            // Every read is waited for, also after one has failed.
            let finished = self.finish_part(part, start, buffer);
            outcome = outcome.and(finished);
        }
        outcome
    }

    fn finish_part(&mut self, part: Part, start: u64, buffer: &mut [u8]) -> Result<()> {
        let offset = part.extent.offset;
        match (part.extent.content, part.pending) {
            (Content::Blocks { block, sums, .. }, Some(pending)) => {
                let bytes = self.store.disk.finish_read(pending)?;
                verify(block, &bytes, &sums)?;
                overlay(buffer, start, &bytes, offset);
            }
            (Content::Inline(bytes), _) => overlay(buffer, start, &bytes, offset),
            _ => {}
        }
        Ok(())
    }
}

/// Checks blocks of file data against their checksums.
pub(super) fn verify(block: u64, bytes: &[u8], sums: &[u8]) -> Result<()> {
    let (sums, _) = sums.as_chunks::<SUM_BYTES>();
    for ((content, sum), at) in bytes.chunks(BLOCK_BYTES).zip(sums).zip(block..) {
        if data_sum(content) != u32::from_le_bytes(*sum) {
            return corrupt(at, "file data has the wrong checksum");
        }
    }
    Ok(())
}

/// Copies what two ranges of a file have in common.
fn overlay(target: &mut [u8], target_at: u64, source: &[u8], source_at: u64) {
    let start = target_at.max(source_at);
    let after = |at: u64| word::index(start.saturating_sub(at));
    let to = target.get_mut(after(target_at)..).unwrap_or(&mut []);
    let from = source.get(after(source_at)..).unwrap_or(&[]);
    let len = to.len().min(from.len());
    if let (Some(to), Some(from)) = (to.get_mut(..len), from.get(..len)) {
        to.copy_from_slice(from);
    }
}
