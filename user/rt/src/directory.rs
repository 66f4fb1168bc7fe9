//! Directories: opening, listing, removing, renaming below a handle.
#![allow(
    unsafe_code,
    reason = "passes addresses of its callers' slices to the kernel"
)]

use abi::fs::VolumeInfo;
use abi::fs::{DirectoryEntry, NodeKind, OpenFlags, RemoveFlags, RenameArgs, RenameFlags, Stat};
use abi::{Error, Handle};
use zerocopy::{FromBytes, IntoBytes};

use crate::handle::{fetch, length};
use crate::{OwnedHandle, Result, stub};

/// Opens or makes a file or directory below `directory`.
///
/// # Errors
///
/// `NotFound`, `AccessDenied`, … as in the table.
pub fn open(directory: Handle, path: &[u8], flags: OpenFlags) -> Result<(OwnedHandle, NodeKind)> {
    // SAFETY: the kernel only reads `path`.
    let [handle, kind, _] = unsafe {
        stub::directory_open(
            directory.0,
            path.as_ptr() as u64,
            path.len() as u64,
            u64::from(flags.bits()),
        )
    }?;
    let handle = OwnedHandle::new(Handle(handle));
    let kind = u32::try_from(kind).ok().and_then(NodeKind::from_code);
    Ok((handle, kind.ok_or(Error::NotSupported)?))
}

/// Asks about a path below a directory; the empty path is the directory itself.
///
/// # Errors
///
/// `NotFound`, `AccessDenied`, … as in the table.
pub fn stat(directory: Handle, path: &[u8], flags: OpenFlags) -> Result<Stat> {
    fetch(|address, _| {
        let flags = u64::from(flags.bits());
        let (start, len) = (path.as_ptr() as u64, path.len() as u64);
        // SAFETY: the kernel reads `path` and writes one `Stat`.
        unsafe { stub::directory_stat(directory.0, start, len, flags, address) }
    })
}

/// Lists entries from `cookie` on into `buffer`; bytes used (0 at the end) and the next cookie.
///
/// # Errors
///
/// `BufferTooSmall` where not even one entry fits; see the table.
pub fn list(directory: Handle, cookie: u64, buffer: &mut [u8]) -> Result<(usize, u64)> {
    // SAFETY: the kernel writes at most `buffer.len()` bytes to it.
    let [used, next, _] = unsafe {
        stub::directory_list(
            directory.0,
            cookie,
            buffer.as_mut_ptr() as u64,
            buffer.len() as u64,
        )
    }?;
    Ok((length(used)?, next))
}

/// Walks over what [`list`] wrote.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    rest: &'a [u8],
}

impl<'a> Entries<'a> {
    /// The entries in `listing`.
    pub const fn new(listing: &'a [u8]) -> Entries<'a> {
        Entries { rest: listing }
    }
}

impl<'a> Iterator for Entries<'a> {
    /// The fixed part of the entry and its name.
    type Item = (DirectoryEntry, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (entry, _) = DirectoryEntry::read_from_prefix(self.rest).ok()?;
        let start = size_of::<DirectoryEntry>();
        let end = start.checked_add(usize::try_from(entry.name_len).ok()?)?;
        let name = self.rest.get(start..end)?;
        self.rest = self.rest.get(end.next_multiple_of(8)..).unwrap_or(&[]);
        Some((entry, name))
    }
}

/// Removes a name.
///
/// # Errors
///
/// `NotFound`, `NotEmpty`, … as in the table.
pub fn remove(directory: Handle, path: &[u8], flags: RemoveFlags) -> Result<()> {
    let (start, len) = (path.as_ptr() as u64, path.len() as u64);
    // SAFETY: the kernel only reads `path`.
    unsafe { stub::directory_remove(directory.0, start, len, u64::from(flags.bits())) }.map(|_| ())
}

/// Renames `from` below one directory to `to` below another.
///
/// # Errors
///
/// `NotFound`, `AlreadyExists`, `CrossVolume`, … as in the table.
pub fn rename(
    from_directory: Handle,
    from: &[u8],
    to_directory: Handle,
    to: &[u8],
    flags: RenameFlags,
) -> Result<()> {
    let args = RenameArgs {
        from: from.as_ptr() as u64,
        from_len: from.len() as u64,
        to: to.as_ptr() as u64,
        to_len: to.len() as u64,
    };
    let address = args.as_bytes().as_ptr() as u64;
    let flags = u64::from(flags.bits());
    // SAFETY: the kernel only reads `args` and the two paths it names.
    unsafe { stub::directory_rename(from_directory.0, to_directory.0, address, flags) }.map(|_| ())
}

/// Makes everything written to the volume so far durable.
///
/// # Errors
///
/// `AccessDenied` without the right `WRITE`; `NoSpace`, `Io`.
pub fn sync(directory: Handle) -> Result<()> {
    // SAFETY: the call takes no address.
    unsafe { stub::directory_sync(directory.0) }.map(|_| ())
}

/// Asks about the volume a directory is on.
///
/// # Errors
///
/// `AccessDenied` without the right `INSPECT`.
pub fn volume(directory: Handle) -> Result<VolumeInfo> {
    fetch(|address, _| {
        // SAFETY: `address` is that of a `VolumeInfo` of our own.
        unsafe { stub::volume_info(directory.0, address) }
    })
}
