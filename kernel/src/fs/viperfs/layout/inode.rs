//! Inode items.

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// What an inode is; the codes of directory entries and of the system calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// A file of bytes.
    File = 1,
    /// A directory.
    Directory = 2,
    /// A symbolic link; its content is the target.
    Symlink = 3,
}

impl Kind {
    /// The kind with this code.
    pub fn from_code(code: u8) -> Option<Kind> {
        match code {
            1 => Some(Kind::File),
            2 => Some(Kind::Directory),
            3 => Some(Kind::Symlink),
            _ => None,
        }
    }
}

/// A point in time on disk (12 bytes).
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
pub struct DiskTime {
    /// Seconds since 1970-01-01 UTC.
    pub seconds: U64,
    /// Nanoseconds within the second.
    pub nanoseconds: U32,
}

const SECOND_NS: u64 = 1_000_000_000;

impl DiskTime {
    /// From nanoseconds since 1970-01-01 UTC.
    pub fn from_ns(ns: u64) -> DiskTime {
        DiskTime {
            seconds: U64::new(ns / SECOND_NS),
            nanoseconds: U32::new((ns % SECOND_NS) as u32),
        }
    }

    /// To nanoseconds since 1970-01-01 UTC, the largest number when out of range.
    pub fn to_ns(self) -> u64 {
        let seconds = self.seconds.get().saturating_mul(SECOND_NS);
        seconds.saturating_add(u64::from(self.nanoseconds.get()))
    }
}

/// Value of an inode item (112 bytes).
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
pub struct InodeItem {
    /// [`Kind`] code in the top byte, protection bits below.
    pub mode: U32,
    /// Names; 0 for an orphan. A directory has one.
    pub links: U32,
    /// Owner; reserved.
    pub uid: U32,
    /// Group; reserved.
    pub gid: U32,
    /// Length in bytes; entries of a directory.
    pub size: U64,
    /// 4 KiB blocks of data it takes.
    pub blocks: U64,
    /// When it was made.
    pub birth: DiskTime,
    /// When its contents last changed.
    pub modify: DiskTime,
    /// When anything about it last changed.
    pub change: DiskTime,
    /// When it was last read.
    pub access: DiskTime,
    /// Reserved.
    pub flags: U32,
    /// Generation that made it.
    pub generation: U64,
    /// Directory that holds a directory; 0 for others.
    pub parent: U64,
    /// Changes of a directory, counted.
    pub sequence: U64,
    /// Zero.
    pub reserved: U32,
}

const _: () = assert!(size_of::<InodeItem>() == 112);

/// Bits of `mode` that hold protection.
pub const PROTECTION_MASK: u32 = 0x00ff_ffff;

impl InodeItem {
    /// The kind; `None` for a code this version does not know.
    pub fn kind(&self) -> Option<Kind> {
        Kind::from_code((self.mode.get() >> 24) as u8)
    }

    /// Kind and protection as one number.
    pub fn mode(kind: Kind, protection: u32) -> U32 {
        U32::new((kind as u32) << 24 | protection & PROTECTION_MASK)
    }
}
