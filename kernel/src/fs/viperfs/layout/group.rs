//! Allocation group items.

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The bitmap was never written: only the fixed blocks are used.
pub const PRISTINE: u8 = 1;

/// Value of a group's item in the root tree (64 bytes).
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
pub struct GroupItem {
    /// Blocks of the two bitmap slots; the fixed places in this version.
    pub bitmaps: [U64; 2],
    /// xxh64 of the bitmap that holds.
    pub checksum: U64,
    /// Generation that wrote it.
    pub generation: U64,
    /// Clear bits.
    pub free: U32,
    /// Longest run of clear bits, a hint; 0 when unknown.
    pub largest_run: U32,
    /// Slot of the bitmap that holds.
    pub slot: u8,
    /// [`PRISTINE`].
    pub flags: u8,
    /// Zero.
    pub reserved: [u8; 6],
    /// Places of relocated bitmaps; reserved.
    pub relocation: [U64; 2],
}

const _: () = assert!(size_of::<GroupItem>() == 64);
