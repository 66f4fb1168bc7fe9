//! Calls and answers in registers.
//!
//! Arguments and results are in the caller's frame: `x0` to `x7`, `x9`, `x10`.

use abi::signal::PortEvent;
use abi::{Error, Handle, Rights, Syscall};

use crate::arch::{self, Handover, Words};
use crate::cap::Capability;
use crate::ipc::{ChannelEnd, Port, Served, refuse};
use crate::sched::{self, Thread};
use crate::sync::epoch::Masked;
use crate::sync::{Borrowed, Stamped};

use super::context::Short;

/// Register of the handle that goes with the words.
const HANDLE: usize = 7;
/// Register of the deadline.
const DEADLINE: usize = 9;
/// Register of a received key.
const KEY: usize = 9;
/// Register of a token.
const TOKEN: usize = 10;

/// Takes the handle to move out of the caller's table. Interrupts are unmasked meanwhile.
#[cold]
fn take_parcel(thread: &Thread, handle: u64) -> Result<(), Error> {
    arch::irq_enable();
    let taken = thread.handles().and_then(|table| {
        let capability = table.remove_with(Handle(handle), Rights::TRANSFER)?;
        Ok(thread.set_parcel(Some(capability)))
    });
    // What was left of a call that failed is closed now.
    let taken = taken.map(|left: Option<Capability>| drop(left));
    arch::irq_disable();
    taken
}

/// Closes what was left of a call that failed after its handle was taken out.
fn close_stale_parcel(thread: &Thread) {
    if !thread.has_parcel() {
        return;
    }
    arch::irq_enable();
    drop(thread.take_stale_parcel());
    arch::irq_disable();
}

/// Puts back what was not taken along after all.
fn return_parcel(thread: &Thread, handle: u64) {
    if !thread.has_parcel() {
        return;
    }
    arch::irq_enable();
    match (thread.take_parcel(), thread.handles()) {
        (Some(capability), Ok(table)) if handle != 0 => {
            table.restore(Handle(handle), capability);
        }
        // Taken by the call before this one, which was made again: its number is gone.
        (capability, _) => drop(capability),
    }
    arch::irq_disable();
}

fn fail(thread: &Thread, error: Error) {
    let frame = thread.frame();
    frame.set_result(error as u64, [0; 3]);
    for register in [4, 5, 6, HANDLE, KEY, TOKEN] {
        frame.set_register(register, 0);
    }
}

/// Runs `send` with the object of a handle. Where a handle goes along it is taken out of
/// the table before, and comes back where nothing was sent.
fn with_parcel<T: Stamped>(
    thread: &Borrowed<'_, Thread>,
    object: u64,
    rights: Rights,
    send: impl Fn(&T) -> Option<Error>,
) -> Option<Error> {
    let handle = thread.frame().register(HANDLE);
    let table = match thread.handles() {
        Ok(table) => table,
        Err(error) => return Some(error),
    };
    if handle != 0 {
        // The object's own handle is looked at first, as in every call.
        let found = Masked::with(|masked| {
            let object = Short::new(masked).borrow::<T>(table, object, rights);
            object.map(|_| ())
        });
        if let Err(error) = found.and_then(|()| take_parcel(thread, handle)) {
            return Some(error);
        }
    }
    let error =
        Masked::with(
            |masked| match Short::new(masked).borrow::<T>(table, object, rights) {
                Ok(object) => send(&object),
                Err(error) => Some(error),
            },
        );
    if error.is_some() {
        return_parcel(thread, handle);
    }
    error
}

/// A call the short way, or the beginning of the long one.
#[inline(always)]
pub(super) fn channel_call_at_once(channel: u64, _token: u64, words: &Words) -> Handover {
    let cpu = arch::this_cpu();
    let Some(thread) = sched::current_on(cpu) else {
        return Handover::NONE;
    };
    let rights = Rights::READ.union(Rights::WRITE);
    Masked::with(
        |masked| match peek::<ChannelEnd>(masked, &thread, channel, rights) {
            Some(end) => end.call_at_once(cpu, thread, words),
            None => refuse(&thread, Syscall::ChannelCall, 0),
        },
    )
}

/// An answer and the next call the short way, or the beginning of the long one.
#[inline(always)]
pub(super) fn port_reply_wait_at_once(port: u64, token: u64, words: &Words) -> Handover {
    let cpu = arch::this_cpu();
    let Some(thread) = sched::current_on(cpu) else {
        return Handover::NONE;
    };
    Masked::with(
        |masked| match peek::<Port>(masked, &thread, port, Rights::READ) {
            Some(object) => object.reply_wait_at_once(cpu, thread, port, token, words),
            None => refuse(&thread, Syscall::PortReplyWait, token),
        },
    )
}

/// The object of a handle; what is wrong with one is for the long way to tell.
#[inline(always)]
fn peek<'a, T: Stamped>(
    masked: Masked<'a>,
    thread: &'a Thread,
    handle: u64,
    rights: Rights,
) -> Option<Borrowed<'a, T>> {
    let table = thread.handles().ok()?;
    table.peek(masked, Handle(handle), rights)
}

/// As [`refuse`], for the running thread.
#[cold]
pub(super) fn refuse_direct(number: u64, token: u64) -> Handover {
    match Syscall::from_number(number) {
        Some(call) => refuse(&sched::current(), call, token),
        None => Handover::NONE,
    }
}

/// A call the long way.
#[cold]
pub(super) fn channel_call() {
    let thread = sched::current();
    let [channel, deadline] = [0, DEADLINE].map(|register| thread.frame().register(register));
    let rights = Rights::READ.union(Rights::WRITE);
    call_through_lists(&thread, channel, rights, deadline);
}

fn call_through_lists(thread: &Borrowed<'_, Thread>, channel: u64, rights: Rights, deadline: u64) {
    close_stale_parcel(thread);
    let call = |end: &ChannelEnd| Some(end.call(thread, deadline));
    if let Some(error) = with_parcel(thread, channel, rights, call) {
        fail(thread, error);
    }
}

/// An answer, and the next call, the long way.
#[cold]
pub(super) fn port_reply_wait() {
    let thread = sched::current();
    let [port, deadline] = [0, DEADLINE].map(|register| thread.frame().register(register));
    reply_wait_through_lists(&thread, port, deadline);
}

fn reply_wait_through_lists(thread: &Borrowed<'_, Thread>, handle: u64, deadline: u64) {
    close_stale_parcel(thread);
    let token = thread.frame().register(TOKEN);
    let serve = |port: &Port| match port.reply_wait(thread, handle, token, deadline) {
        Served::Call => None,
        Served::Event => tell_event(port, thread),
        Served::Failed(error) => Some(error),
    };
    if let Some(error) = with_parcel(thread, handle, Rights::READ, serve) {
        fail(thread, error);
    }
}

/// Writes the first event of a port into the frame; the call is made again where its
/// signal is no longer raised.
fn tell_event(port: &Port, thread: &Thread) -> Option<Error> {
    let mut events = [PortEvent::default()];
    let frame = thread.frame();
    if port.collect(&mut events) == 0 {
        frame.set_register(8, Syscall::PortReplyWait as u64);
        frame.rewind_instruction();
        return None;
    }
    let [event] = events;
    frame.set_result(0, [u64::from(event.signals), 0, 0]);
    for register in [4, 5, 6, HANDLE, TOKEN] {
        frame.set_register(register, 0);
    }
    frame.set_register(KEY, event.key);
    None
}
