//! Subvolume items.

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::NodePointer;

/// What a subvolume uses or may use; reserved for quotas.
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
pub struct Quota {
    /// Bytes reachable from it.
    pub referenced: U64,
    /// Bytes reachable from nowhere else.
    pub exclusive: U64,
    /// Inodes.
    pub inodes: U64,
}

/// Value of a subvolume's item in the root tree (200 bytes).
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
pub struct SubvolumeItem {
    /// Root of its tree.
    pub root: NodePointer,
    /// Generation of its last change.
    pub generation: U64,
    /// Generation of its last snapshot; 0 for never.
    pub last_snapshot: U64,
    /// Next inode number to give.
    pub next_ino: U64,
    /// When it was made, ns since 1970-01-01 UTC.
    pub birth_ns: U64,
    /// Volume number of what it was cloned from; reserved.
    pub parent_uuid: [u8; 16],
    /// Read-only, dead; reserved.
    pub flags: U32,
    /// Zero.
    pub reserved: U32,
    /// Key at which the cleaner goes on; reserved.
    pub cleaner_cursor: [u8; 24],
    /// What it uses; `inodes` is kept, the rest is reserved.
    pub used: Quota,
    /// What it may use; 0 is no limit; reserved.
    pub limit: Quota,
    /// Zero.
    pub spare: [U64; 5],
}

const _: () = assert!(size_of::<SubvolumeItem>() == 200);
