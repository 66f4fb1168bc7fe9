//! Calls: a message in registers to a server, and its answer.
//!
//! A client calls through its end of a channel. The server has added the other end to a
//! port and waits there with [`reply_wait`], which also gives the answer to the call
//! before.

use abi::{Error, Handle, Signals, Syscall};

use crate::{OwnedHandle, Result, svc};

/// Six words, and a handle that goes with them.
#[derive(Debug, Default)]
pub struct Message {
    /// The words.
    pub words: [u64; 6],
    /// The handle.
    pub handle: Option<OwnedHandle>,
}

impl Message {
    /// Words alone.
    pub const fn words(words: [u64; 6]) -> Self {
        Message {
            words,
            handle: None,
        }
    }
}

/// What [`reply_wait`] found.
#[derive(Debug)]
pub enum Received {
    /// A call through the channel end that was added to the port with `key`; `token`
    /// names it for the answer.
    Call {
        /// Key of the end.
        key: u64,
        /// To be given to [`reply_wait`], once.
        token: u64,
        /// What the client said.
        message: Message,
    },
    /// A member of the port has signals.
    Event {
        /// Key of the member.
        key: u64,
        /// The signals.
        signals: Signals,
    },
}

fn error_of(code: u64) -> Error {
    Error::from_code(code).unwrap_or(Error::NotSupported)
}

fn raw(handle: &Option<OwnedHandle>) -> u64 {
    handle.as_ref().map_or(0, |handle| handle.get().0)
}

fn owned(handle: u64) -> Option<OwnedHandle> {
    (handle != 0).then(|| OwnedHandle::new(Handle(handle)))
}

/// Calls through `channel` and waits for the answer. The handle of `message` is gone if
/// the call was sent; it stays, and is closed, where nothing was sent.
///
/// # Errors
///
/// `PeerClosed`, `TimedOut`, … as in the table.
#[inline]
pub fn call(channel: Handle, message: Message, deadline: u64) -> Result<Message> {
    let answer = svc::call_in_registers(
        Syscall::ChannelCall as u64,
        svc::Call {
            first: channel.0,
            words: message.words,
            handle: raw(&message.handle),
            ninth: deadline,
            tenth: 0,
        },
    );
    if answer.first != 0 {
        return Err(error_of(answer.first));
    }
    if let Some(sent) = message.handle {
        sent.into_raw();
    }
    Ok(Message {
        words: answer.words,
        handle: owned(answer.handle),
    })
}

/// Answers the call `token` with `answer`, unless there is none, and waits at `port` for
/// the next call or event.
///
/// # Errors
///
/// `NotFound` where no call has this token (any more), `TimedOut` once the answer is
/// given and `deadline` has passed, … as in the table.
#[inline]
pub fn reply_wait(port: Handle, answer: Option<(u64, Message)>, deadline: u64) -> Result<Received> {
    let (token, message) = answer.unwrap_or_default();
    let found = svc::call_in_registers(
        Syscall::PortReplyWait as u64,
        svc::Call {
            first: port.0,
            words: message.words,
            handle: raw(&message.handle),
            ninth: deadline,
            tenth: token,
        },
    );
    if found.first != 0 && found.first != Error::TimedOut as u64 {
        return Err(error_of(found.first));
    }
    if let Some(sent) = message.handle {
        sent.into_raw();
    }
    if found.first != 0 {
        return Err(Error::TimedOut);
    }
    let [first, ..] = found.words;
    match found.tenth {
        0 => Ok(Received::Event {
            key: found.ninth,
            signals: Signals::from_bits_truncate(u32::try_from(first).unwrap_or(0)),
        }),
        token => Ok(Received::Call {
            key: found.ninth,
            token,
            message: Message {
                words: found.words,
                handle: owned(found.handle),
            },
        }),
    }
}
