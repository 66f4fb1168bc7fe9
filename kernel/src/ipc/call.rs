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

use crate::sched::{self, Ending, Thread, WaitError, WaitTarget};
use crate::sync::atomic::Ordering;
use crate::sync::{Borrowed, Ref, WaitList};
use crate::time::now_ns;

use super::channel::ChannelEnd;
use super::desk::look_again;
use super::port::{Core, Port};

/// Register of a received call's key.
pub(super) const KEY: usize = 9;
/// Register of a call's deadline.
pub(super) const DEADLINE: usize = 9;
/// Register of a call's token.
pub(super) const TOKEN: usize = 10;
/// Register of a handle that goes with the words.
pub(super) const HANDLE: usize = 7;

/// The calls of a port.
#[derive(Debug, Default)]
pub(super) struct Calls {
    /// Threads that wait for a call.
    servers: WaitList<Thread>,
    /// Callers whose call nobody has received; tags: the end's number, its key.
    waiting: WaitList<Thread>,
    /// Callers whose call is received; tag: its token.
    received: WaitList<Thread>,
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

/// Gives the receiver what a call or an answer carries. A handle that does not fit its
/// table stays with the sender, whose next call or end closes it: closing can sleep, and
/// come back to this very port.
fn pass(from: &Thread, to: &Thread) {
    from.frame().pass_words(to.frame());
    let frame = to.frame();
    frame.set_register(0, 0);
    frame.set_register(HANDLE, 0);
    // The table first: what was taken out is never dropped here.
    let Ok(table) = to.handles() else { return };
    let Some(capability) = from.take_parcel() else {
        return;
    };
    match table.add(capability) {
        Ok(handle) => frame.set_register(HANDLE, handle.0),
        Err(error) => {
            // It was just taken, so nothing comes back.
            let _ = from.set_parcel(Some(error.capability));
        }
    }
}

impl Calls {
    /// Sets the server's registers that tell of a call.
    fn announce(caller: &Thread, server: &Thread, key: u64) {
        server.frame().set_register(KEY, key);
        server.frame().set_register(TOKEN, caller.wait_token());
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
    /// To nobody, and a server in its slot is to look.
    Missed(Ref<Thread>),
}

impl Sent {
    /// To a server whose wait is the sender's to end, and which has the call already.
    fn to(server: &Thread) -> Sent {
        match server.seize() {
            Some(server) => Sent::Direct(server),
            None => Sent::Waits,
        }
    }
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
        let sent = {
            let mut inbox = self.peer().lock_inbox();
            if inbox.closed {
                return Error::PeerClosed;
            }
            match &inbox.binding {
                Some(binding) => {
                    // The next call may go the short way.
                    let core = &binding.core;
                    caller.at_desk(core.number(), || core.waiter());
                    binding.send(caller, self.peer_id(), deadline)
                }
                // Made again once the other end is in a port.
                None => {
                    let target = WaitTarget::List(self.waiter());
                    // The thread has the handle that goes along already.
                    caller.frame().set_register(HANDLE, 0);
                    caller.set_call_from_frame(Syscall::ChannelCall as u64);
                    let ending = Ending::CALL_AGAIN_WITH_PARCEL;
                    let opened = caller.open_wait_ending(target, deadline, ending);
                    opened.map_err(Error::from).map(|_| {
                        inbox.unbound.push(caller);
                        Sent::Waits
                    })
                }
            }
        };
        match sent {
            Ok(Sent::Direct(server)) => sched::switch_to(server),
            Ok(Sent::Waits) => sched::block_frameless(),
            Ok(Sent::Missed(server)) => {
                look_again(&server);
                drop(server);
                sched::block_frameless()
            }
            Err(error) => error,
        }
    }
}

impl Binding {
    fn send(&self, caller: &Borrowed<'_, Thread>, end: u64, deadline: u64) -> Result<Sent, Error> {
        let mut state = self.core.lock();
        let Calls {
            servers,
            waiting,
            received,
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
            pass(caller, &server);
            Calls::announce(caller, &server, self.key);
            received.push(caller);
            return Ok(Sent::to(&server));
        }
        if let Some(server) = self.core.desk.take_server() {
            pass(caller, &server);
            server.frame().clear_lost();
            Calls::announce(caller, &server, self.key);
            received.push(caller);
            return Ok(Sent::to(&server));
        }
        let [tag, key] = caller.wait_tag();
        tag.store(end, Ordering::Relaxed);
        key.store(self.key, Ordering::Relaxed);
        waiting.push(caller);
        self.core.desk.set_busy();
        Ok(match self.core.desk.pop_server() {
            // It came the short way at this very moment.
            Some(server) => Sent::Missed(server),
            None => Sent::Waits,
        })
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
        let mut answered = None;
        let found = {
            let mut state = self.core().lock();
            let something_ready = state.something_ready();
            let calls = &mut state.calls;
            if token != 0 {
                let slotted = self.core().desk.take_caller(token);
                let in_list = slotted.is_none();
                let of_token = |thread: &Thread| thread.wait_token() == token;
                let found = slotted.or_else(|| calls.received.take_last(of_token));
                let Some(caller) = found else {
                    return Served::Failed(Error::NotFound);
                };
                // One that is being told to give up does not hear the answer.
                if !in_list || caller.claim_open() {
                    pass(server, &caller);
                    caller.frame().clear_lost();
                    caller.frame().set_register(KEY, 0);
                    caller.frame().set_register(TOKEN, 0);
                    answered = caller.seize();
                }
            }
            // A call that is made again has given its answer, and the handle with it.
            server.frame().set_register(TOKEN, 0);
            server.frame().set_register(HANDLE, 0);
            let events_turn = core::mem::take(&mut calls.events_turn);
            if !(events_turn && something_ready) && calls.receive(server) {
                calls.events_turn = true;
                Some(Served::Call)
            } else if something_ready {
                Some(Served::Event)
            } else if deadline != NEVER && (deadline == NOW || deadline <= now_ns()) {
                Some(Served::Failed(Error::TimedOut))
            } else if calls.closed {
                Some(Served::Failed(Error::PeerClosed))
            } else if deadline == NEVER && self.wait_in_slot(server, handle) {
                None
            } else {
                let target = WaitTarget::List(self.core().waiter());
                server.set_call_with(Syscall::PortReplyWait as u64, handle);
                match server.open_wait_ending(target, deadline, Ending::CALL_AGAIN) {
                    Ok(_) => {
                        calls.servers.push(server);
                        self.core().desk.set_free();
                        None
                    }
                    Err(error) => Some(Served::Failed(WaitError::into(error))),
                }
            }
        };
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
    fn receive(&mut self, server: &Thread) -> bool {
        while let Some(caller) = self.waiting.pop() {
            // It stays open: the answer ends it.
            if !caller.waits() {
                continue;
            }
            let [_, key] = caller.wait_tag();
            let key = key.load(Ordering::Relaxed);
            pass(&caller, server);
            Calls::announce(&caller, server, key);
            self.received.push(&caller);
            return true;
        }
        false
    }
}
