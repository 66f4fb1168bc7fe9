//! Open files.

use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use abi::fs::{NodeKind, OpenFlags};
use rt::OwnedHandle;
use rt::file::Whence;

use super::{Error, Metadata, Result, is_nil, locate, search};
use crate::io::{self, Read, Write};

/// Bytes copied at once.
const COPY_BYTES: usize = 64 * 1024;

/// An open file.
#[derive(Debug)]
pub struct File {
    /// `None` is `NIL:`.
    handle: Option<OwnedHandle>,
    path: String,
}

/// How a file is opened.
#[derive(Clone, Copy, Debug)]
pub struct OpenOptions {
    flags: OpenFlags,
}

impl Default for OpenOptions {
    fn default() -> Self {
        OpenOptions::new()
    }
}

impl OpenOptions {
    /// No access at all; add what is needed.
    pub const fn new() -> OpenOptions {
        OpenOptions {
            flags: OpenFlags::ANY_CASE,
        }
    }

    const fn with(self, flag: OpenFlags) -> OpenOptions {
        OpenOptions {
            flags: self.flags.union(flag),
        }
    }

    /// To read.
    #[must_use]
    pub const fn read(self) -> OpenOptions {
        self.with(OpenFlags::READ)
    }

    /// To write.
    #[must_use]
    pub const fn write(self) -> OpenOptions {
        self.with(OpenFlags::WRITE)
    }

    /// To write at the end, always.
    #[must_use]
    pub const fn append(self) -> OpenOptions {
        self.with(OpenFlags::WRITE).with(OpenFlags::APPEND)
    }

    /// Cut to nothing.
    #[must_use]
    pub const fn truncate(self) -> OpenOptions {
        self.with(OpenFlags::TRUNCATE)
    }

    /// Make it where it does not exist.
    #[must_use]
    pub const fn create(self) -> OpenOptions {
        self.with(OpenFlags::CREATE)
    }

    /// Make it, and fail where it exists.
    #[must_use]
    pub const fn create_new(self) -> OpenOptions {
        self.with(OpenFlags::CREATE).with(OpenFlags::EXCLUSIVE)
    }

    /// Opens the file.
    ///
    /// # Errors
    ///
    /// `NotFound`, `AlreadyExists`, `IsDirectory`, … with the path.
    pub fn open(self, path: &str) -> Result<File> {
        if is_nil(path) {
            return Ok(File {
                handle: None,
                path: path.to_string(),
            });
        }
        let place = locate(path)?;
        let look = |flags: OpenFlags| {
            search(path, &place, |directory, below| {
                rt::directory::open(directory, below, flags)
            })
        };
        let new_only = self.flags.contains(OpenFlags::EXCLUSIVE);
        let create = self.flags.contains(OpenFlags::CREATE);
        let (handle, kind) = if create && !new_only && place.directories.len() > 1 {
            // What exists in any of the directories is found before a new one is made.
            look(self.flags.difference(OpenFlags::CREATE)).or_else(|error| match error.cause {
                abi::Error::NotFound => look(self.flags),
                _ => Err(error),
            })
        } else {
            look(self.flags)
        }?;
        if kind == NodeKind::Directory {
            return Err(Error::new(path, abi::Error::IsDirectory));
        }
        Ok(File {
            handle: Some(handle),
            path: path.to_string(),
        })
    }
}

impl File {
    /// Opens a file to read.
    ///
    /// # Errors
    ///
    /// `NotFound`, `IsDirectory`, … with the path.
    pub fn open(path: &str) -> Result<File> {
        OpenOptions::new().read().open(path)
    }

    /// Opens a file to write, new or cut to nothing.
    ///
    /// # Errors
    ///
    /// `IsDirectory`, `NoSpace`, … with the path.
    pub fn create(path: &str) -> Result<File> {
        OpenOptions::new().write().create().truncate().open(path)
    }

    /// The path it was opened by.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The handle; `None` for `NIL:`.
    pub fn handle(&self) -> Option<&OwnedHandle> {
        self.handle.as_ref()
    }

    /// Gives the handle away; `None` for `NIL:`.
    pub fn into_handle(self) -> Option<OwnedHandle> {
        self.handle
    }

    /// Adds this file's path to a cause.
    pub fn error(&self, cause: abi::Error) -> Error {
        Error::new(&self.path, cause)
    }

    /// Lets the handle do something; `NIL:` gives `nothing`.
    fn act<T>(&self, nothing: T, act: impl FnOnce(abi::Handle) -> rt::Result<T>) -> Result<T> {
        match &self.handle {
            None => Ok(nothing),
            Some(handle) => act(handle.get()).map_err(|cause| self.error(cause)),
        }
    }

    /// Reads at an offset; 0 bytes is the end.
    ///
    /// # Errors
    ///
    /// `Io`, `Corrupt`, … with the path.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        self.act(0, |handle| rt::file::read_at(handle, offset, buffer))
    }

    /// Writes at an offset; may be fewer bytes than given.
    ///
    /// # Errors
    ///
    /// `NoSpace`, `TooLarge`, … with the path.
    pub fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<usize> {
        self.act(bytes.len(), |handle| {
            rt::file::write_at(handle, offset, bytes)
        })
    }

    /// Moves the position; the new one.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` where it would be negative, with the path.
    pub fn seek(&self, offset: i64, whence: Whence) -> Result<u64> {
        self.act(0, |handle| rt::file::seek(handle, offset, whence))
    }

    /// Cuts the file, or lengthens it with zeros.
    ///
    /// # Errors
    ///
    /// `NoSpace`, `TooLarge`, … with the path.
    pub fn set_len(&self, size: u64) -> Result<()> {
        self.act((), |handle| rt::file::truncate(handle, size))
    }

    /// Makes the file, and the names that lead to it, durable.
    ///
    /// # Errors
    ///
    /// `NoSpace`, `Io`, … with the path.
    pub fn sync_all(&self) -> Result<()> {
        self.act((), rt::file::sync)
    }

    /// Asks about the file.
    ///
    /// # Errors
    ///
    /// `AccessDenied`, … with the path.
    pub fn metadata(&self) -> Result<Metadata> {
        let stat = self.act(abi::fs::Stat::default(), rt::file::stat)?;
        Ok(Metadata { stat })
    }

    /// Whether both are the same file, under whatever names.
    pub fn is_same_as(&self, other: &File) -> bool {
        match (self.metadata(), other.metadata()) {
            (Ok(a), Ok(b)) => {
                self.handle.is_some()
                    && a.stat().node == b.stat().node
                    && a.stat().volume == b.stat().volume
            }
            _ => false,
        }
    }

    /// Appends everything that is left in `source`; bytes copied.
    ///
    /// # Errors
    ///
    /// Those of reading with the path of `source`, those of writing with this one's.
    pub fn copy_from(&mut self, source: &mut File) -> Result<u64> {
        let mut block: Vec<u8> = vec![0; COPY_BYTES];
        let mut total: u64 = 0;
        loop {
            let count = source
                .read(&mut block)
                .map_err(|cause| source.error(cause))?;
            let bytes = block.get(..count).unwrap_or(&[]);
            if bytes.is_empty() {
                return Ok(total);
            }
            self.write_all(bytes).map_err(|cause| self.error(cause))?;
            total = total.saturating_add(count as u64);
        }
    }
}

impl Read for File {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &self.handle {
            None => Ok(0),
            Some(handle) => io::read_stream(handle.get(), buffer),
        }
    }
}

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(handle) = &self.handle {
            io::write_stream(handle.get(), bytes)?;
        }
        Ok(bytes.len())
    }
}
