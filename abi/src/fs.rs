//! Files and directories.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Longest name of a directory entry, in bytes.
pub const NAME_MAX: usize = 255;
/// Longest path given to a call, in bytes.
pub const PATH_MAX: usize = 4096;
/// File offset that means "where the file's own position is, and move it".
pub const AT_POSITION: u64 = u64::MAX;

bitflags::bitflags! {
    /// How `directory_open` opens.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct OpenFlags: u32 {
        /// The handle may read (a directory: list and look up).
        const READ = 1 << 0;
        /// The handle may change contents (a directory: create and remove).
        const WRITE = 1 << 1;
        /// The handle may be run or mapped as code.
        const EXECUTE = 1 << 2;
        /// Make the file if it does not exist.
        const CREATE = 1 << 3;
        /// With `CREATE`: fail if it exists.
        const EXCLUSIVE = 1 << 4;
        /// Cut the file to nothing.
        const TRUNCATE = 1 << 5;
        /// Every write goes to the end.
        const APPEND = 1 << 6;
        /// Open or make a directory; without it only files.
        const DIRECTORY = 1 << 7;
        /// Accept a file or a directory, whichever the name is.
        const ANY_KIND = 1 << 8;
        /// A name that does not match exactly may match one entry without regard to case.
        const ANY_CASE = 1 << 9;
    }
}

bitflags::bitflags! {
    /// How `directory_remove` removes.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct RemoveFlags: u32 {
        /// Remove an empty directory; without it only files.
        const DIRECTORY = 1 << 0;
        /// Accept a file or an empty directory.
        const ANY_KIND = 1 << 1;
        /// As [`OpenFlags::ANY_CASE`].
        const ANY_CASE = 1 << 2;
    }
}

bitflags::bitflags! {
    /// How `directory_rename` renames.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct RenameFlags: u32 {
        /// An existing target is replaced atomically; without it that is an error.
        const REPLACE = 1 << 0;
        /// The old name may match without regard to case.
        const ANY_CASE = 1 << 1;
    }
}

/// What a directory entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum NodeKind {
    /// A file of bytes.
    File = 1,
    /// A directory.
    Directory = 2,
    /// A symbolic link.
    Symlink = 3,
}

impl NodeKind {
    /// The kind with this code.
    pub const fn from_code(code: u32) -> Option<NodeKind> {
        match code {
            1 => Some(NodeKind::File),
            2 => Some(NodeKind::Directory),
            3 => Some(NodeKind::Symlink),
            _ => None,
        }
    }
}

/// What is known about a file or directory. Times are ns since 1970-01-01 UTC.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Stat {
    /// Number of the node in its volume.
    pub node: u64,
    /// Number of the volume.
    pub volume: u64,
    /// Length in bytes; entries of a directory.
    pub size: u64,
    /// Bytes of the volume it takes.
    pub allocated: u64,
    /// [`NodeKind`] code.
    pub kind: u32,
    /// Names it has.
    pub links: u32,
    /// Protection bits, see [`protection`].
    pub protection: u32,
    /// Always zero.
    pub reserved: u32,
    /// When it was made.
    pub birth_ns: u64,
    /// When its contents were last changed.
    pub modify_ns: u64,
    /// When anything about it was last changed.
    pub change_ns: u64,
    /// When it was last read (only as exact as the mount asks for).
    pub access_ns: u64,
}

const _: () = assert!(size_of::<Stat>() == 80);

/// Protection bits of a node.
pub mod protection {
    /// May be read.
    pub const READ: u32 = 1 << 0;
    /// May be written.
    pub const WRITE: u32 = 1 << 1;
    /// May be run.
    pub const EXECUTE: u32 = 1 << 2;
    /// May be deleted.
    pub const DELETE: u32 = 1 << 3;
    /// Is a script.
    pub const SCRIPT: u32 = 1 << 4;
}

/// Header of one entry in the answer of `directory_list`; the name follows, padded
/// with zeros so that the next header starts at a multiple of 8.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct DirectoryEntry {
    /// Number of the node.
    pub node: u64,
    /// Where a later `directory_list` goes on after this entry.
    pub cookie: u64,
    /// [`NodeKind`] code.
    pub kind: u32,
    /// Length of the name in bytes.
    pub name_len: u32,
}

const _: () = assert!(size_of::<DirectoryEntry>() == 24);

/// Arguments of `directory_rename`, by address.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RenameArgs {
    /// Address of the old path, relative to the first directory.
    pub from: u64,
    /// Its length in bytes.
    pub from_len: u64,
    /// Address of the new path, relative to the second directory.
    pub to: u64,
    /// Its length in bytes.
    pub to_len: u64,
}

const _: () = assert!(size_of::<RenameArgs>() == 32);

/// Answer of `volume_info`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct VolumeInfo {
    /// Number of the volume.
    pub volume: u64,
    /// Bytes in all.
    pub total: u64,
    /// Bytes that can still be written.
    pub free: u64,
    /// Bytes in one block.
    pub block_size: u64,
    /// Last committed generation.
    pub generation: u64,
    /// Damaged copies that were mended from the other one.
    pub healed: u64,
    /// Bit 0: read-only.
    pub flags: u64,
    /// Label in UTF-8, padded with zeros.
    pub label: [u8; 32],
}

const _: () = assert!(size_of::<VolumeInfo>() == 88);
