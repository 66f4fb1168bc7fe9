//! Files.

use abi::{Error, Rights};

use crate::fs::vfs::File;
use crate::process::MemoryObject;
use crate::sync::Ref;

use super::Args;
use super::context::{Context, Outcome};

pub(super) fn file_read(cx: &Context, [file, offset, buffer, length, ..]: Args) -> Outcome {
    let read = || {
        let file = cx.get::<File>(file, Rights::READ)?;
        let out = cx.writer(buffer, length)?;
        Ok(Outcome::value(file.read(offset, &out)? as u64))
    };
    Outcome::from(read())
}

pub(super) fn file_write(cx: &Context, [file, offset, buffer, length, ..]: Args) -> Outcome {
    let write = || {
        let file = cx.get::<File>(file, Rights::WRITE)?;
        let data = cx.reader(buffer, length)?;
        Ok(Outcome::value(file.write(offset, &data)? as u64))
    };
    Outcome::from(write())
}

pub(super) fn file_seek(cx: &Context, [file, offset, whence, ..]: Args) -> Outcome {
    let seek = || {
        let (file, rights) = cx.get_with_rights::<File>(file, Rights::empty())?;
        if !rights.intersects(Rights::READ | Rights::WRITE) {
            return Err(Error::AccessDenied);
        }
        Ok(Outcome::value(file.seek(offset.cast_signed(), whence)?))
    };
    Outcome::from(seek())
}

pub(super) fn file_stat(cx: &Context, [file, stat, ..]: Args) -> Outcome {
    let inform = || {
        let file = cx.get::<File>(file, Rights::INSPECT)?;
        cx.write_record(stat, &file.stat()?)?;
        Ok(Outcome::OK)
    };
    Outcome::from(inform())
}

pub(super) fn file_truncate(cx: &Context, [file, size, ..]: Args) -> Outcome {
    let truncate = || {
        cx.get::<File>(file, Rights::WRITE)?.truncate(size)?;
        Ok(Outcome::OK)
    };
    Outcome::from(truncate())
}

pub(super) fn file_sync(cx: &Context, [file, ..]: Args) -> Outcome {
    let sync = || {
        cx.get::<File>(file, Rights::WRITE)?.sync()?;
        Ok(Outcome::OK)
    };
    Outcome::from(sync())
}

pub(super) fn file_memory(cx: &Context, [file, ..]: Args) -> Outcome {
    let memory = || {
        let through = file;
        let (file, rights) = cx.get_with_rights::<File>(file, Rights::MAP)?;
        let object = MemoryObject::new(file.pages().clone(), None);
        let object = Ref::new(object).map_err(|_| Error::NoMemory)?;
        // Shared writable mappings of files come with write-back that protects pages;
        // until then stores stay private to a mapping.
        let passed = Rights::READ | Rights::EXECUTE | Rights::MAP;
        let kept = Rights::DUPLICATE | Rights::TRANSFER | Rights::INSPECT;
        Ok(Outcome::value(cx.add_through(
            object,
            rights.intersection(passed | kept),
            through,
        )?))
    };
    Outcome::from(memory())
}
