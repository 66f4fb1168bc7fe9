//! Streams: whatever has bytes to read or takes bytes.

use abi::{Error, Handle, Rights};

use crate::cap::KernelObject;
use crate::console::terminal::Terminal;
use crate::fs::vfs::File;
use crate::sync::Ref;

use super::Args;
use super::context::{Context, Outcome};

/// Bytes moved between a terminal and a program at a time.
const CHUNK: usize = 1024;

fn stream(cx: &Context, handle: u64, rights: Rights) -> Result<Ref<dyn KernelObject>, Error> {
    let table = cx.process.handles();
    // The kind comes before the rights.
    let object = table.get_any(Handle(handle), Rights::empty())?;
    if object.as_type::<File>().is_none() && object.as_type::<Terminal>().is_none() {
        return Err(Error::WrongType);
    }
    Ok(table.get_any(Handle(handle), rights)?)
}

pub(super) fn stream_read(cx: &Context, [stream_handle, buffer, length, ..]: Args) -> Outcome {
    let read = || {
        let object = stream(cx, stream_handle, Rights::READ)?;
        let out = cx.writer(buffer, length)?;
        if let Some(file) = object.as_type::<File>() {
            return Ok(Outcome::value(file.read_next(&out)? as u64));
        }
        let terminal = object.as_type::<Terminal>().ok_or(Error::WrongType)?;
        if out.is_empty() {
            return Ok(Outcome::value(0));
        }
        // Input is taken only once it is known that it can be handed over.
        let mut bytes = [0; CHUNK];
        let room = bytes.get_mut(..out.len().min(CHUNK)).unwrap_or(&mut []);
        out.copy_from(0, room)?;
        let count = terminal.read(room).ok_or(Error::WouldBlock)?;
        out.copy_from(0, bytes.get(..count).unwrap_or(&[]))?;
        Ok(Outcome::value(count as u64))
    };
    Outcome::from(read())
}

pub(super) fn stream_write(cx: &Context, [stream_handle, buffer, length, ..]: Args) -> Outcome {
    let write = || {
        let object = stream(cx, stream_handle, Rights::WRITE)?;
        let data = cx.reader(buffer, length)?;
        if let Some(file) = object.as_type::<File>() {
            return Ok(Outcome::value(file.write_next(&data)? as u64));
        }
        let terminal = object.as_type::<Terminal>().ok_or(Error::WrongType)?;
        let mut done = 0;
        while done < data.len() {
            let mut bytes = [0; CHUNK];
            let part = data.len().saturating_sub(done).min(CHUNK);
            let chunk = bytes.get_mut(..part).unwrap_or(&mut []);
            if let Err(error) = data.copy_to(done, chunk) {
                return if done > 0 {
                    Ok(Outcome::value(done as u64))
                } else {
                    Err(error.into())
                };
            }
            terminal.write(chunk);
            done = done.saturating_add(part);
            if cx.thread.is_killed() {
                break;
            }
        }
        Ok(Outcome::value(done as u64))
    };
    Outcome::from(write())
}
