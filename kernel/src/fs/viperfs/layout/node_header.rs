//! Header of a tree node.

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// First bytes of every node after its checksum: "VpNd".
pub const NODE_MAGIC: u32 = u32::from_le_bytes(*b"VpNd");
/// Length of a node header.
pub const HEADER_BYTES: usize = 64;
/// Header of an item in a leaf: key, offset u16, length u16, flags u32.
pub const ITEM_BYTES: usize = 25;
/// Entry of a branch: key and node pointer.
pub const BRANCH_BYTES: usize = 49;
/// Height beyond which no tree grows.
pub const LEVEL_MAX: u8 = 8;

/// The first 64 bytes of a node. Own address and volume number make misdirected and
/// stale writes visible; the same sum in the parent makes lost writes visible.
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
pub struct NodeHeader {
    /// xxh64 of everything behind this field.
    pub checksum: U64,
    /// [`NODE_MAGIC`].
    pub magic: U32,
    /// First four bytes of the volume's uuid.
    pub uuid32: U32,
    /// Address of the first copy; the second copy is byte for byte the same.
    pub addr0: U64,
    /// Generation that wrote it.
    pub generation: U64,
    /// Tree it belongs to, see [`owner`](super::owner).
    pub owner: U64,
    /// Object of the first key, for salvage.
    pub first_oid: U64,
    /// Height above the leaves.
    pub level: u8,
    /// Reserved.
    pub flags: u8,
    /// Items or entries.
    pub count: U16,
    /// Bytes that are neither header, item nor data.
    pub free: U16,
    /// Lowest offset of item data; the node size in a branch.
    pub data_start: U16,
    /// Zero.
    pub reserved: [u8; 8],
}

const _: () = assert!(size_of::<NodeHeader>() == HEADER_BYTES);
