//! Writing files.
//!
//! Small files live in their inode's neighbourhood as inline extents. Everything else
//! goes to new blocks, in whole blocks: the old ones stay until the commit is durable.
//! Only blocks that were given out since the last commit are written over.

use alloc::vec;
use alloc::vec::Vec;

use super::error::{Error, Result};
use super::extent_map::{Content, FileExtent};
use super::layout::checksum::data_sum;
use super::layout::extent::{EXTENT_BYTES_MAX, INLINE_BYTES_MAX, sum_at};
use super::layout::inode::{DiskTime, InodeItem};
use super::layout::{BLOCK_BYTES, FILE_BYTES_MAX};
use super::space::Run;
use super::transaction::Need;
use super::volume::Volume;
use crate::block::BlockDevice;
use crate::word;

const BLOCK: u64 = BLOCK_BYTES as u64;
/// What writing one chunk needs besides data blocks: the extents of 128 KiB and the inode.
const CHUNK: Need = Need {
    leaves: 5,
    splits: 3,
    data_blocks: 0,
    frees: false,
};

impl<D: BlockDevice> Volume<D> {
    /// Writes to a file, which grows as needed, and returns the number of bytes.
    ///
    /// Each 128 KiB is one step; when a later step fails the answer is what was
    /// written before.
    pub fn write(&mut self, ino: u64, offset: u64, data: &[u8], now_ns: u64) -> Result<usize> {
        let end = offset
            .checked_add(data.len() as u64)
            .filter(|end| *end <= FILE_BYTES_MAX);
        end.ok_or(Error::TooLarge)?;
        let mut done = 0usize;
        while done < data.len() || data.is_empty() {
            let start = offset.saturating_add(done as u64);
            let to_multiple = EXTENT_BYTES_MAX.saturating_sub(start % EXTENT_BYTES_MAX);
            let rest = data.get(done..).unwrap_or(&[]);
            let step = word::index(to_multiple).min(rest.len());
            let chunk = rest.get(..step).unwrap_or(&[]);
            match self.write_step(ino, start, chunk, now_ns) {
                Ok(()) => done = done.saturating_add(chunk.len()),
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            }
            if data.is_empty() {
                break;
            }
        }
        Ok(done)
    }

    fn write_step(&mut self, ino: u64, start: u64, chunk: &[u8], now_ns: u64) -> Result<()> {
        let need = Need {
            data_blocks: blocks_of(start, chunk),
            ..CHUNK
        };
        self.change(need, now_ns, |volume| {
            let mut item = volume.file(ino)?;
            if chunk.is_empty() {
                return Ok(());
            }
            volume.write_chunk(ino, &mut item, start, chunk)?;
            item.size = item.size.get().max(end_of(start, chunk)).into();
            item.modify = DiskTime::from_ns(now_ns);
            item.change = item.modify;
            volume.put_inode(ino, &item)
        })
    }

    /// Puts bytes into a file and counts its blocks; leaves the size to the caller.
    pub(super) fn write_chunk(
        &mut self,
        ino: u64,
        item: &mut InodeItem,
        start: u64,
        chunk: &[u8],
    ) -> Result<()> {
        let (from, to) = block_range(start, chunk);
        // One byte more to the left finds the extent that a new one may continue.
        let old = self.extents(ino, from.saturating_sub(1), to, usize::MAX)?;
        let size = item.size.get().max(end_of(start, chunk));
        let inline = match old.first().map(|extent| &extent.content) {
            None => size <= INLINE_BYTES_MAX as u64,
            Some(Content::Inline(_)) => size <= INLINE_BYTES_MAX as u64,
            Some(Content::Blocks { .. }) => false,
        };
        if inline {
            return self.write_inline(ino, &old, start, chunk);
        }
        let bytes = self.merge_with_old(ino, item, from, to, start, chunk)?;
        let sums = sums_of(&bytes);
        if let Some(run) = self.rewritable(&old, from, to) {
            return self.rewrite(ino, &old, (from, run), bytes, &sums);
        }
        let new = self.write_blocks(from, bytes, &sums)?;
        let before: Vec<FileExtent> = old.iter().filter(|e| e.end() > from).cloned().collect();
        let freed = self.drop_range(ino, &before, from, to)?;
        let mut last = old.into_iter().find(|extent| extent.end() == from);
        let mut added = 0u64;
        let mut grown = false;
        for extent in new {
            added = added.saturating_add(extent.blocks());
            if last.as_mut().is_some_and(|last| last.join(&extent)) {
                grown = true;
                continue;
            }
            // The extent before the range is put only when it has grown.
            if let Some(done) = last.replace(extent).filter(|_| grown) {
                self.put_extent(ino, &done)?;
            }
            grown = true;
        }
        if let Some(last) = last.filter(|_| grown) {
            self.put_extent(ino, &last)?;
        }
        item.blocks = item
            .blocks
            .get()
            .saturating_add(added)
            .saturating_sub(freed)
            .into();
        Ok(())
    }

    fn write_inline(
        &mut self,
        ino: u64,
        old: &[FileExtent],
        start: u64,
        chunk: &[u8],
    ) -> Result<()> {
        let mut bytes = match old.first().map(|extent| &extent.content) {
            Some(Content::Inline(bytes)) => bytes.clone(),
            _ => Vec::new(),
        };
        let end = word::index(end_of(start, chunk));
        bytes.resize(bytes.len().max(end), 0);
        if let Some(room) = bytes.get_mut(word::index(start)..end) {
            room.copy_from_slice(chunk);
        }
        self.put_extent(
            ino,
            &FileExtent {
                offset: 0,
                content: Content::Inline(bytes),
            },
        )
    }

    /// Whole blocks with the chunk in them and, around it, what was there before.
    fn merge_with_old(
        &mut self,
        ino: u64,
        item: &InodeItem,
        from: u64,
        to: u64,
        start: u64,
        chunk: &[u8],
    ) -> Result<Vec<u8>> {
        let at = |position: u64| word::index(position.saturating_sub(from));
        let mut bytes = vec![0; at(to)];
        let end = end_of(start, chunk);
        let size = item.size.get();
        let mut edges = Vec::new();
        if start > from && from < size {
            edges.push(from);
        }
        let last = to.saturating_sub(BLOCK);
        if end < to && end < size && !edges.contains(&last) {
            edges.push(last);
        }
        for edge in edges {
            if let Some(room) = bytes.get_mut(at(edge)..at(edge.saturating_add(BLOCK))) {
                self.read_window(ino, edge, room)?;
            }
        }
        if let Some(room) = bytes.get_mut(at(start)..at(end)) {
            room.copy_from_slice(chunk);
        }
        Ok(bytes)
    }

    /// Blocks that hold the whole range and that no durable state knows.
    fn rewritable(&self, old: &[FileExtent], from: u64, to: u64) -> Option<Run> {
        let extent = old
            .iter()
            .find(|extent| extent.offset <= from && extent.end() >= to)?;
        let run = extent.cut(from, to)?.run()?;
        self.store.space.is_fresh(run).then_some(run)
    }

    fn rewrite(
        &mut self,
        ino: u64,
        old: &[FileExtent],
        (from, run): (u64, Run),
        bytes: Vec<u8>,
        new_sums: &[u8],
    ) -> Result<()> {
        self.store.disk.write(run.start, bytes)?;
        let covering = old
            .iter()
            .find(|extent| extent.offset <= from && extent.end() > from);
        let Some(mut extent) = covering.cloned() else {
            return Ok(());
        };
        let at = sum_at(from.saturating_sub(extent.offset) / BLOCK);
        if let Content::Blocks { sums, .. } = &mut extent.content
            && let Some(room) = at.and_then(|at| sums.get_mut(at..)?.get_mut(..new_sums.len()))
        {
            room.copy_from_slice(new_sums);
        }
        self.put_extent(ino, &extent)
    }

    /// Writes blocks to new places; nothing is taken when it fails.
    fn write_blocks(&mut self, from: u64, bytes: Vec<u8>, sums: &[u8]) -> Result<Vec<FileExtent>> {
        let mut left = word::count32(bytes.len() / BLOCK_BYTES);
        let mut runs: Vec<Run> = Vec::new();
        while left > 0 {
            match self.store.space.take_data(left) {
                Ok(run) => {
                    left = left.saturating_sub(run.len);
                    runs.push(run);
                }
                Err(error) => {
                    runs.into_iter().for_each(|run| self.store.space.free(run));
                    return Err(error);
                }
            }
        }
        let generation = self.store.generation;
        let mut extents = Vec::with_capacity(runs.len());
        let mut rest = bytes;
        let mut sums = sums;
        let mut offset = from;
        for run in &runs {
            let own_bytes = (run.len as usize).saturating_mul(BLOCK_BYTES);
            let tail = rest.split_off(own_bytes.min(rest.len()));
            if let Err(error) = self
                .store
                .disk
                .write(run.start, core::mem::replace(&mut rest, tail))
            {
                runs.iter().for_each(|run| self.store.space.free(*run));
                return Err(error);
            }
            let own_sums = sum_at(run.blocks()).unwrap_or(usize::MAX);
            let (own, others) = sums.split_at(own_sums.min(sums.len()));
            sums = others;
            let content = Content::Blocks {
                block: run.start,
                generation,
                sums: own.to_vec(),
            };
            extents.push(FileExtent { offset, content });
            offset = offset.saturating_add(own_bytes as u64);
        }
        Ok(extents)
    }
}

/// The byte of the file behind a chunk; the size of files is limited far below the end.
fn end_of(start: u64, chunk: &[u8]) -> u64 {
    start.saturating_add(chunk.len() as u64)
}

fn block_range(start: u64, chunk: &[u8]) -> (u64, u64) {
    (
        start & !(BLOCK - 1),
        end_of(start, chunk).next_multiple_of(BLOCK),
    )
}

fn blocks_of(start: u64, chunk: &[u8]) -> u64 {
    let (from, to) = block_range(start, chunk);
    to.saturating_sub(from) / BLOCK
}

fn sums_of(bytes: &[u8]) -> Vec<u8> {
    bytes
        .chunks(BLOCK_BYTES)
        .flat_map(|block| data_sum(block).to_le_bytes())
        .collect()
}
