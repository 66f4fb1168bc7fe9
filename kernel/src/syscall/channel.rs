//! Channels.

use alloc::vec::Vec;

use abi::{Error, Handle, Rights};
use zerocopy::{FromBytes, IntoBytes};

use crate::account::{Charge, Resource};
use crate::cap::{Capability, NoSlot};
use crate::ipc::{ChannelEnd, Message, ReadError, SendError};
use crate::limits::{CHANNEL_MESSAGE_BYTES_MAX, CHANNEL_MESSAGE_HANDLES_MAX};

use super::Args;
use super::context::{Context, Outcome};
use super::error::table_error;

const END_RIGHTS: Rights = Rights::DUPLICATE
    .union(Rights::TRANSFER)
    .union(Rights::READ)
    .union(Rights::WRITE)
    .union(Rights::WAIT)
    .union(Rights::INSPECT)
    .union(Rights::MANAGE);

pub(super) fn channel_create(cx: &Context, _args: Args) -> Outcome {
    let create = || {
        let (first, second) = ChannelEnd::pair().map_err(|_| Error::NoMemory)?;
        let first = cx.add(first, END_RIGHTS)?;
        match cx.add(second, END_RIGHTS) {
            Ok(second) => Ok(Outcome::values(first, second)),
            Err(error) => {
                drop(cx.process.handles().remove(Handle(first)));
                Err(error)
            }
        }
    };
    Outcome::from(create())
}

pub(super) fn channel_write(
    cx: &Context,
    [channel, bytes, length, handles, count, _]: Args,
) -> Outcome {
    let write = || {
        let end = cx.get_unlocked::<ChannelEnd>(channel, Rights::WRITE)?;
        if length > CHANNEL_MESSAGE_BYTES_MAX as u64 || count > CHANNEL_MESSAGE_HANDLES_MAX as u64 {
            return Err(Error::InvalidArgument);
        }
        let bytes = cx
            .reader(bytes, length)?
            .to_vec(CHANNEL_MESSAGE_BYTES_MAX)?;
        let wanted = read_handles(cx, handles, count)?;
        let account = cx.process.account();
        let memory = Message::memory_bytes(bytes.len(), wanted.len()) as u64;
        let memory = Charge::new(account, Resource::KernelBytes, memory)?;
        let (taken, values) = take_handles(cx, &wanted)?;
        let on_the_way = (count != 0).then(|| Charge::again(account, Resource::Handles, count));
        let message = Message {
            bytes,
            handles: taken,
            charges: [Some(memory), on_the_way],
        };
        let (error, message) = match end.send(message) {
            Ok(()) => return Ok(Outcome::OK),
            Err(SendError::PeerClosed(message)) => (Error::PeerClosed, message),
            Err(SendError::Full(message)) => (Error::WouldBlock, message),
            Err(SendError::NoMemory(message)) => (Error::NoMemory, message),
        };
        drop(message.charges);
        give_back(cx, message.handles, &values);
        Err(error)
    };
    Outcome::from(write())
}

fn read_handles(cx: &Context, address: u64, count: u64) -> Result<Vec<Handle>, Error> {
    const BYTES_MAX: usize = CHANNEL_MESSAGE_HANDLES_MAX * size_of::<Handle>();
    if count == 0 {
        return Ok(Vec::new());
    }
    let len = count.saturating_mul(size_of::<Handle>() as u64);
    let bytes = cx.reader(address, len)?.to_vec(BYTES_MAX)?;
    let values = bytes.chunks_exact(size_of::<Handle>());
    let mut handles = Vec::new();
    handles
        .try_reserve_exact(values.len())
        .map_err(|_| Error::NoMemory)?;
    for value in values {
        handles.push(Handle::read_from_bytes(value).map_err(|_| Error::InvalidArgument)?);
    }
    Ok(handles)
}

/// Takes the handles out of the caller's table, all or none.
fn take_handles(cx: &Context, wanted: &[Handle]) -> Result<(Vec<Capability>, Vec<Handle>), Error> {
    let (mut taken, mut values) = (Vec::new(), Vec::new());
    taken
        .try_reserve_exact(wanted.len())
        .map_err(|_| Error::NoMemory)?;
    values
        .try_reserve_exact(wanted.len())
        .map_err(|_| Error::NoMemory)?;
    for handle in wanted {
        match cx.process.handles().remove_with(*handle, Rights::TRANSFER) {
            Ok(capability) => {
                taken.push(capability);
                values.push(*handle);
            }
            Err(error) => {
                give_back(cx, taken, &values);
                return Err(error.into());
            }
        }
    }
    Ok((taken, values))
}

/// Puts capabilities back that were not sent, each under its old handle.
fn give_back(cx: &Context, taken: Vec<Capability>, values: &[Handle]) {
    // The slot freed last is the first to be taken again.
    for (capability, handle) in taken.into_iter().zip(values).rev() {
        cx.process.handles().restore(*handle, capability);
    }
}

pub(super) fn channel_read(
    cx: &Context,
    [channel, bytes, length, handles, count, _]: Args,
) -> Outcome {
    let end = match cx.get_unlocked::<ChannelEnd>(channel, Rights::READ) {
        Ok(end) => end,
        Err(error) => return error.into(),
    };
    let room = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
    match end.read(room(length), room(count)) {
        Ok(message) => Outcome::from(hand_over(cx, &end, message, bytes, handles)),
        Err(ReadError::Empty) => Error::WouldBlock.into(),
        Err(ReadError::PeerClosed) => Error::PeerClosed.into(),
        Err(ReadError::TooSmall { bytes, handles }) => {
            Outcome::Failed(Error::BufferTooSmall, [bytes as u64, handles as u64, 0])
        }
    }
}

/// Gives a message to the caller; one that cannot be given goes back into the queue.
fn hand_over(
    cx: &Context,
    end: &ChannelEnd,
    message: Message,
    bytes: u64,
    handles: u64,
) -> Result<Outcome, Error> {
    let (length, count) = (message.bytes.len() as u64, message.handles.len() as u64);
    let copied = cx
        .writer(bytes, length)
        .and_then(|out| Ok(out.copy_from(0, &message.bytes)?));
    if let Err(error) = copied {
        end.put_back(message);
        return Err(error);
    }
    if count != 0 {
        hand_handles_over(cx, end, message, handles)?;
    }
    Ok(Outcome::values(length, count))
}

/// Gives the capabilities of a message to the caller, and writes their handles.
fn hand_handles_over(
    cx: &Context,
    end: &ChannelEnd,
    mut message: Message,
    handles: u64,
) -> Result<(), Error> {
    let room = (message.handles.len() as u64).saturating_mul(8);
    // Writing zeros first finds out whether the place can be written at all.
    let ready = cx.writer(handles, room).and_then(|out| {
        let zeros = [0; CHANNEL_MESSAGE_HANDLES_MAX * 8];
        out.copy_from(0, zeros.get(..out.len()).unwrap_or(&[]))?;
        Ok(out)
    });
    let out = match ready {
        Ok(out) => out,
        Err(error) => {
            end.put_back(message);
            return Err(error);
        }
    };
    let mut values = [Handle::NONE; CHANNEL_MESSAGE_HANDLES_MAX];
    let mut given = 0usize;
    while let Some(capability) = message.handles.pop() {
        match cx.process.handles().add(capability) {
            Ok(handle) => {
                if let Some(place) = values.get_mut(given) {
                    *place = handle;
                }
                given = given.saturating_add(1);
            }
            // Taken back on its way: its place stays empty.
            Err(error) if error.reason == NoSlot::Revoked => given = given.saturating_add(1),
            Err(error) => {
                let result = table_error(&error);
                message.handles.push(error.capability);
                for handle in values.get(..given).unwrap_or(&[]).iter().rev() {
                    if let Ok(capability) = cx.process.handles().remove(*handle) {
                        message.handles.push(capability);
                    }
                }
                end.put_back(message);
                return Err(result);
            }
        }
    }
    // Taken from the end: the caller gets them in the order they were sent.
    if let Some(values) = values.get_mut(..given) {
        values.reverse();
        // A place that was writable a moment ago; if not, the handles are the caller's
        // all the same and `handle_list` shows them.
        out.copy_from(0, values.as_bytes())?;
    }
    Ok(())
}
