//! Pipes.

use abi::{Error, Handle, Rights};

use crate::ipc::PipeEnd;

use super::Args;
use super::context::{Context, Outcome};

const END_RIGHTS: Rights = Rights::DUPLICATE
    .union(Rights::TRANSFER)
    .union(Rights::WAIT)
    .union(Rights::INSPECT)
    .union(Rights::MANAGE);

pub(super) fn pipe_create(cx: &Context, [bytes, ..]: Args) -> Outcome {
    let create = || {
        let size = PipeEnd::ring_bytes(bytes).ok_or(Error::InvalidArgument)?;
        let (reader, writer) = PipeEnd::pair(size).map_err(|_| Error::NoMemory)?;
        let reader = cx.add(reader, END_RIGHTS | Rights::READ)?;
        match cx.add(writer, END_RIGHTS | Rights::WRITE) {
            Ok(writer) => Ok(Outcome::values(reader, writer)),
            Err(error) => {
                drop(cx.process.handles().remove(Handle(reader)));
                Err(error)
            }
        }
    };
    Outcome::from(create())
}
