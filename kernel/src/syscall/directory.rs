//! Directories and volumes.

use alloc::vec::Vec;

use abi::fs::{
    DirectoryEntry, NodeKind, OpenFlags, PATH_MAX, RemoveFlags, RenameArgs, RenameFlags,
};
use abi::{Error, Rights};
use zerocopy::IntoBytes;

use crate::fs::vfs::{Directory, Listed, OpenedNode};

use super::Args;
use super::context::{Context, Outcome};

/// Most bytes of entries gathered in one call.
const LIST_BYTES_MAX: usize = 32 * 1024;

fn read_path(cx: &Context, path: u64, length: u64) -> Result<Vec<u8>, Error> {
    if length > PATH_MAX as u64 {
        return Err(Error::NameTooLong);
    }
    Ok(cx.reader(path, length)?.to_vec(PATH_MAX)?)
}

fn flag_bits(bits: u64) -> Result<u32, Error> {
    u32::try_from(bits).map_err(|_| Error::InvalidArgument)
}

fn open_flags(bits: u64) -> Result<OpenFlags, Error> {
    OpenFlags::from_bits(flag_bits(bits)?).ok_or(Error::InvalidArgument)
}

/// Rights of what is opened, out of those of the directory handle.
fn opened_rights(directory: Rights, flags: OpenFlags, kind: NodeKind) -> Rights {
    let mut rights =
        Rights::DUPLICATE | Rights::TRANSFER | Rights::WAIT | Rights::INSPECT | Rights::MANAGE;
    rights.set(Rights::READ, flags.contains(OpenFlags::READ));
    rights.set(Rights::WRITE, flags.contains(OpenFlags::WRITE));
    rights.set(Rights::EXECUTE, flags.contains(OpenFlags::EXECUTE));
    let mapped = flags.intersects(OpenFlags::READ | OpenFlags::EXECUTE);
    rights.set(Rights::MAP, mapped);
    if kind == NodeKind::Directory {
        rights.set(
            Rights::LIST | Rights::LOOKUP,
            flags.contains(OpenFlags::READ),
        );
        rights.set(
            Rights::CREATE | Rights::REMOVE,
            flags.contains(OpenFlags::WRITE),
        );
        // What a directory passes on to files is passed on through it.
        rights.insert(Rights::EXECUTE);
        rights.remove(Rights::WAIT);
    }
    rights.intersection(directory | Rights::WAIT)
}

fn needed_rights(flags: OpenFlags) -> Rights {
    let mut needed = Rights::LOOKUP;
    needed.set(Rights::READ, flags.contains(OpenFlags::READ));
    needed.set(
        Rights::WRITE,
        flags.intersects(OpenFlags::WRITE | OpenFlags::TRUNCATE),
    );
    needed.set(Rights::EXECUTE, flags.contains(OpenFlags::EXECUTE));
    needed.set(Rights::CREATE, flags.contains(OpenFlags::CREATE));
    needed
}

pub(super) fn directory_open(cx: &Context, [directory, path, length, flags, ..]: Args) -> Outcome {
    let open = || {
        let through = directory;
        let (object, rights) = cx.get_with_rights::<Directory>(directory, Rights::LOOKUP)?;
        let flags = open_flags(flags)?;
        if !rights.contains(needed_rights(flags)) {
            return Err(Error::AccessDenied);
        }
        if flags.contains(OpenFlags::DIRECTORY)
            && flags.intersects(OpenFlags::TRUNCATE | OpenFlags::APPEND)
        {
            return Err(Error::InvalidArgument);
        }
        let path = read_path(cx, path, length)?;
        let (handle, kind) = match object.open(&path, flags)? {
            OpenedNode::File(file) => {
                let kind = NodeKind::File;
                (
                    cx.add_through(file, opened_rights(rights, flags, kind), through)?,
                    kind,
                )
            }
            OpenedNode::Directory(directory) => {
                let kind = NodeKind::Directory;
                (
                    cx.add_through(directory, opened_rights(rights, flags, kind), through)?,
                    kind,
                )
            }
        };
        Ok(Outcome::values(handle, kind as u64))
    };
    Outcome::from(open())
}

pub(super) fn directory_stat(
    cx: &Context,
    [directory, path, length, flags, stat, _]: Args,
) -> Outcome {
    let inform = || {
        let needed = if length == 0 {
            Rights::INSPECT
        } else {
            Rights::LOOKUP
        };
        let object = cx.get::<Directory>(directory, needed)?;
        let flags = open_flags(flags)?;
        let path = read_path(cx, path, length)?;
        let found = object.stat(&path, flags.contains(OpenFlags::ANY_CASE))?;
        cx.write_record(stat, &found)?;
        Ok(Outcome::OK)
    };
    Outcome::from(inform())
}

pub(super) fn directory_list(
    cx: &Context,
    [directory, cookie, buffer, length, ..]: Args,
) -> Outcome {
    let list = || {
        let object = cx.get::<Directory>(directory, Rights::LIST)?;
        let out = cx.writer(buffer, length)?;
        let room = out.len().min(LIST_BYTES_MAX);
        let mut rows = Vec::new();
        rows.try_reserve_exact(room).map_err(|_| Error::NoMemory)?;
        let (mut next, mut refused) = (cookie, false);
        object.list(cookie, |entry| {
            refused = !push_entry(&mut rows, room, &entry);
            if !refused {
                next = entry.cookie;
            }
            !refused
        })?;
        if refused && rows.is_empty() {
            return Err(Error::BufferTooSmall);
        }
        out.copy_from(0, &rows)?;
        Ok(Outcome::values(rows.len() as u64, next))
    };
    Outcome::from(list())
}

/// Adds a row, if it fits into `room`.
fn push_entry(rows: &mut Vec<u8>, room: usize, entry: &Listed<'_>) -> bool {
    let header = DirectoryEntry {
        node: entry.node,
        cookie: entry.cookie,
        kind: entry.kind as u32,
        name_len: u32::try_from(entry.name.len()).unwrap_or(0),
    };
    let size = size_of::<DirectoryEntry>()
        .saturating_add(entry.name.len())
        .next_multiple_of(8);
    let end = rows.len().saturating_add(size);
    if end > room {
        return false;
    }
    rows.extend_from_slice(header.as_bytes());
    rows.extend_from_slice(entry.name);
    rows.resize(end, 0);
    true
}

pub(super) fn directory_remove(
    cx: &Context,
    [directory, path, length, flags, ..]: Args,
) -> Outcome {
    let remove = || {
        let needed = Rights::LOOKUP | Rights::REMOVE;
        let object = cx.get::<Directory>(directory, needed)?;
        let flags = RemoveFlags::from_bits(flag_bits(flags)?).ok_or(Error::InvalidArgument)?;
        object.remove(&read_path(cx, path, length)?, flags)?;
        Ok(Outcome::OK)
    };
    Outcome::from(remove())
}

pub(super) fn directory_rename(cx: &Context, [from, to, args, flags, ..]: Args) -> Outcome {
    let rename = || {
        let source = cx.get::<Directory>(from, Rights::LOOKUP | Rights::REMOVE)?;
        let target = cx.get::<Directory>(to, Rights::LOOKUP | Rights::CREATE)?;
        let flags = RenameFlags::from_bits(flag_bits(flags)?).ok_or(Error::InvalidArgument)?;
        let args: RenameArgs = cx.read_record(args)?;
        let old = read_path(cx, args.from, args.from_len)?;
        let new = read_path(cx, args.to, args.to_len)?;
        source.rename(&old, &target, &new, flags)?;
        Ok(Outcome::OK)
    };
    Outcome::from(rename())
}

pub(super) fn directory_sync(cx: &Context, [directory, ..]: Args) -> Outcome {
    let sync = || {
        cx.get::<Directory>(directory, Rights::WRITE)?
            .volume()
            .sync()?;
        Ok(Outcome::OK)
    };
    Outcome::from(sync())
}

pub(super) fn volume_info(cx: &Context, [directory, info, ..]: Args) -> Outcome {
    let inform = || {
        let object = cx.get::<Directory>(directory, Rights::INSPECT)?;
        cx.write_record(info, &object.volume().info())?;
        Ok(Outcome::OK)
    };
    Outcome::from(inform())
}
