//! A file as a block device.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{Context, bail};
use kernel::block::{
    BlockDevice, Completion, Error, Limits, Request, SECTOR_BYTES, TRANSFER_BYTES_MAX, Ticket,
};
use rustix::fs::{FlockOperation, fcntl_lock};

/// An image file; requests are carried out when they are submitted.
#[derive(Debug)]
pub struct ImageFile {
    file: File,
    sectors: u64,
    writable: bool,
    done: RefCell<Done>,
}

#[derive(Debug, Default)]
struct Done {
    buffers: BTreeMap<u64, Vec<u8>>,
    next: u64,
}

impl ImageFile {
    /// Opens an image for reading only.
    pub fn open(path: &Path) -> anyhow::Result<ImageFile> {
        let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        ImageFile::new(file, false, path)
    }

    /// Opens an image for changing; fails while a machine runs on it.
    pub fn open_for_writing(path: &Path) -> anyhow::Result<ImageFile> {
        let file = File::options().read(true).write(true).open(path);
        let file = file.with_context(|| format!("cannot open {} for writing", path.display()))?;
        refuse_if_in_use(&file, path)?;
        ImageFile::new(file, true, path)
    }

    /// Makes an image of this size, or takes over an existing file.
    pub fn create(path: &Path, bytes: u64) -> anyhow::Result<ImageFile> {
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path);
        let file = file.with_context(|| format!("cannot make {}", path.display()))?;
        refuse_if_in_use(&file, path)?;
        // Old content is not kept: what was not written reads as zeros.
        let sized = file.set_len(0).and_then(|()| file.set_len(bytes));
        sized.with_context(|| format!("cannot give {} {bytes} bytes", path.display()))?;
        ImageFile::new(file, true, path)
    }

    fn new(file: File, writable: bool, path: &Path) -> anyhow::Result<ImageFile> {
        let size = file
            .metadata()
            .with_context(|| format!("cannot read {}", path.display()))?;
        if !size.is_file() {
            bail!("{} is no regular file", path.display());
        }
        let sectors = size.len() / SECTOR_BYTES as u64;
        Ok(ImageFile {
            file,
            sectors,
            writable,
            done: RefCell::default(),
        })
    }

    fn run(&self, request: Request) -> std::io::Result<Vec<u8>> {
        let at = |sector: u64| sector * SECTOR_BYTES as u64;
        match request {
            Request::Read { sector, mut buffer } => self
                .file
                .read_exact_at(&mut buffer, at(sector))
                .map(|()| buffer),
            Request::Write { sector, buffer } => {
                self.file.write_all_at(&buffer, at(sector)).map(|()| buffer)
            }
            Request::Flush if self.writable => self.file.sync_data().map(|()| Vec::new()),
            Request::Flush | Request::Discard { .. } => Ok(Vec::new()),
        }
    }
}

/// QEMU holds record locks on the images of running machines.
fn refuse_if_in_use(file: &File, path: &Path) -> anyhow::Result<()> {
    if fcntl_lock(file, FlockOperation::NonBlockingLockExclusive).is_err() {
        bail!(
            "{} is in use by a running machine; end that first",
            path.display()
        );
    }
    Ok(())
}

impl BlockDevice for ImageFile {
    fn submit(&self, request: Request) -> Result<Ticket, Error> {
        self.validate(&request)?;
        let buffer = self.run(request).map_err(|_| Error::Failed)?;
        let mut done = self.done.borrow_mut();
        let number = done.next;
        done.next += 1;
        done.buffers.insert(number, buffer);
        Ok(Ticket::new(number))
    }

    fn wait(&self, ticket: Ticket) -> Result<Completion, Error> {
        let buffer = self.done.borrow_mut().buffers.remove(&ticket.number());
        Ok(Completion {
            buffer: buffer.ok_or(Error::UnknownTicket)?,
        })
    }

    fn capacity(&self) -> u64 {
        self.sectors
    }

    fn limits(&self) -> Limits {
        Limits {
            transfer_bytes_max: TRANSFER_BYTES_MAX,
            queue_depth: 1,
            discard: false,
            read_only: !self.writable,
        }
    }
}
