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

/// Bytes of a file that are on their way at once.
const WINDOW_BYTES: u64 = 256 * 1024;

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
        let buffer = buffer.get_mut(..len as usize).unwrap_or(&mut []);
        buffer.fill(0);
        let mut done = 0;
        while done < len {
            // Windows end at multiples, so that a long read starts few transfers.
            let start = offset + done;
            let window = (WINDOW_BYTES - start % WINDOW_BYTES).min(len - done);
            let part = buffer.get_mut(done as usize..(done + window) as usize);
            self.read_window(ino, start, part.unwrap_or(&mut []))?;
            self.begin_read();
            done += window;
        }
        Ok(len as usize)
    }

    /// Reads a range that is filled with zeros and lies before the end of the file.
    pub(super) fn read_window(&mut self, ino: u64, start: u64, buffer: &mut [u8]) -> Result<()> {
        let end = start + buffer.len() as u64;
        let extents = self.extents(ino, start, end, usize::MAX)?;
        let block = BLOCK_BYTES as u64;
        let (from, to) = (start & !(block - 1), end.next_multiple_of(block));
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
    for (index, (content, sum)) in bytes.chunks(BLOCK_BYTES).zip(sums).enumerate() {
        if data_sum(content) != u32::from_le_bytes(*sum) {
            return corrupt(block + index as u64, "file data has the wrong checksum");
        }
    }
    Ok(())
}

/// Copies what two ranges of a file have in common.
fn overlay(target: &mut [u8], target_at: u64, source: &[u8], source_at: u64) {
    let start = target_at.max(source_at);
    let end = (target_at + target.len() as u64).min(source_at.saturating_add(source.len() as u64));
    if start >= end {
        return;
    }
    let len = (end - start) as usize;
    let (to, from) = ((start - target_at) as usize, (start - source_at) as usize);
    if let (Some(to), Some(from)) = (target.get_mut(to..to + len), source.get(from..from + len)) {
        to.copy_from_slice(from);
    }
}
