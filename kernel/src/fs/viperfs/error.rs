//! Errors of the filesystem engine.

use core::fmt;

use crate::block;

/// Why an operation on a volume failed. Each has one meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The name or inode does not exist.
    NotFound,
    /// The name exists already.
    AlreadyExists,
    /// A directory is needed and this is not one.
    NotDirectory,
    /// The operation does not apply to a directory.
    IsDirectory,
    /// The directory still has entries.
    NotEmpty,
    /// The name is empty, `.`, `..`, no UTF-8, or has a `/`, `:` or zero byte.
    BadName,
    /// The name is longer than 255 bytes.
    NameTooLong,
    /// Too many names in the directory differ only in case.
    TooManyAlike,
    /// A directory would be moved into itself.
    IntoItself,
    /// The volume is full.
    NoSpace,
    /// The volume is mounted read-only, or became so after a failed write.
    ReadOnly,
    /// The file would exceed its largest size.
    TooLarge,
    /// The device failed at this block (0 for a flush).
    Io {
        /// First block of the request.
        block: u64,
        /// What the device said.
        cause: block::Error,
    },
    /// What lies at this block cannot be right.
    Corrupt {
        /// The block (of 4 KiB).
        block: u64,
        /// What is wrong with it.
        why: &'static str,
    },
    /// There is not enough memory for the operation; nothing was changed.
    NoMemory,
    /// No superblock was found.
    NotViperFs,
    /// The volume needs something this version does not have.
    Unsupported(&'static str),
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Error::NotFound => "does not exist",
            Error::AlreadyExists => "exists already",
            Error::NotDirectory => "is not a directory",
            Error::IsDirectory => "is a directory",
            Error::NotEmpty => "is a directory that is not empty",
            Error::BadName => "the name is not allowed",
            Error::NameTooLong => "the name is longer than 255 bytes",
            Error::TooManyAlike => "too many names differ only in case",
            Error::IntoItself => "a directory cannot be moved into itself",
            Error::NoSpace => "the volume is full",
            Error::ReadOnly => "the volume is read-only",
            Error::TooLarge => "the file would be too large",
            Error::Io { block, cause } => return write!(out, "block {block}: {cause}"),
            Error::Corrupt { block, why } => return write!(out, "block {block} is damaged: {why}"),
            Error::NoMemory => "there is not enough memory",
            Error::NotViperFs => "holds no ViperFS volume",
            Error::Unsupported(what) => return write!(out, "the volume needs {what}"),
        };
        out.write_str(text)
    }
}

impl core::error::Error for Error {}

/// Result of an operation on a volume.
pub type Result<T> = core::result::Result<T, Error>;

/// Says that a block is damaged.
pub(crate) fn corrupt<T>(block: u64, why: &'static str) -> Result<T> {
    Err(Error::Corrupt { block, why })
}
