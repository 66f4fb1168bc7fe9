//! Streams: whatever has bytes to read or takes bytes.

use abi::{Error, Handle, NEVER, NOW, Rights, Signals, Syscall};

use crate::arch;
use crate::cap::KernelObject;
use crate::console::terminal::Terminal;
use crate::fs::vfs::File;
use crate::ipc::{PipeEnd, Stop};
use crate::limits::PIPE_BYTES_MIN;
use crate::mm::{UserReader, UserWriter, copy_present_in, copy_present_out};
use crate::sched::{Ending, Thread};
use crate::sync::{Borrowed, Ref};
use crate::time::now_ns;

use super::Args;
use super::context::{Context, Outcome, Short};
use super::handle::{Waiting, begin_wait};

/// Bytes moved between a terminal and a program at a time.
const CHUNK: usize = 1024;
/// Times that a page is brought in without a byte moved before its address counts as bad.
const ATTEMPTS_MAX: u32 = 8;

/// The objects that are streams.
enum Stream {
    Pipe(Ref<PipeEnd>),
    File(Ref<File>),
    Terminal(Ref<Terminal>),
}

impl Stream {
    /// The stream of a handle with a right.
    fn of(cx: &Context, handle: u64, right: Rights) -> Result<Stream, Error> {
        let found = cx.process.handles().with(Handle(handle), |capability| {
            let rights = capability.rights();
            (capability.object().clone(), rights)
        });
        let (object, rights) = found?;
        // The kind comes before the rights.
        let stream = object
            .downcast::<PipeEnd>()
            .map(Stream::Pipe)
            .or_else(|object| object.downcast::<File>().map(Stream::File))
            .or_else(|object| object.downcast::<Terminal>().map(Stream::Terminal))
            .map_err(|_| Error::WrongType)?;
        if !rights.contains(right) {
            return Err(Error::AccessDenied);
        }
        Ok(stream)
    }
}

/// What came of moving bytes without waiting.
enum Moved {
    /// So many; for a read 0 is the end.
    Bytes(usize),
    /// Nothing: the object has to raise one of these first.
    Waits(Ref<dyn KernelObject>, Signals),
}

/// The short way of [`stream_read`].
#[inline(always)]
pub(super) fn stream_read_at_once(short: Short<'_>, args: Args) -> Option<Result<u64, Error>> {
    let [_, buffer, ..] = args;
    at_once(
        short,
        args,
        Rights::READ,
        Syscall::StreamRead,
        |end, wanted| {
            end.read(wanted, |done, bytes| {
                copy_present_out(buffer.saturating_add(done as u64), bytes)
            })
        },
    )
}

/// The short way of [`stream_write`].
#[inline(always)]
pub(super) fn stream_write_at_once(short: Short<'_>, args: Args) -> Option<Result<u64, Error>> {
    let [_, buffer, ..] = args;
    at_once(
        short,
        args,
        Rights::WRITE,
        Syscall::StreamWrite,
        |end, wanted| {
            end.write(wanted, true, |done, space| {
                copy_present_in(buffer.saturating_add(done as u64), space)
            })
        },
    )
}

pub(super) fn stream_read(cx: &Context, args: Args) -> Outcome {
    let [handle, buffer, length, ..] = args;
    let read = || {
        let stream = Stream::of(cx, handle, Rights::READ)?;
        let out = cx.writer(buffer, length)?;
        loop {
            let moved = match &stream {
                Stream::Pipe(end) => read_pipe(end, buffer, &out)?,
                Stream::File(file) => Moved::Bytes(file.read_next(&out)?),
                Stream::Terminal(terminal) => read_terminal(terminal, &out)?,
            };
            if let Some(outcome) = finish(cx, moved, Syscall::StreamRead, args)? {
                return Ok(outcome);
            }
        }
    };
    Outcome::from(read())
}

pub(super) fn stream_write(cx: &Context, args: Args) -> Outcome {
    let [handle, buffer, length, ..] = args;
    let write = || {
        let stream = Stream::of(cx, handle, Rights::WRITE)?;
        let data = cx.reader(buffer, length)?;
        loop {
            let moved = match &stream {
                Stream::Pipe(end) => write_pipe(end, buffer, &data)?,
                Stream::File(file) => Moved::Bytes(file.write_next(&data)?),
                Stream::Terminal(terminal) => write_terminal(terminal, &data)?,
            };
            if let Some(outcome) = finish(cx, moved, Syscall::StreamWrite, args)? {
                return Ok(outcome);
            }
        }
    };
    Outcome::from(write())
}

/// Moves a few bytes through a pipe, or begins to wait. `None`: it is something else, or
/// not so simple.
#[inline(always)]
fn at_once(
    short: Short<'_>,
    args: Args,
    right: Rights,
    call: Syscall,
    work: impl FnOnce(&PipeEnd, usize) -> Result<usize, Stop>,
) -> Option<Result<u64, Error>> {
    let [handle, _, length, deadline, ..] = args;
    let wanted = usize::try_from(length).ok()?;
    if wanted == 0 || wanted > PIPE_BYTES_MIN {
        return None;
    }
    let thread = short.thread();
    let end = short.borrow::<PipeEnd>(thread.handles().ok()?, handle, right);
    let end = end.ok()?;
    match work(&end, wanted) {
        Ok(count) => Some(Ok(count as u64)),
        Err(Stop::NotReady) if deadline == NEVER => {
            let object = end.to_ref().widen(|end| end as *mut dyn KernelObject);
            match wait_again(&thread, object, signals_for(right), call, args) {
                Ok(Begun::Waits) => Some(short.blocked()),
                Ok(Begun::Ready) => None,
                Err(error) => Some(Err(error)),
            }
        }
        Err(_) => None,
    }
}

/// What is waited for before reading or writing.
fn signals_for(right: Rights) -> Signals {
    let ready = match right {
        Rights::READ => Signals::READABLE,
        _ => Signals::WRITABLE,
    };
    ready.union(Signals::PEER_CLOSED)
}

/// How a wait began.
enum Begun {
    /// The thread waits, and makes its call again.
    Waits,
    /// There is nothing to wait for any more.
    Ready,
}

/// Makes the thread wait for signals of an object, and then make its call again.
/// Interrupts are masked.
fn wait_again(
    thread: &Borrowed<'_, Thread>,
    object: Ref<dyn KernelObject>,
    signals: Signals,
    call: Syscall,
    args: Args,
) -> Result<Begun, Error> {
    let [_, _, _, deadline, ..] = args;
    thread.set_call(call as u64, args);
    let begun = begin_wait(
        thread,
        &object.borrow(),
        signals,
        deadline,
        Ending::CALL_AGAIN,
    )?;
    Ok(match begun {
        Waiting::Waits => Begun::Waits,
        Waiting::Raised => Begun::Ready,
    })
}

/// The outcome of a call that moved bytes, or that waits and is made again. `None`: what
/// it would wait for has just come.
fn finish(cx: &Context, moved: Moved, call: Syscall, args: Args) -> Result<Option<Outcome>, Error> {
    let [_, _, _, deadline, ..] = args;
    let (object, signals) = match moved {
        Moved::Bytes(count) => return Ok(Some(Outcome::value(count as u64))),
        Moved::Waits(object, signals) => (object, signals),
    };
    if deadline == NOW {
        return Err(Error::WouldBlock);
    }
    if deadline != NEVER && deadline <= now_ns() {
        return Err(Error::TimedOut);
    }
    arch::irq_disable();
    let begun = wait_again(cx.thread, object, signals, call, args);
    match begun? {
        Begun::Waits => Ok(Some(Outcome::Blocked)),
        Begun::Ready => {
            arch::irq_enable();
            Ok(None)
        }
    }
}

/// Counts how often a page was brought in and nothing moved after that.
#[derive(Default)]
struct Attempts(u32);

impl Attempts {
    /// Once more; fails where there were too many.
    fn count(&mut self) -> Result<(), Error> {
        self.0 = self.0.saturating_add(1);
        if self.0 > ATTEMPTS_MAX {
            return Err(Error::Fault);
        }
        Ok(())
    }
}

/// What was moved before an error is the result; the next call meets the error again.
fn unless_some(done: usize, error: Error) -> Result<Moved, Error> {
    if done > 0 {
        return Ok(Moved::Bytes(done));
    }
    Err(error)
}

fn read_pipe(end: &Ref<PipeEnd>, buffer: u64, out: &UserWriter) -> Result<Moved, Error> {
    let (mut done, mut attempts) = (0usize, Attempts::default());
    while done < out.len() {
        let rest = out.len().saturating_sub(done);
        let from = buffer.saturating_add(done as u64);
        let step = end.read(rest, |offset, bytes| {
            copy_present_out(from.saturating_add(offset as u64), bytes)
        });
        match step {
            Ok(count) => {
                done = done.saturating_add(count);
                attempts = Attempts::default();
            }
            Err(Stop::NotReady) if done == 0 => {
                return Ok(Moved::Waits(object_of(end), signals_for(Rights::READ)));
            }
            Err(Stop::NotReady | Stop::Ended) => break,
            Err(Stop::Unreachable) => {
                let mended = attempts.count().and_then(|()| Ok(out.bring_in(done)?));
                if let Err(error) = mended {
                    return unless_some(done, error);
                }
            }
        }
    }
    Ok(Moved::Bytes(done))
}

fn write_pipe(end: &Ref<PipeEnd>, buffer: u64, data: &UserReader) -> Result<Moved, Error> {
    let is_whole = data.len() <= PIPE_BYTES_MIN;
    let (mut done, mut attempts) = (0usize, Attempts::default());
    while done < data.len() {
        let rest = data.len().saturating_sub(done);
        // How far a copy came that moved nothing in the end.
        let mut reached = 0usize;
        let step = end.write(rest, is_whole, |offset, space| {
            let from = done.saturating_add(offset);
            let count = copy_present_in(buffer.saturating_add(from as u64), space);
            reached = from.saturating_add(count);
            count
        });
        match step {
            Ok(count) => {
                done = done.saturating_add(count);
                attempts = Attempts::default();
            }
            Err(Stop::NotReady) if done == 0 => {
                return Ok(Moved::Waits(object_of(end), signals_for(Rights::WRITE)));
            }
            Err(Stop::NotReady) => break,
            Err(Stop::Ended) => return unless_some(done, Error::PeerClosed),
            Err(Stop::Unreachable) => {
                let mended = attempts.count().and_then(|()| Ok(data.bring_in(reached)?));
                if let Err(error) = mended {
                    return unless_some(done, error);
                }
            }
        }
    }
    Ok(Moved::Bytes(done))
}

fn read_terminal(terminal: &Ref<Terminal>, out: &UserWriter) -> Result<Moved, Error> {
    if out.is_empty() {
        return Ok(Moved::Bytes(0));
    }
    // Input is taken only once it is known that it can be handed over.
    let mut bytes = [0; CHUNK];
    let room = bytes.get_mut(..out.len().min(CHUNK)).unwrap_or(&mut []);
    out.copy_from(0, room)?;
    let Some(count) = terminal.read(room) else {
        return Ok(Moved::Waits(object_of(terminal), Signals::READABLE));
    };
    out.copy_from(0, bytes.get(..count).unwrap_or(&[]))?;
    Ok(Moved::Bytes(count))
}

fn write_terminal(terminal: &Ref<Terminal>, data: &UserReader) -> Result<Moved, Error> {
    let mut done = 0usize;
    while done < data.len() {
        let mut bytes = [0; CHUNK];
        let part = data.len().saturating_sub(done).min(CHUNK);
        let chunk = bytes.get_mut(..part).unwrap_or(&mut []);
        if let Err(error) = data.copy_to(done, chunk) {
            return unless_some(done, error.into());
        }
        let taken = terminal.write(chunk);
        done = done.saturating_add(taken);
        if taken < part {
            break;
        }
    }
    if done == 0 && !data.is_empty() {
        return Ok(Moved::Waits(object_of(terminal), Signals::WRITABLE));
    }
    Ok(Moved::Bytes(done))
}

fn object_of<T: KernelObject>(stream: &Ref<T>) -> Ref<dyn KernelObject> {
    stream
        .clone()
        .widen(|stream| stream as *mut dyn KernelObject)
}
