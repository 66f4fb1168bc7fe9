//! The short way of a call: two slots instead of lists under a lock.
//!
//! A port has a place for one server that waits for the next call, and one for the caller
//! whose call was received last. A thread is put into its slot and taken out by an atomic
//! exchange; whoever takes it out ends its wait. A call goes the short way where a server
//! is in its slot, the caller's slot is free, no deadline is given and no handle goes
//! along; every other call goes through the lists (`call`). Both ways meet in the flags:
//! a thread that goes into a slot looks at them afterwards, and whoever sets one looks at
//! the slots afterwards, each with a fence in between, so one of the two sees the other.

use abi::{Error, NEVER, Syscall};

use crate::arch::{Handover, ThisCpu, UserFrame, Words};
use crate::sched::{self, Thread};
use crate::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
use crate::sync::{Borrowed, Ref, Slot};

use super::call::{DEADLINE, HANDLE, KEY, TOKEN};
use super::channel::ChannelEnd;
use super::port::{Core, Port};

/// Bits that turn threads away from the slots.
mod flag {
    /// Calls or events may wait in the port's lists.
    pub const BUSY: u32 = 1 << 0;
    pub const CLOSED: u32 = 1 << 1;
}

/// The slots of a port.
#[derive(Debug, Default)]
#[repr(C)]
pub(super) struct Desk {
    server: Slot<Thread>,
    caller: Slot<Thread>,
    /// Token of the caller in its slot, or of one before.
    token: AtomicU64,
    flags: AtomicU32,
}

/// Lets a server make its call again, without an answer.
fn wait_again(frame: &UserFrame) {
    for (register, value) in [
        (HANDLE, 0),
        (8, Syscall::PortReplyWait as u64),
        (DEADLINE, NEVER),
        (TOKEN, 0),
    ] {
        frame.set_register(register, value);
    }
    frame.rewind_instruction();
}

/// Lets a server that was taken out of its slot look at the port again.
pub(super) fn look_again(server: &Thread) {
    server.end_slotted_with(wait_again);
}

/// Makes a call in registers take the long way, which reads its frame: the call's number,
/// its token, and no deadline.
#[cold]
#[inline(never)]
pub fn refuse(caller: &Thread, call: Syscall, token: u64) -> Handover {
    for (register, value) in [(8, call as u64), (DEADLINE, NEVER), (TOKEN, token)] {
        caller.frame().set_register(register, value);
    }
    Handover::NONE
}

impl Desk {
    /// Something waits in the lists; called under the port's lock, before its slots are
    /// looked at.
    pub(super) fn set_busy(&self) {
        self.flags.fetch_or(flag::BUSY, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// Nothing waits in the lists; called under the port's lock.
    pub(super) fn set_free(&self) {
        self.flags.fetch_and(!flag::BUSY, Ordering::Relaxed);
    }

    /// Takes the server out of its slot.
    pub(super) fn take_server(&self) -> Option<Borrowed<'_, Thread>> {
        self.server.take()
    }

    /// As [`Desk::take_server`], for whoever keeps it for longer.
    pub(super) fn pop_server(&self) -> Option<Ref<Thread>> {
        self.take_server().map(|server| server.to_ref())
    }

    /// Takes the caller with this token out of its slot.
    #[inline(always)]
    pub(super) fn take_caller(&self, token: u64) -> Option<Borrowed<'_, Thread>> {
        if self.token.load(Ordering::Relaxed) != token {
            return None;
        }
        let caller = self.caller.take()?;
        if caller.wait_token() != token {
            return give_up(&caller);
        }
        Some(caller)
    }

    /// Takes a thread out, if it is in a slot.
    pub(super) fn withdraw(&self, thread: &Thread) -> bool {
        self.server.withdraw(thread) || self.caller.withdraw(thread)
    }

    /// Ends the waits of both; nobody waits here from now on.
    pub(super) fn close(&self) {
        self.flags.fetch_or(flag::CLOSED, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        for slot in [&self.server, &self.caller] {
            if let Some(thread) = slot.take() {
                thread.end_slotted(Error::PeerClosed);
            }
        }
    }

    /// Whether a server that has gone into its slot has to come out again.
    fn turns_away(&self, server: &Thread) -> bool {
        fence(Ordering::SeqCst);
        server.is_killed() || self.flags.load(Ordering::Relaxed) & flag::CLOSED != 0
    }
}

/// Ends a call that was answered already: its token is that of another, which came at this
/// very moment.
#[cold]
fn give_up(caller: &Thread) -> Option<Borrowed<'static, Thread>> {
    caller.end_slotted(Error::PeerClosed);
    None
}

/// A caller could not stay in its slot: it takes the CPU back from the server, unless
/// somebody has taken it out and made it ready, which counts.
#[cold]
#[inline(never)]
fn retreat_from_call(
    cpu: ThisCpu,
    caller: Borrowed<'_, Thread>,
    server: Borrowed<'_, Thread>,
    desk: &Desk,
    is_in: bool,
    words: &Words,
) -> Handover {
    let is_out = !is_in || desk.caller.withdraw(&caller);
    if !is_out || !server.pass_cpu(cpu, &caller) {
        return sched::go_slowly(&caller, &server, words);
    }
    caller.close_slotted();
    look_again(&server);
    refuse(&caller, Syscall::ChannelCall, 0)
}

/// As [`retreat_from_call`], for a server that has given an answer.
#[cold]
#[inline(never)]
fn retreat_from_answer(
    cpu: ThisCpu,
    server: Borrowed<'_, Thread>,
    caller: Borrowed<'_, Thread>,
    desk: &Desk,
    is_in: bool,
    words: &Words,
) -> Handover {
    let is_out = !is_in || desk.server.withdraw(&server);
    if !is_out || !caller.pass_cpu(cpu, &server) {
        return sched::go_slowly(&server, &caller, words);
    }
    server.close_slotted();
    answer_slowly(&server, &caller, words)
}

/// Ends the call of a caller that was taken out of its slot; the server goes on the long
/// way.
#[cold]
#[inline(never)]
fn answer_slowly(server: &Thread, caller: &Thread, words: &Words) -> Handover {
    caller.end_slotted_with(|frame| {
        for (register, word) in (1..).zip(words.message()) {
            frame.set_register(register, word);
        }
        for register in [0, HANDLE, 8, KEY, TOKEN] {
            frame.set_register(register, 0);
        }
    });
    refuse(server, Syscall::PortReplyWait, 0)
}

/// Sets what the receiver of words has in its registers besides them.
#[inline(always)]
fn announce(to: &Thread, key: u64, token: u64) {
    to.frame().set_register(KEY, key);
    to.frame().set_register(TOKEN, token);
}

impl ChannelEnd {
    /// Calls the short way, or is refused that.
    ///
    /// The running thread is the caller, without a deadline and a handle to go along;
    /// interrupts are masked.
    #[inline(always)]
    pub fn call_at_once(
        &self,
        cpu: ThisCpu,
        caller: Borrowed<'_, Thread>,
        words: &Words,
    ) -> Handover {
        let Some((core, key)) = self.peer().route() else {
            return refuse(&caller, Syscall::ChannelCall, 0);
        };
        let desk = &core.desk;
        if !caller.is_at_desk(core.number()) {
            return refuse(&caller, Syscall::ChannelCall, 0);
        }
        let Some(server) = desk.server.take() else {
            return refuse(&caller, Syscall::ChannelCall, 0);
        };
        if !server.has_left_cpu() {
            return leave_alone(&caller, &server);
        }
        let token = caller.open_slotted();
        announce(&server, key, token);
        caller.pass_cpu(cpu, &server);
        if !desk.caller.offer(&caller) {
            return retreat_from_call(cpu, caller, server, desk, false, words);
        }
        fence(Ordering::SeqCst);
        let closed = desk.flags.load(Ordering::Relaxed) & flag::CLOSED != 0;
        if closed || caller.is_held_up() {
            return retreat_from_call(cpu, caller, server, desk, true, words);
        }
        // Not before: the token of a caller that keeps this one out stays.
        desk.token.store(token, Ordering::Relaxed);
        sched::hand_over(cpu, &caller, &server, words)
    }
}

/// A server was taken out of its slot before it had left its CPU.
#[cold]
#[inline(never)]
fn leave_alone(caller: &Thread, server: &Thread) -> Handover {
    look_again(server);
    refuse(caller, Syscall::ChannelCall, 0)
}

impl Port {
    /// Begins to wait for a call in the server's slot, under the port's lock, where nothing
    /// waits in the lists. False where that cannot be.
    pub(super) fn wait_in_slot(&self, server: &Borrowed<'_, Thread>, handle: u64) -> bool {
        let core = self.core();
        core.desk.set_free();
        server.at_desk(core.number(), || core.waiter());
        server.open_slotted();
        server.frame().set_register(0, handle);
        let desk = &core.desk;
        let waits =
            desk.server.offer(server) && !(desk.turns_away(server) && desk.server.withdraw(server));
        if !waits {
            server.close_slotted();
        }
        waits
    }

    /// Answers and waits the short way, or is refused that.
    ///
    /// The running thread is the server, without a deadline and a handle to go along;
    /// interrupts are masked. `handle` is its handle for the port.
    #[inline(always)]
    pub fn reply_wait_at_once(
        &self,
        cpu: ThisCpu,
        server: Borrowed<'_, Thread>,
        handle: u64,
        token: u64,
        words: &Words,
    ) -> Handover {
        let core: &Ref<Core> = self.core();
        let desk = &core.desk;
        if !server.is_at_desk(core.number()) {
            return refuse(&server, Syscall::PortReplyWait, token);
        }
        let Some(caller) = desk.take_caller(token) else {
            return refuse(&server, Syscall::PortReplyWait, token);
        };
        if !caller.has_left_cpu() {
            return answer_slowly(&server, &caller, words);
        }
        announce(&caller, 0, 0);
        server.open_slotted();
        server.frame().set_register(0, handle);
        server.pass_cpu(cpu, &caller);
        if !desk.server.offer(&server) {
            return retreat_from_answer(cpu, server, caller, desk, false, words);
        }
        fence(Ordering::SeqCst);
        let turned_away = desk.flags.load(Ordering::Relaxed) != 0;
        if turned_away || server.is_held_up() {
            return retreat_from_answer(cpu, server, caller, desk, true, words);
        }
        sched::hand_over(cpu, &server, &caller, words)
    }
}
