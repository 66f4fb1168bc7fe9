//! Channels.

use alloc::vec::Vec;

use abi::{Error, Handle, NEVER, NOW, Rights, Signals, Syscall};
use zerocopy::{FromBytes, IntoBytes};

use crate::account::{Charge, Resource};
use crate::arch;
use crate::cap::{Capability, KernelObject, NoSlot};
use crate::ipc::{ChannelEnd, Message, ReadError, SendError};
use crate::limits::{
    CHANNEL_MESSAGE_BYTES_MAX, CHANNEL_MESSAGE_HANDLES_MAX, CHANNEL_SHORT_MESSAGE_BYTES_MAX,
};
use crate::mm::{copy_present_in, copy_present_out};
use crate::sched::{Ending, Thread};
use crate::sync::Borrowed;
use crate::time::now_ns;

use super::Args;
use super::context::{Context, Outcome, Short};
use super::error::table_error;
use super::handle::{Waiting, begin_wait};

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

/// The short way of [`channel_write`]: a few bytes that are in memory, no handles.
#[inline(always)]
pub(super) fn channel_write_at_once(
    short: Short<'_>,
    [channel, bytes, length, _, count, _]: Args,
) -> Option<Result<u64, Error>> {
    let room = usize::try_from(length).ok()?;
    if count != 0 || room > CHANNEL_SHORT_MESSAGE_BYTES_MAX {
        return None;
    }
    let thread = short.thread();
    let table = thread.handles().ok()?;
    let end = short.borrow::<ChannelEnd>(table, channel, Rights::WRITE);
    let end = end.ok()?;
    let mut text = Vec::new();
    text.try_reserve_exact(room).ok()?;
    text.resize(room, 0);
    if copy_present_in(bytes, &mut text) != room {
        return None;
    }
    let memory = Message::memory_bytes(room, 0) as u64;
    let memory = Charge::new(table.account(), Resource::KernelBytes, memory).ok()?;
    let message = Message {
        bytes: text,
        handles: Vec::new(),
        charges: [Some(memory), None],
    };
    // What does not fit is sent again the long way, which tells why.
    end.send(message).ok().map(|()| Ok(0))
}

/// The short way of [`channel_read`]: a few bytes to where memory is present, no handles;
/// or the beginning of a wait without a deadline.
#[inline(always)]
pub(super) fn channel_read_at_once(short: Short<'_>, args: Args) -> Option<Result<u64, Error>> {
    let [channel, bytes, length, _, _, deadline] = args;
    let thread = short.thread();
    let end = short.borrow::<ChannelEnd>(thread.handles().ok()?, channel, Rights::READ);
    let end = end.ok()?;
    let room = usize::try_from(length).unwrap_or(usize::MAX);
    match end.read(room.min(CHANNEL_SHORT_MESSAGE_BYTES_MAX), 0) {
        Ok(message) => {
            let length = message.bytes.len();
            if copy_present_out(bytes, &message.bytes) != length {
                end.put_back(message);
                return None;
            }
            // And no handles, the second value.
            Some(Ok(length as u64))
        }
        Err(ReadError::Empty) if deadline == NEVER => match wait_for_message(&thread, &end, args) {
            Ok(Waiting::Waits) => Some(short.blocked()),
            Ok(Waiting::Raised) => None,
            Err(error) => Some(Err(error)),
        },
        Err(ReadError::Empty) if deadline == NOW => Some(Err(Error::WouldBlock)),
        Err(_) => None,
    }
}

/// Makes the running thread wait for a message and then make its call again. Interrupts
/// are masked.
fn wait_for_message(
    thread: &Borrowed<'_, Thread>,
    end: &Borrowed<'_, ChannelEnd>,
    args: Args,
) -> Result<Waiting, Error> {
    let [.., deadline] = args;
    thread.set_call(Syscall::ChannelRead as u64, args);
    begin_wait(
        thread,
        &end.widen(|end| end as *mut dyn KernelObject),
        Signals::READABLE.union(Signals::PEER_CLOSED),
        deadline,
        Ending::CALL_AGAIN,
    )
}

pub(super) fn channel_read(cx: &Context, args: Args) -> Outcome {
    let [channel, bytes, length, handles, count, deadline] = args;
    let end = match cx.get_unlocked::<ChannelEnd>(channel, Rights::READ) {
        Ok(end) => end,
        Err(error) => return error.into(),
    };
    let room = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
    loop {
        match end.read(room(length), room(count)) {
            Ok(message) => return Outcome::from(hand_over(cx, &end, message, bytes, handles)),
            Err(ReadError::Empty) if deadline == NOW => return Error::WouldBlock.into(),
            Err(ReadError::Empty) if deadline <= now_ns() => return Error::TimedOut.into(),
            Err(ReadError::Empty) => {}
            Err(ReadError::PeerClosed) => return Error::PeerClosed.into(),
            Err(ReadError::TooSmall { bytes, handles }) => {
                let values = [bytes as u64, handles as u64, 0];
                return Outcome::Failed(Error::BufferTooSmall, values);
            }
        }
        arch::irq_disable();
        let begun = wait_for_message(cx.thread, &end.borrow(), args);
        match begun {
            Ok(Waiting::Waits) => return Outcome::Blocked,
            Ok(Waiting::Raised) => arch::irq_enable(),
            Err(error) => {
                arch::irq_enable();
                return error.into();
            }
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
