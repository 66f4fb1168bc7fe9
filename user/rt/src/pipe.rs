//! Pipes: byte streams between programs.
#![allow(unsafe_code, reason = "makes system calls without addresses")]

use abi::Handle;

use crate::{OwnedHandle, Result, stub};

/// Makes a pipe that holds `bytes`, with 0 as many as usual; the end to read from and the
/// end to write to. They are streams.
///
/// # Errors
///
/// `InvalidArgument` for more than the kernel allows; `NoMemory`, `LimitReached`.
pub fn create(bytes: u64) -> Result<(OwnedHandle, OwnedHandle)> {
    // SAFETY: the call takes no address.
    let [reader, writer, ..] = unsafe { stub::pipe_create(bytes) }?;
    let own = |value| OwnedHandle::new(Handle(value));
    Ok((own(reader), own(writer)))
}
