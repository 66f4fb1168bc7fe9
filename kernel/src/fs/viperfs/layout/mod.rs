//! The bytes of a volume: every structure on disk and nothing that acts on it.
//!
//! Integers are little-endian, except in keys, which are big-endian so that they sort
//! as bytes. Addresses are numbers of 4 KiB blocks. Each module holds one structure;
//! sizes and offsets are recorded in `kernel/tests/golden/viperfs_format.txt`.
//!
//! Invariant: decoding never trusts; a value that cannot be right is `None` here and
//! a `Corrupt` error one level up.

pub mod checksum;
pub mod directory;
pub mod extent;
pub mod geometry;
pub mod group;
pub mod inode;
pub mod key;
pub mod link;
pub mod node_header;
pub mod pointer;
pub mod subvolume;
pub mod superblock;

pub use geometry::{BLOCK_BYTES, Geometry};
pub use key::{ItemKind, Key};
pub use pointer::NodePointer;

/// Number of the root directory in every subvolume.
pub const ROOT_INO: u64 = 2;
/// Object under which the orphans of a subvolume are listed, by inode number.
pub const ORPHAN_OID: u64 = 1;
/// Largest size of a file in bytes.
pub const FILE_BYTES_MAX: u64 = 1 << 60;
/// Longest name of a directory entry in bytes.
pub const NAME_BYTES_MAX: usize = 255;

/// Trees of a volume, by the owner number in their nodes.
pub mod owner {
    /// The tree that holds all other roots.
    pub const ROOT_TREE: u64 = 1;
    /// Owners of shared ranges; reserved, a volume without snapshots has none.
    pub const REFS_TREE: u64 = 2;
    /// The subvolume that is mounted.
    pub const MAIN_SUBVOLUME: u64 = 256;
}
