//! Extent items: where the bytes of a file are.

use alloc::vec::Vec;

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::BLOCK_BYTES;
use crate::word;

/// Most blocks of one extent (128 KiB).
pub const EXTENT_BLOCKS_MAX: usize = 32;
/// Longest content kept in the item itself.
pub const INLINE_BYTES_MAX: usize = 1024;
/// Bytes of one checksum of a block.
pub const SUM_BYTES: usize = 4;
/// Bytes of file that one extent can cover.
pub const EXTENT_BYTES_MAX: u64 = (EXTENT_BLOCKS_MAX * BLOCK_BYTES) as u64;

/// Blocks that these checksums are of.
pub fn blocks_of(sums: &[u8]) -> u32 {
    word::count32(sums.len() / SUM_BYTES)
}

/// Where the checksum of a block is among those of its extent.
pub fn sum_at(block: u64) -> Option<usize> {
    word::index(block).checked_mul(SUM_BYTES)
}

/// How the bytes are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExtentKind {
    /// In the item; only at offset 0.
    Inline = 1,
    /// In blocks.
    Regular = 2,
    /// Blocks without content; reserved.
    Preallocated = 3,
    /// Nothing, read as zeros; reserved, a gap between items means the same.
    Hole = 4,
}

/// Start of an extent's value (24 bytes); `len` checksums or bytes follow.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
    Unaligned,
)]
#[repr(C)]
pub struct ExtentHeader {
    /// [`ExtentKind`] code.
    pub kind: u8,
    /// Bit 0: may be shared; reserved.
    pub flags: u8,
    /// Kind of compression; reserved, 0 is none.
    pub compression: U16,
    /// Blocks, or bytes when inline.
    pub len: U32,
    /// Generation that wrote the blocks.
    pub generation: U64,
    /// First block; 0 when inline.
    pub block: U64,
}

const HEADER_BYTES: usize = size_of::<ExtentHeader>();
const _: () = assert!(HEADER_BYTES == 24);

/// An extent taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent<'a> {
    /// Content in the item.
    Inline(&'a [u8]),
    /// Content in blocks.
    Regular {
        /// First block.
        block: u64,
        /// Generation that wrote it.
        generation: u64,
        /// One checksum of four bytes for each block, 1 to 32 of them.
        sums: &'a [u8],
    },
}

impl<'a> Extent<'a> {
    /// Takes a value apart; `None` when it makes no sense.
    pub fn decode(value: &'a [u8]) -> Option<Extent<'a>> {
        let (header, body) = ExtentHeader::read_from_prefix(value).ok()?;
        if header.flags != 0 || header.compression.get() != 0 {
            return None;
        }
        let len = usize::try_from(header.len.get()).ok()?;
        if header.kind == ExtentKind::Inline as u8 {
            let fits = len == body.len() && (1..=INLINE_BYTES_MAX).contains(&len);
            return fits.then_some(Extent::Inline(body));
        }
        let regular = header.kind == ExtentKind::Regular as u8;
        let whole = (1..=EXTENT_BLOCKS_MAX).contains(&len)
            && Some(body.len()) == len.checked_mul(SUM_BYTES);
        (regular && whole).then_some(Extent::Regular {
            block: header.block.get(),
            generation: header.generation.get(),
            sums: body,
        })
    }

    /// Puts a value together.
    pub fn encode(&self) -> Vec<u8> {
        let (kind, len, generation, block, body) = match *self {
            Extent::Inline(bytes) => (ExtentKind::Inline, bytes.len(), 0, 0, bytes),
            Extent::Regular {
                block,
                generation,
                sums,
            } => (
                ExtentKind::Regular,
                sums.len() / SUM_BYTES,
                generation,
                block,
                sums,
            ),
        };
        let header = ExtentHeader {
            kind: kind as u8,
            len: U32::new(word::count32(len)),
            generation: U64::new(generation),
            block: U64::new(block),
            ..ExtentHeader::default()
        };
        let mut value = Vec::with_capacity(HEADER_BYTES.saturating_add(body.len()));
        value.extend_from_slice(header.as_bytes());
        value.extend_from_slice(body);
        value
    }

    /// Bytes of file it covers; an inline extent stands for its whole block.
    pub fn covered_bytes(&self) -> u64 {
        match self {
            Extent::Inline(_) => BLOCK_BYTES as u64,
            Extent::Regular { sums, .. } => {
                u64::from(blocks_of(sums)).saturating_mul(BLOCK_BYTES as u64)
            }
        }
    }
}
