//! Errors of the file calls, as the system call interface names them.

use crate::fs::viperfs;
use crate::mm::{CopyError, SourceError};
use crate::sync::AllocError;

/// Why a file call failed.
pub type Error = abi::Error;

impl From<viperfs::Error> for Error {
    fn from(error: viperfs::Error) -> Self {
        match error {
            viperfs::Error::NotFound => Error::NotFound,
            viperfs::Error::AlreadyExists => Error::AlreadyExists,
            viperfs::Error::NotDirectory => Error::NotDirectory,
            viperfs::Error::IsDirectory => Error::IsDirectory,
            viperfs::Error::NotEmpty => Error::NotEmpty,
            viperfs::Error::BadName => Error::BadName,
            viperfs::Error::NameTooLong => Error::NameTooLong,
            viperfs::Error::TooManyAlike => Error::LimitReached,
            viperfs::Error::IntoItself => Error::InvalidArgument,
            viperfs::Error::NoSpace => Error::NoSpace,
            viperfs::Error::ReadOnly => Error::ReadOnly,
            viperfs::Error::TooLarge => Error::TooLarge,
            viperfs::Error::NoMemory => Error::NoMemory,
            viperfs::Error::Io { .. } => Error::Io,
            viperfs::Error::Corrupt { .. } | viperfs::Error::NotViperFs => Error::Corrupt,
            viperfs::Error::Unsupported(_) => Error::NotSupported,
        }
    }
}

impl From<SourceError> for Error {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::BeyondEnd => Error::InvalidArgument,
            SourceError::NoMemory => Error::NoMemory,
            SourceError::Io => Error::Io,
            SourceError::Corrupt => Error::Corrupt,
        }
    }
}

impl From<AllocError> for Error {
    fn from(_: AllocError) -> Self {
        Error::NoMemory
    }
}

impl From<CopyError> for Error {
    fn from(error: CopyError) -> Self {
        match error {
            CopyError::Fault => Error::Fault,
            CopyError::NoMemory => Error::NoMemory,
        }
    }
}
