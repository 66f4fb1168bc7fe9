//! Which blocks hold which part of a file.

use alloc::vec::Vec;

use super::btree::Visit;
use super::error::{Error, Result};
use super::layout::extent::{EXTENT_BLOCKS_MAX, EXTENT_BYTES_MAX, Extent, blocks_of, sum_at};
use super::layout::{BLOCK_BYTES, FILE_BYTES_MAX, Geometry, ItemKind, Key};
use super::space::Run;
use super::volume::Volume;
use crate::block::BlockDevice;

const BLOCK: u64 = BLOCK_BYTES as u64;

/// An extent with its place in the file.
#[derive(Clone, Debug)]
pub(super) struct FileExtent {
    /// Position in the file in bytes, a multiple of a block.
    pub offset: u64,
    pub content: Content,
}

/// Where the bytes are.
#[derive(Clone, Debug)]
pub(super) enum Content {
    Inline(Vec<u8>),
    Blocks {
        block: u64,
        generation: u64,
        sums: Vec<u8>,
    },
}

impl FileExtent {
    /// First byte of the file behind it.
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(self.as_extent().covered_bytes())
    }

    /// Blocks it takes.
    pub fn blocks(&self) -> u64 {
        match &self.content {
            Content::Inline(_) => 0,
            Content::Blocks { sums, .. } => u64::from(blocks_of(sums)),
        }
    }

    fn as_extent(&self) -> Extent<'_> {
        match &self.content {
            Content::Inline(bytes) => Extent::Inline(bytes),
            Content::Blocks {
                block,
                generation,
                sums,
            } => Extent::Regular {
                block: *block,
                generation: *generation,
                sums,
            },
        }
    }

    /// The part of it from byte `start` to byte `end` of the file, both at blocks.
    pub fn cut(&self, start: u64, end: u64) -> Option<FileExtent> {
        let (start, end) = (start.max(self.offset), end.min(self.end()));
        if start >= end {
            return None;
        }
        let content = match &self.content {
            Content::Inline(bytes) => Content::Inline(bytes.clone()),
            Content::Blocks {
                block,
                generation,
                sums,
            } => {
                let first = start.checked_sub(self.offset)? / BLOCK;
                let last = end.checked_sub(self.offset)? / BLOCK;
                let sums = sums.get(sum_at(first)?..sum_at(last)?)?;
                Content::Blocks {
                    block: block.checked_add(first)?,
                    generation: *generation,
                    sums: sums.to_vec(),
                }
            }
        };
        Some(FileExtent {
            offset: start,
            content,
        })
    }

    /// The blocks it takes, if any.
    pub fn run(&self) -> Option<Run> {
        match &self.content {
            Content::Inline(_) => None,
            Content::Blocks { block, sums, .. } => Some(Run {
                start: *block,
                len: blocks_of(sums),
            }),
        }
    }

    /// Appends `next` when it follows in the file and on the disk and is as young.
    pub fn join(&mut self, next: &FileExtent) -> bool {
        if self.end() != next.offset {
            return false;
        }
        let (Some(run), Some(more)) = (self.run(), next.run()) else {
            return false;
        };
        let (
            Content::Blocks {
                generation, sums, ..
            },
            Content::Blocks {
                generation: g,
                sums: s,
                ..
            },
        ) = (&mut self.content, &next.content)
        else {
            return false;
        };
        let blocks = run.len.saturating_add(more.len) as usize;
        if blocks > EXTENT_BLOCKS_MAX || run.end() != more.start || generation != g {
            return false;
        }
        sums.extend_from_slice(s);
        true
    }
}

/// Takes an item apart and checks it against the volume.
fn decode(key: &Key, value: &[u8], geometry: &Geometry) -> Option<FileExtent> {
    let content = match Extent::decode(value)? {
        Extent::Inline(bytes) => (key.offset == 0).then(|| Content::Inline(bytes.to_vec()))?,
        Extent::Regular {
            block,
            generation,
            sums,
        } => {
            let blocks = blocks_of(sums);
            let inside = geometry.is_allocatable(block, blocks);
            inside.then(|| Content::Blocks {
                block,
                generation,
                sums: sums.to_vec(),
            })?
        }
    };
    let aligned = key.offset.is_multiple_of(BLOCK) && key.offset < FILE_BYTES_MAX;
    aligned.then_some(FileExtent {
        offset: key.offset,
        content,
    })
}

impl<D: BlockDevice> Volume<D> {
    /// At most `max` extents that overlap a range of bytes, in order.
    pub(super) fn extents(
        &mut self,
        ino: u64,
        start: u64,
        end: u64,
        max: usize,
    ) -> Result<Vec<FileExtent>> {
        let geometry = self.store.geometry;
        // An extent that covers `start` begins less than the longest extent before it.
        let from = (start & !(BLOCK - 1)).saturating_sub(EXTENT_BYTES_MAX - BLOCK);
        let mut found: Vec<FileExtent> = Vec::new();
        let mut broken = false;
        self.store.scan(
            &self.files,
            Key::new(ino, ItemKind::Extent, from),
            |key, value| {
                let ours = key.oid == ino && key.is(ItemKind::Extent) && key.offset < end;
                if !ours || found.len() >= max {
                    return Visit::Stop;
                }
                match decode(key, value, &geometry) {
                    Some(extent) => {
                        broken |= found.last().is_some_and(|last| last.end() > extent.offset);
                        if extent.end() > start {
                            found.push(extent);
                        }
                    }
                    None => broken = true,
                }
                if broken { Visit::Stop } else { Visit::Continue }
            },
        )?;
        if broken {
            let block = self.files.root.addr0.get();
            return Err(Error::Corrupt {
                block,
                why: "an extent of a file makes no sense",
            });
        }
        Ok(found)
    }

    pub(super) fn put_extent(&mut self, ino: u64, extent: &FileExtent) -> Result<()> {
        let key = Key::new(ino, ItemKind::Extent, extent.offset);
        self.store
            .put(&mut self.files, &key, &extent.as_extent().encode())
    }

    /// Takes a range of whole blocks out of extents that overlap it and frees what
    /// they held. Returns the number of blocks freed.
    pub(super) fn drop_range(
        &mut self,
        ino: u64,
        extents: &[FileExtent],
        start: u64,
        end: u64,
    ) -> Result<u64> {
        let mut freed = 0u64;
        for extent in extents {
            let Some(gone) = extent.cut(start, end) else {
                continue;
            };
            let left = extent.cut(extent.offset, start);
            let right = extent.cut(end, extent.end());
            match &left {
                Some(left) => self.put_extent(ino, left)?,
                None => {
                    let key = Key::new(ino, ItemKind::Extent, extent.offset);
                    self.store.remove(&mut self.files, &key)?;
                }
            }
            if let Some(right) = &right {
                self.put_extent(ino, right)?;
            }
            if let Some(run) = gone.run() {
                self.store.space.free(run);
                freed = freed.saturating_add(run.blocks());
            }
        }
        Ok(freed)
    }
}
