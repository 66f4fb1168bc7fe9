//! Descriptors: small numbers for open streams, as C programs know them.
//!
//! A number stands for an open stream; several numbers may stand for the same one and share
//! its position. What may be done through a number is what it was opened for. A program
//! begins with 0, 1 and 2, its three streams, and what else its parent gave it
//! ([`crate::process::Command::descriptor`]). The kernel knows none of this: a number leads
//! to a handle.

use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::Error;
use abi::startup::Tag;
use abi::{NEVER, Rights};
use rt::OwnedHandle;
use rt::file::Whence;

use crate::fs::{self, OpenOptions};
use crate::io::Result;
use crate::sync::Mutex;

/// Most descriptors of a program, and the number beyond the largest.
pub const DESCRIPTORS_MAX: u32 = 1024;

/// What a descriptor may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// To read.
    pub reads: bool,
    /// To write.
    pub writes: bool,
}

impl Access {
    /// To read only.
    pub const READ: Access = Access {
        reads: true,
        writes: false,
    };
    /// To write only.
    pub const WRITE: Access = Access {
        reads: false,
        writes: true,
    };
    /// To read and write.
    pub const BOTH: Access = Access {
        reads: true,
        writes: true,
    };

    /// What a handle's rights allow.
    fn of(rights: Rights) -> Access {
        Access {
            reads: rights.contains(Rights::READ),
            writes: rights.contains(Rights::WRITE),
        }
    }
}

/// An open stream that descriptors stand for.
#[derive(Debug)]
struct Open {
    /// `None` is `NIL:`.
    handle: Option<OwnedHandle>,
    access: Access,
}

/// The descriptors of a program.
#[derive(Debug, Default)]
pub struct Table {
    places: Vec<Option<Arc<Open>>>,
}

impl Table {
    /// No descriptor.
    pub const fn new() -> Table {
        Table { places: Vec::new() }
    }

    fn get(&self, number: u32) -> Result<&Arc<Open>> {
        let place = usize::try_from(number)
            .ok()
            .and_then(|number| self.places.get(number));
        place.and_then(Option::as_ref).ok_or(Error::BadHandle)
    }

    /// Puts a stream at a number; what was there is returned.
    fn put(&mut self, number: u32, open: Arc<Open>) -> Result<Option<Arc<Open>>> {
        if number >= DESCRIPTORS_MAX {
            return Err(Error::LimitReached);
        }
        let index = usize::try_from(number).map_err(|_| Error::LimitReached)?;
        if index >= self.places.len() {
            self.places.resize_with(index.saturating_add(1), || None);
        }
        Ok(self
            .places
            .get_mut(index)
            .and_then(|place| place.replace(open)))
    }

    /// Puts a stream at the lowest free number.
    fn add(&mut self, open: Arc<Open>) -> Result<u32> {
        let free = self.places.iter().position(Option::is_none);
        let number = u32::try_from(free.unwrap_or(self.places.len()));
        let number = number.map_err(|_| Error::LimitReached)?;
        self.put(number, open)?;
        Ok(number)
    }

    /// Takes a stream in, for what its handle allows; the lowest free number.
    ///
    /// # Errors
    ///
    /// `LimitReached` where all numbers are in use; `BadHandle`.
    pub fn adopt(&mut self, handle: OwnedHandle) -> Result<u32> {
        let access = Access::of(rt::handle::info(handle.get())?.rights());
        let handle = Some(handle);
        self.add(Arc::new(Open { handle, access }))
    }

    /// Another number, the lowest free one, for the same stream.
    ///
    /// # Errors
    ///
    /// `BadHandle` for a number that stands for nothing; `LimitReached`.
    pub fn dup(&mut self, number: u32) -> Result<u32> {
        let open = Arc::clone(self.get(number)?);
        self.add(open)
    }

    /// Makes `to` stand for the same stream as `from`; what `to` stood for is closed.
    ///
    /// # Errors
    ///
    /// `BadHandle` for a number that stands for nothing; `LimitReached` for one too large.
    pub fn dup2(&mut self, from: u32, to: u32) -> Result<u32> {
        let open = Arc::clone(self.get(from)?);
        if from != to {
            drop(self.put(to, open)?);
        }
        Ok(to)
    }

    /// Gives a number up; the stream is closed with its last one.
    ///
    /// # Errors
    ///
    /// `BadHandle` for a number that stands for nothing.
    pub fn close(&mut self, number: u32) -> Result<()> {
        self.get(number)?;
        let place = usize::try_from(number)
            .ok()
            .and_then(|number| self.places.get_mut(number));
        drop(place.and_then(Option::take));
        Ok(())
    }

    /// What a descriptor may be used for.
    ///
    /// # Errors
    ///
    /// `BadHandle` for a number that stands for nothing.
    pub fn access(&self, number: u32) -> Result<Access> {
        Ok(self.get(number)?.access)
    }

    /// A handle of its own to a descriptor's stream, with no more rights than the
    /// descriptor has: for [`crate::process::Command::descriptor`].
    ///
    /// # Errors
    ///
    /// `BadHandle` for a number that stands for nothing or for `NIL:`; `AccessDenied` where
    /// the stream cannot be passed on.
    pub fn stream(&self, number: u32) -> Result<OwnedHandle> {
        let open = self.get(number)?;
        let handle = open.handle.as_ref().ok_or(Error::BadHandle)?;
        let mut rights = rt::handle::info(handle.get())?.rights();
        rights.set(Rights::READ, open.access.reads);
        rights.set(Rights::WRITE, open.access.writes);
        rt::handle::duplicate(handle.get(), rights)
    }
}

/// The descriptors of this process; `None` until they are first used.
static TABLE: Mutex<Option<Table>> = Mutex::new(None);

/// Works with the descriptors of this process.
pub fn with<T>(work: impl FnOnce(&mut Table) -> T) -> T {
    work(TABLE.lock().get_or_insert_with(from_startup))
}

/// The streams that the parent handed over. They get handles of their own, so that closing
/// a descriptor leaves `viper::io` alone.
fn from_startup() -> Table {
    let mut table = Table::new();
    let Some(startup) = rt::startup::get() else {
        return table;
    };
    for row in startup.handles() {
        let (number, access) = match row.tag {
            tag if tag == Tag::Stdin as u32 => (0, Access::READ),
            tag if tag == Tag::Stdout as u32 => (1, Access::WRITE),
            tag if tag == Tag::Stderr as u32 => (2, Access::WRITE),
            tag if tag == Tag::Descriptor as u32 => (row.index, Access::BOTH),
            _ => continue,
        };
        let Ok(rights) = rt::handle::info(row.handle).map(|info| info.rights()) else {
            continue;
        };
        let held = Access::of(rights);
        let access = Access {
            reads: access.reads && held.reads,
            writes: access.writes && held.writes,
        };
        if let Ok(handle) = rt::handle::duplicate(row.handle, rights) {
            let handle = Some(handle);
            // A number beyond the largest is none, and its stream is closed.
            let _ = table.put(number, Arc::new(Open { handle, access }));
        }
    }
    for (number, access) in [(0, Access::READ), (1, Access::WRITE), (2, Access::WRITE)] {
        if table.get(number).is_err() {
            let handle = None;
            let _ = table.put(number, Arc::new(Open { handle, access }));
        }
    }
    table
}

/// Opens a file; the lowest free number. `options` say what may be done through it.
///
/// # Errors
///
/// Those of opening, with the path; `LimitReached` where all numbers are in use.
pub fn open(path: &str, options: OpenOptions, access: Access) -> fs::Result<u32> {
    let options = match (access.reads, access.writes) {
        (true, true) => options.read().write(),
        (true, false) => options.read(),
        (false, true) => options.write(),
        (false, false) => options,
    };
    let handle = options.open(path)?.into_handle();
    with(|table| table.add(Arc::new(Open { handle, access })))
        .map_err(|cause| fs::Error::new(path, cause))
}

/// Makes a pipe: the descriptor to read from and the one to write to.
///
/// # Errors
///
/// `LimitReached`, `NoMemory`.
pub fn pipe() -> Result<(u32, u32)> {
    let (reader, writer) = rt::pipe::create(0)?;
    with(|table| {
        let reader = table.adopt(reader)?;
        match table.adopt(writer) {
            Ok(writer) => Ok((reader, writer)),
            Err(error) => {
                table.close(reader)?;
                Err(error)
            }
        }
    })
}

/// The stream of a number, to be used without the table's lock.
fn find(number: u32) -> Result<Arc<Open>> {
    with(|table| table.get(number).map(Arc::clone))
}

/// Reads some bytes, and waits for the first; 0 is the end.
///
/// # Errors
///
/// `BadHandle` for a number that stands for nothing; `AccessDenied` for one that is not for
/// reading; what the stream reports.
pub fn read(number: u32, buffer: &mut [u8]) -> Result<usize> {
    let open = find(number)?;
    if !open.access.reads {
        return Err(Error::AccessDenied);
    }
    match &open.handle {
        None => Ok(0),
        Some(handle) => rt::stream::read_until(handle.get(), buffer, NEVER),
    }
}

/// Writes some bytes, and waits for room; may be fewer than given.
///
/// # Errors
///
/// `BadHandle` for a number that stands for nothing; `AccessDenied` for one that is not for
/// writing; `PeerClosed` where nobody reads any more; what the stream reports.
pub fn write(number: u32, bytes: &[u8]) -> Result<usize> {
    let open = find(number)?;
    if !open.access.writes {
        return Err(Error::AccessDenied);
    }
    match &open.handle {
        None => Ok(bytes.len()),
        Some(handle) => rt::stream::write_until(handle.get(), bytes, NEVER),
    }
}

/// Moves the position of a file; the new one.
///
/// # Errors
///
/// `BadHandle` for a number that stands for nothing; `WrongType` for what has no position;
/// `InvalidArgument` for a place before the start.
pub fn lseek(number: u32, offset: i64, whence: Whence) -> Result<u64> {
    let open = find(number)?;
    let handle = open.handle.as_ref().ok_or(Error::WrongType)?;
    rt::file::seek(handle.get(), offset, whence)
}

/// Gives a number up, as [`Table::close`].
///
/// # Errors
///
/// `BadHandle` for a number that stands for nothing.
pub fn close(number: u32) -> Result<()> {
    with(|table| table.close(number))
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    fn nil(access: Access) -> Arc<Open> {
        Arc::new(Open {
            handle: None,
            access,
        })
    }

    #[test]
    fn the_lowest_free_number_is_taken() {
        let mut table = Table::new();
        for number in 0..4 {
            assert_eq!(table.add(nil(Access::BOTH)), Ok(number));
        }
        table.close(1).unwrap();
        table.close(2).unwrap();
        assert_eq!(table.close(2), Err(Error::BadHandle));
        assert_eq!(table.dup(3), Ok(1));
        assert_eq!(table.dup(2), Err(Error::BadHandle));
        assert_eq!(table.add(nil(Access::READ)), Ok(2));
        assert_eq!(table.add(nil(Access::READ)), Ok(4));
    }

    #[test]
    fn a_stream_is_closed_with_its_last_number() {
        let mut table = Table::new();
        let stream = nil(Access::WRITE);
        let number = table.add(Arc::clone(&stream)).unwrap();
        assert_eq!(table.dup2(number, 7), Ok(7));
        assert_eq!(table.dup2(7, 7), Ok(7));
        assert_eq!(table.access(7), Ok(Access::WRITE));
        assert_eq!(Arc::strong_count(&stream), 3);
        table.add(nil(Access::READ)).unwrap();
        // What the number stood for before is given up.
        assert_eq!(table.dup2(1, 7), Ok(7));
        assert_eq!(Arc::strong_count(&stream), 2);
        table.close(number).unwrap();
        assert_eq!(Arc::strong_count(&stream), 1);
        assert_eq!(table.dup2(1, DESCRIPTORS_MAX), Err(Error::LimitReached));
        assert_eq!(table.dup2(3, 1), Err(Error::BadHandle));
    }

    #[test]
    fn all_numbers_can_be_used_up() {
        let mut table = Table::new();
        for number in 0..DESCRIPTORS_MAX {
            assert_eq!(table.add(nil(Access::READ)), Ok(number));
        }
        assert_eq!(table.add(nil(Access::READ)), Err(Error::LimitReached));
        table.close(500).unwrap();
        assert_eq!(table.add(nil(Access::READ)), Ok(500));
    }
}
