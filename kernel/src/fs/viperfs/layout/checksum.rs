//! Checksums of nodes, bitmaps, superblocks and file data.

use crate::word;
use xxhash_rust::xxh64::xxh64;

/// The only checksum kind of this version: xxh64.
pub const XXH64: u16 = 1;

/// Sum of a superblock, a node or a bitmap without its own checksum field.
pub fn block_sum(bytes: &[u8]) -> u64 {
    xxh64(bytes, 0)
}

/// Sum of one 4 KiB block of file data: the low half of its xxh64.
pub fn data_sum(block: &[u8]) -> u32 {
    word::low_half(xxh64(block, 0))
}
