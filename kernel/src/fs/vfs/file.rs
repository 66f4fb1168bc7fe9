//! An open file.

use abi::fs::Stat;
use abi::{ObjectKind, Signals};

use crate::cap::{KernelObject, ObjectBase};
use crate::mm::{MemoryPages, PAGE, UserReader, UserWriter};
use crate::sync::{AllocError, Mutex, Ref};

use super::error::Error;
use super::node::Node;

/// An open file with a position.
#[derive(Debug)]
pub struct File {
    base: ObjectBase,
    node: Ref<Node>,
    /// Also serialises calls at the position, and appends.
    position: Mutex<u64>,
    append: bool,
}

/// The part of a transfer at `offset + done` that lies in one page: page number, offset
/// in it, bytes.
fn page_part(offset: u64, done: usize, bytes: usize) -> (u64, usize, usize) {
    let at = offset.saturating_add(done as u64);
    let within = (at % PAGE) as usize;
    let room = abi::PAGE_SIZE.saturating_sub(within);
    (at / PAGE, within, room.min(bytes.saturating_sub(done)))
}

impl File {
    /// An object for a file node.
    ///
    /// # Errors
    /// [`AllocError`] where there is no memory.
    pub fn new(node: Ref<Node>, append: bool) -> Result<Ref<File>, AllocError> {
        let base = ObjectBase::new(Signals::READABLE | Signals::WRITABLE);
        Ref::new(File {
            base,
            node,
            position: Mutex::new(0),
            append,
        })
    }

    /// The file's contents.
    pub fn pages(&self) -> &Ref<MemoryPages> {
        self.node.pages()
    }

    /// Size in bytes.
    pub fn size(&self) -> u64 {
        self.node.size()
    }

    /// What is known about it.
    ///
    /// # Errors
    /// As the engine reports.
    pub fn stat(&self) -> Result<Stat, Error> {
        self.node.stat()
    }

    /// Reads from `offset` on; returns the bytes read, 0 at the end.
    ///
    /// # Errors
    /// As `file_read` says, where nothing was read.
    pub fn read(&self, offset: u64, out: &UserWriter<'_>) -> Result<usize, Error> {
        let rest = self.node.size().saturating_sub(offset);
        let bytes = out.len().min(usize::try_from(rest).unwrap_or(usize::MAX));
        let mut done = 0;
        while done < bytes {
            let (page, within, part) = page_part(offset, done, bytes);
            let copied = self
                .node
                .pages()
                .page(page)
                .map_err(Error::from)
                .and_then(|frame| Ok(out.copy_from_frame(done, &frame, within, part)?));
            if let Err(error) = copied {
                return if done > 0 { Ok(done) } else { Err(error) };
            }
            done = done.saturating_add(part);
        }
        Ok(done)
    }

    /// Reads whole from the kernel's side, for loading programs; returns the bytes read.
    ///
    /// # Errors
    /// As the engine reports.
    pub fn read_into(&self, offset: u64, out: &mut [u8]) -> Result<usize, Error> {
        let rest = self.node.size().saturating_sub(offset);
        let bytes = out.len().min(usize::try_from(rest).unwrap_or(usize::MAX));
        let mut done = 0;
        while done < bytes {
            let (page, within, part) = page_part(offset, done, bytes);
            let frame = self.node.pages().page(page)?;
            if let Some(room) = out.get_mut(done..done.saturating_add(part)) {
                frame.read(within, room);
            }
            done = done.saturating_add(part);
        }
        Ok(done)
    }

    /// Writes whole from the kernel's side.
    ///
    /// # Errors
    /// As [`File::write`].
    #[cfg(any(test, feature = "ktest"))]
    pub fn write_from(&self, offset: u64, data: &[u8]) -> Result<(), Error> {
        let mut done = 0;
        while done < data.len() {
            let (page, within, part) = page_part(offset, done, data.len());
            let frame = self.node.page_for_write(page, within, part)?;
            let end = done.saturating_add(part);
            frame.write(within, data.get(done..end).unwrap_or(&[]));
            let end = offset.saturating_add(end as u64);
            self.node.written(page, end)?;
            done = done.saturating_add(part);
        }
        Ok(())
    }

    /// Writes at `offset`, or at the end of a file opened for appending; returns the bytes
    /// written.
    ///
    /// # Errors
    /// As `file_write` says, where nothing was written.
    pub fn write(&self, offset: u64, data: &UserReader<'_>) -> Result<usize, Error> {
        if self.append {
            let _position = self.position.lock();
            return self.write_at(self.node.size(), data);
        }
        self.write_at(offset, data)
    }

    fn write_at(&self, offset: u64, data: &UserReader<'_>) -> Result<usize, Error> {
        if self.node.volume().is_read_only() {
            return Err(Error::ReadOnly);
        }
        let bytes = data.len();
        Node::write_end(offset, bytes)?;
        let mut done = 0;
        while done < bytes {
            let (page, within, part) = page_part(offset, done, bytes);
            let step = self.write_part(page, within, part, done, data);
            if let Err(error) = step {
                return if done > 0 { Ok(done) } else { Err(error) };
            }
            done = done.saturating_add(part);
        }
        Ok(done)
    }

    fn write_part(
        &self,
        page: u64,
        within: usize,
        part: usize,
        done: usize,
        data: &UserReader<'_>,
    ) -> Result<(), Error> {
        let frame = self.node.page_for_write(page, within, part)?;
        data.copy_to_frame(done, &frame, within, part)?;
        let end = page
            .saturating_mul(PAGE)
            .saturating_add(within as u64)
            .saturating_add(part as u64);
        self.node.written(page, end)
    }

    /// Reads at the position and moves it.
    ///
    /// # Errors
    /// As [`File::read`].
    pub fn read_next(&self, out: &UserWriter<'_>) -> Result<usize, Error> {
        let mut position = self.position.lock();
        let bytes = self.read(*position, out)?;
        *position = position.saturating_add(bytes as u64);
        Ok(bytes)
    }

    /// Writes at the position, or at the end, and moves it.
    ///
    /// # Errors
    /// As [`File::write`].
    pub fn write_next(&self, data: &UserReader<'_>) -> Result<usize, Error> {
        let mut position = self.position.lock();
        if self.append {
            *position = self.node.size();
        }
        let bytes = self.write_at(*position, data)?;
        *position = position.saturating_add(bytes as u64);
        Ok(bytes)
    }

    /// Moves the position; `whence` 0: from the start, 1: from the position, 2: from the end.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a position before the start.
    pub fn seek(&self, offset: i64, whence: u64) -> Result<u64, Error> {
        let mut position = self.position.lock();
        let base = match whence {
            0 => 0,
            1 => *position,
            2 => self.node.size(),
            _ => return Err(Error::InvalidArgument),
        };
        *position = base
            .checked_add_signed(offset)
            .ok_or(Error::InvalidArgument)?;
        Ok(*position)
    }

    /// Cuts the file, or lengthens it with zeros.
    ///
    /// # Errors
    /// As `file_truncate` says.
    pub fn truncate(&self, size: u64) -> Result<(), Error> {
        self.node.truncate(size)
    }

    /// Makes the file durable.
    ///
    /// # Errors
    /// As `file_sync` says.
    pub fn sync(&self) -> Result<(), Error> {
        self.node.write_back()?;
        let ino = self.node.ino();
        self.node.volume().engine(|engine| engine.fsync(ino))?;
        Ok(())
    }
}

impl KernelObject for File {
    fn kind(&self) -> ObjectKind {
        ObjectKind::File
    }

    fn base(&self) -> &ObjectBase {
        &self.base
    }

    fn memory_bytes(&self) -> usize {
        size_of::<File>().saturating_add(size_of::<Node>())
    }
}

impl Drop for File {
    /// The last to close a deleted file lets its space go.
    fn drop(&mut self) {
        self.node.volume().forget_if_held_by(&self.node, 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transfer_is_cut_at_page_edges() {
        assert_eq!(page_part(0, 0, 10), (0, 0, 10));
        assert_eq!(page_part(4090, 0, 10), (0, 4090, 6));
        assert_eq!(page_part(4090, 6, 10), (1, 0, 4));
        assert_eq!(page_part(u64::MAX, 0, 4096).2, 1);
    }
}
