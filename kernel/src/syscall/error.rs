//! From the errors of the subsystems to those of the interface.

use abi::Error;

use crate::account::LimitReached;
use crate::cap::{DeriveError, LookupError, NoSlot, TableError};
use crate::ipc::PortError;
use crate::mm::MapError;
use crate::process::{JobError, LoadError, ResizeError, SpawnError};

impl From<LookupError> for Error {
    fn from(error: LookupError) -> Self {
        match error {
            LookupError::BadHandle => Error::BadHandle,
            LookupError::WrongType => Error::WrongType,
            LookupError::AccessDenied => Error::AccessDenied,
            LookupError::Revoked => Error::Revoked,
        }
    }
}

impl From<LimitReached> for Error {
    fn from(_: LimitReached) -> Self {
        Error::LimitReached
    }
}

impl From<MapError> for Error {
    fn from(error: MapError) -> Self {
        match error {
            MapError::Invalid => Error::InvalidArgument,
            MapError::Taken => Error::AlreadyExists,
            MapError::NoMemory => Error::NoMemory,
            MapError::LimitReached => Error::LimitReached,
            MapError::NotMapped => Error::NotFound,
            MapError::Denied => Error::AccessDenied,
        }
    }
}

impl From<DeriveError> for Error {
    fn from(error: DeriveError) -> Self {
        match error {
            DeriveError::Revoked => Error::Revoked,
            DeriveError::NoMemory => Error::NoMemory,
            DeriveError::LimitReached => Error::LimitReached,
        }
    }
}

impl From<JobError> for Error {
    fn from(error: JobError) -> Self {
        match error {
            JobError::Killed => Error::BadState,
            JobError::NoMemory => Error::NoMemory,
            JobError::LimitReached => Error::LimitReached,
        }
    }
}

impl From<PortError> for Error {
    fn from(error: PortError) -> Self {
        match error {
            PortError::TooMany | PortError::LimitReached => Error::LimitReached,
            PortError::NotFound => Error::NotFound,
            PortError::NoMemory => Error::NoMemory,
        }
    }
}

impl From<SpawnError> for Error {
    fn from(error: SpawnError) -> Self {
        match error {
            SpawnError::Load(LoadError::NotExecutable) => Error::NotExecutable,
            SpawnError::Load(LoadError::Read(error)) => error,
            SpawnError::Load(LoadError::Map(error)) => error.into(),
            SpawnError::NoMemory => Error::NoMemory,
            SpawnError::LimitReached => Error::LimitReached,
            SpawnError::JobKilled => Error::BadState,
            SpawnError::Revoked => Error::Revoked,
        }
    }
}

impl From<ResizeError> for Error {
    fn from(error: ResizeError) -> Self {
        match error {
            ResizeError::NotAnonymous => Error::NotSupported,
            ResizeError::LimitReached => Error::LimitReached,
        }
    }
}

/// Why a handle could not be given.
pub(super) fn table_error(error: &TableError) -> Error {
    match error.reason {
        NoSlot::LimitReached => Error::LimitReached,
        NoSlot::NoMemory => Error::NoMemory,
        NoSlot::Revoked => Error::Revoked,
    }
}
