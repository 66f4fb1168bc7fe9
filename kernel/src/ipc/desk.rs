//! The short way of a call: two slots instead of lists under a lock.
//!
//! A port has a place for one server that waits for the next call, and one for the caller
//! whose call was received last. A thread is put into its slot and taken out by an atomic
//! exchange; whoever takes it out ends its wait. A call goes the short way where a server
//! is in its slot, the caller's slot is free, no deadline is given and no handle goes
//! along; every other call goes through the lists (`call`). Both ways meet in the flags:
//! a thread that goes into a slot looks at them afterwards, and whoever sets one looks at
//! the slots afterwards, each with a fence in between, so one of the two sees the other.

use abi::{Error, Syscall};

use crate::sched::{self, Thread};
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use crate::sync::{Borrowed, Ref, Slot};

use super::call::{HANDLE, KEY, TOKEN};
use super::channel::ChannelEnd;
use super::port::{Core, Port};

/// The slots of a port.
#[derive(Debug, Default)]
pub(super) struct Desk {
    server: Slot<Thread>,
    caller: Slot<Thread>,
    /// Token of the caller in its slot, or of one before.
    token: AtomicU64,
    /// Calls or events may wait in the port's lists.
    busy: AtomicBool,
    closed: AtomicBool,
}

/// A token for the caller's next call, which it keeps: no two calls have the same.
#[inline(always)]
pub(super) fn issue_token(caller: &Thread) -> u64 {
    // 2^32 threads, or calls of one thread, are far away.
    let token = (caller.id() << 32) ^ (caller.wait_number() & 0xffff_ffff);
    let [tag, _] = caller.wait_tag();
    tag.store(token, Ordering::Relaxed);
    token
}

/// The token of a caller's call.
#[inline(always)]
pub(super) fn token_of(caller: &Thread) -> u64 {
    let [tag, _] = caller.wait_tag();
    tag.load(Ordering::Relaxed)
}

impl Desk {
    /// Something waits in the lists; called under the port's lock, before its slots are
    /// looked at.
    pub(super) fn set_busy(&self) {
        self.busy.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// Nothing waits in the lists; called under the port's lock.
    pub(super) fn set_free(&self) {
        self.busy.store(false, Ordering::Relaxed);
    }

    /// Takes the server out of its slot.
    pub(super) fn pop_server(&self) -> Option<Ref<Thread>> {
        self.server.take().map(|server| server.to_ref())
    }

    /// Takes the caller with this token out of its slot.
    #[inline(always)]
    pub(super) fn take_caller(&self, token: u64) -> Option<Borrowed<'_, Thread>> {
        if self.token.load(Ordering::Acquire) != token {
            return None;
        }
        let caller = self.caller.take()?;
        if token_of(&caller) == token {
            return Some(caller);
        }
        // Answered already, and another came at this moment: its call is given up.
        caller.end_slotted(Some(Error::PeerClosed), [0; 3]);
        None
    }

    /// Takes a thread out, if it is in a slot.
    pub(super) fn withdraw(&self, thread: &Thread) -> bool {
        self.server.withdraw(thread) || self.caller.withdraw(thread)
    }

    /// Ends the waits of both; nobody waits here from now on.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        for slot in [&self.server, &self.caller] {
            if let Some(thread) = slot.take() {
                thread.end_slotted(Some(Error::PeerClosed), [0; 3]);
            }
        }
    }

    /// Whether a thread that has gone into its slot has to come out again.
    #[inline(always)]
    fn is_in_vain(&self, thread: &Thread) -> bool {
        fence(Ordering::SeqCst);
        thread.is_killed() || self.closed.load(Ordering::Relaxed)
    }
}

/// Gives the words of `from` to `to`, which has been waiting in a slot.
#[inline(always)]
fn hand_over(from: &Thread, to: &Thread, key: u64, token: u64) {
    let frame = to.frame();
    from.frame().pass_words(frame);
    frame.set_register(0, 0);
    frame.set_register(HANDLE, 0);
    frame.set_register(KEY, key);
    frame.set_register(TOKEN, token);
    to.clear_options();
}

/// Goes on with a thread that was taken out of its slot and told, or leaves the CPU where
/// that one has not come off its own yet.
#[inline(always)]
fn go_to(thread: Option<Ref<Thread>>) -> ! {
    match thread {
        Some(thread) => sched::switch_to(thread),
        None => sched::block_frameless(),
    }
}

impl ChannelEnd {
    /// Calls the short way; returns where that cannot be, and nothing has happened.
    ///
    /// The running thread is the caller, without a deadline and a handle to go along;
    /// interrupts are masked.
    #[inline(always)]
    pub fn call_at_once(&self, caller: &Borrowed<'_, Thread>) {
        let Some((core, key)) = self.peer().route() else {
            return;
        };
        let desk = &core.desk;
        caller.at_desk(core.number(), || core.to_ref().waiter());
        caller.open_slotted();
        let token = issue_token(caller);
        if !desk.caller.offer(caller) {
            return caller.close_slotted();
        }
        let server = if desk.is_in_vain(caller) {
            None
        } else {
            desk.server.take()
        };
        let Some(server) = server else {
            if desk.caller.withdraw(caller) {
                return caller.close_slotted();
            }
            sched::block_frameless()
        };
        desk.token.store(token, Ordering::Release);
        hand_over(caller, &server, key, token);
        go_to(server.seize())
    }
}

impl Port {
    /// Begins to wait for a call in the server's slot, under the port's lock, where nothing
    /// waits in the lists. False where that cannot be.
    pub(super) fn wait_in_slot(&self, server: &Borrowed<'_, Thread>, handle: u64) -> bool {
        let core = self.core();
        core.desk.set_free();
        server.at_desk(core.number(), || core.waiter());
        server.open_slotted();
        server.make_call_again(Syscall::PortReplyWait as u64, handle);
        let desk = &core.desk;
        let waits =
            desk.server.offer(server) && !(desk.is_in_vain(server) && desk.server.withdraw(server));
        if !waits {
            server.close_slotted();
        }
        waits
    }

    /// Answers and waits the short way. Returns where that cannot be; then the answer is
    /// given or not as the token in the server's frame says, which is 0 once it is.
    ///
    /// The running thread is the server, without a deadline and a handle to go along;
    /// interrupts are masked. `handle` is its handle for the port.
    #[inline(always)]
    pub fn reply_wait_at_once(&self, server: &Borrowed<'_, Thread>, handle: u64, token: u64) {
        let core: &Ref<Core> = self.core();
        let desk = &core.desk;
        if desk.busy.load(Ordering::Relaxed) {
            return;
        }
        let Some(caller) = desk.take_caller(token) else {
            return;
        };
        hand_over(server, &caller, 0, 0);
        let caller = caller.seize();
        let frame = server.frame();
        frame.set_register(TOKEN, 0);
        server.at_desk(core.number(), || core.waiter());
        server.open_slotted();
        server.make_call_again(Syscall::PortReplyWait as u64, handle);
        if desk.server.offer(server) {
            let stays = !desk.is_in_vain(server) && !desk.busy.load(Ordering::Relaxed);
            if stays || !desk.server.withdraw(server) {
                go_to(caller);
            }
        }
        server.close_slotted();
        if let Some(caller) = caller {
            sched::enqueue(caller);
        }
    }
}
