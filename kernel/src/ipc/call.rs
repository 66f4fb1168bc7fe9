//! Calls: a message in registers, and its answer.
//!
//! A client calls through its end of a channel; the server has put the other end into a
//! port and waits there. Words and answer go from one thread's frame to the other's: where
//! the server waits already, the CPU goes straight from the client to it, and back with
//! the answer; no run queue and no allocation is involved.
//!
//! The port keeps three lists under its lock: servers that wait, calls nobody has received
//! yet, and calls that are received but not answered, each known by a token that is used
//! once. A thread in a list has an open wait; whoever claims that wait ends it.
//!
//! Lock order: a channel's inbox, a port's state, then the scheduler's locks.

use abi::{Error, NEVER, NOW, Syscall};

use crate::cap::Capability;
use crate::sched::{self, Thread, WaitError, WaitTarget};
use crate::sync::atomic::Ordering;
use crate::sync::{Borrowed, Ref, WaitList};
use crate::time::now_ns;

use super::channel::ChannelEnd;
use super::port::{Core, Port};

/// Register of a received call's key.
const KEY: usize = 9;
/// Register of a call's token.
const TOKEN: usize = 10;
/// Register of a handle that goes with the words.
const HANDLE: usize = 7;

/// The calls of a port.
#[derive(Debug, Default)]
pub(super) struct Calls {
    /// Threads that wait for a call.
    servers: WaitList<Thread>,
    /// Callers whose call nobody has received; tags: the end's number, its key.
    waiting: WaitList<Thread>,
    /// Callers whose call is received; tag: its token.
    received: WaitList<Thread>,
    last_token: u64,
    closed: bool,
    /// The last thing served was a call: an event is next.
    events_turn: bool,
}

/// Where the calls to an end of a channel go.
pub(super) struct Binding {
    pub(super) core: Ref<Core>,
    pub(super) key: u64,
}

impl core::fmt::Debug for Binding {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(out, "Binding({})", self.key)
    }
}

/// What a call or an answer carries, given to the receiver. A handle that does not fit the
/// receiver's table comes back, to be closed away from every lock.
fn pass(from: &Thread, to: &Thread) -> Option<Capability> {
    from.frame().pass_words(to.frame());
    let frame = to.frame();
    frame.set_register(0, 0);
    frame.set_register(HANDLE, 0);
    let capability = from.take_parcel()?;
    let table = match to.handles() {
        Ok(table) => table,
        Err(_) => return Some(capability),
    };
    match table.add(capability) {
        Ok(handle) => {
            frame.set_register(HANDLE, handle.0);
            None
        }
        Err(error) => Some(error.capability),
    }
}

impl Calls {
    /// The next token, and the server's registers that tell of the call.
    #[inline]
    fn announce(last_token: &mut u64, caller: &Thread, server: &Thread, key: u64) {
        *last_token = last_token.wrapping_add(1).max(1);
        let [tag, _] = caller.wait_tag();
        tag.store(*last_token, Ordering::Relaxed);
        server.frame().set_register(KEY, key);
        server.frame().set_register(TOKEN, *last_token);
    }

    /// Takes a thread off whichever list it is in.
    pub(super) fn forget(&mut self, thread: &Thread) -> bool {
        self.servers.remove(thread) || self.waiting.remove(thread) || self.received.remove(thread)
    }

    /// A server to be told that something else than a call is there.
    pub(super) fn pop_server(&mut self) -> Option<Ref<Thread>> {
        self.servers.pop().map(|thread| thread.to_ref())
    }

    /// A caller that nobody has received yet and whose end is `end`.
    pub(super) fn pop_caller_of(&mut self, end: u64) -> Option<Ref<Thread>> {
        let of_end = |thread: &Thread| {
            let [tag, _] = thread.wait_tag();
            tag.load(Ordering::Relaxed) == end
        };
        self.waiting.take_last(of_end).map(|thread| thread.to_ref())
    }

    /// Marks the port as closed; then each thread in its lists, one at a time.
    pub(super) fn close(&mut self) -> Option<Ref<Thread>> {
        self.closed = true;
        let Calls {
            servers,
            waiting,
            received,
            ..
        } = self;
        let next = waiting
            .pop()
            .or_else(|| received.pop())
            .or_else(|| servers.pop());
        next.map(|thread| thread.to_ref())
    }
}

/// How a call went on.
enum Sent {
    /// Straight to a server, which goes on in place of the caller.
    Direct(Ref<Thread>),
    /// To a server elsewhere, or to nobody yet: the caller waits.
    Waits,
}

impl ChannelEnd {
    /// Calls the other end with the words in the caller's frame, and waits for the answer,
    /// which is written there. Returns only if nothing was sent.
    ///
    /// The running thread is the caller; interrupts are masked.
    pub fn call(&self, caller: &Borrowed<'_, Thread>, deadline: u64) -> Error {
        if deadline != NEVER && deadline <= now_ns() {
            return Error::TimedOut;
        }
        let mut dropped = None;
        let sent = {
            let mut inbox = self.peer().lock_inbox();
            if inbox.closed {
                return Error::PeerClosed;
            }
            match &inbox.binding {
                Some(binding) => binding.send(caller, self.peer_id(), deadline, &mut dropped),
                // Made again once the other end is in a port.
                None => {
                    let target = WaitTarget::List(self.waiter());
                    let opened = caller.open_wait(target, deadline);
                    opened.map_err(Error::from).map(|_| {
                        // The thread has the handle that goes along already.
                        caller.frame().set_register(HANDLE, 0);
                        caller.make_call_again_from_frame(Syscall::ChannelCall as u64);
                        inbox.unbound.push(caller);
                        Sent::Waits
                    })
                }
            }
        };
        drop(dropped);
        match sent {
            Ok(Sent::Direct(server)) => sched::switch_to(server),
            Ok(Sent::Waits) => sched::block_frameless(),
            Err(error) => error,
        }
    }
}

impl Binding {
    fn send(
        &self,
        caller: &Borrowed<'_, Thread>,
        end: u64,
        deadline: u64,
        dropped: &mut Option<Capability>,
    ) -> Result<Sent, Error> {
        let mut state = self.core.lock();
        let Calls {
            servers,
            waiting,
            received,
            last_token,
            closed,
            ..
        } = &mut state.calls;
        if *closed {
            return Err(Error::PeerClosed);
        }
        caller.open_wait(WaitTarget::List(self.core.waiter()), deadline)?;
        // One whose wait somebody else ends is off the list, and that is all.
        while let Some(server) = servers.pop() {
            if !server.claim_open() {
                continue;
            }
            *dropped = pass(caller, &server);
            Calls::announce(last_token, caller, &server, self.key);
            received.push(caller);
            return Ok(match server.seize() {
                Some(server) => Sent::Direct(server),
                None => Sent::Waits,
            });
        }
        let [tag, key] = caller.wait_tag();
        tag.store(end, Ordering::Relaxed);
        key.store(self.key, Ordering::Relaxed);
        waiting.push(caller);
        Ok(Sent::Waits)
    }
}

/// What a server found at its port.
pub enum Served {
    /// A call, which is in its frame.
    Call,
    /// Something else is ready; the port's events say what.
    Event,
    /// Nothing was done, or only the answer was given.
    Failed(Error),
}

impl Port {
    /// Answers the call `token` with the words in the server's frame, unless it is 0, and
    /// waits for the next call or event. Returns where one is there already.
    ///
    /// The running thread is the server; interrupts are masked. `handle` is its handle for
    /// the port, with which the call is made again when an event comes.
    pub fn reply_wait(
        &self,
        server: &Borrowed<'_, Thread>,
        handle: u64,
        token: u64,
        deadline: u64,
    ) -> Served {
        let (mut dropped, mut answered) = (None, None);
        let found = {
            let mut state = self.core().lock();
            let something_ready = state.something_ready();
            let calls = &mut state.calls;
            if token != 0 {
                let of_token = |thread: &Thread| {
                    let [tag, _] = thread.wait_tag();
                    tag.load(Ordering::Relaxed) == token
                };
                let Some(caller) = calls.received.take_last(of_token) else {
                    return Served::Failed(Error::NotFound);
                };
                // One that is being told to give up does not hear the answer.
                if caller.claim_open() {
                    dropped = pass(server, &caller);
                    caller.frame().set_register(KEY, 0);
                    caller.frame().set_register(TOKEN, 0);
                    answered = caller.seize();
                }
            }
            // A call that is made again has given its answer, and the handle with it.
            server.frame().set_register(TOKEN, 0);
            server.frame().set_register(HANDLE, 0);
            let events_turn = core::mem::take(&mut calls.events_turn);
            if !(events_turn && something_ready) && calls.receive(server, &mut dropped) {
                calls.events_turn = true;
                Some(Served::Call)
            } else if something_ready {
                Some(Served::Event)
            } else if deadline != NEVER && (deadline == NOW || deadline <= now_ns()) {
                Some(Served::Failed(Error::TimedOut))
            } else {
                let target = WaitTarget::List(self.core().waiter());
                match server.open_wait(target, deadline) {
                    Ok(_) => {
                        server.make_call_again(Syscall::PortReplyWait as u64, handle);
                        calls.servers.push(server);
                        None
                    }
                    Err(error) => Some(Served::Failed(WaitError::into(error))),
                }
            }
        };
        drop(dropped);
        match (found, answered) {
            (None, Some(caller)) => sched::switch_to(caller),
            (None, None) => sched::block_frameless(),
            (Some(found), caller) => {
                if let Some(caller) = caller {
                    sched::enqueue(caller);
                }
                found
            }
        }
    }
}

impl Calls {
    /// Gives the oldest call that nobody has received to a server.
    fn receive(&mut self, server: &Thread, dropped: &mut Option<Capability>) -> bool {
        while let Some(caller) = self.waiting.pop() {
            // It stays open: the answer ends it.
            if !caller.waits() {
                continue;
            }
            let [_, key] = caller.wait_tag();
            let key = key.load(Ordering::Relaxed);
            *dropped = pass(&caller, server);
            Calls::announce(&mut self.last_token, &caller, server, key);
            self.received.push(&caller);
            return true;
        }
        false
    }
}
