//! Where a thread goes on at faults and breaks.
//!
//! One upcall at a time: while it runs, the next break waits and faults are not taken.

use abi::Error;
use abi::upcall::UpcallKinds;

use crate::sync::SpinLock;
use crate::sync::atomic::{Ordering, fence};

use super::cpu;
use super::thread::{Thread, flag};

/// What a thread asked for.
#[derive(Clone, Copy, Debug)]
pub struct Upcall {
    /// First instruction.
    pub entry: u64,
    /// First address beyond the stack it runs on.
    pub stack_top: u64,
    /// What for.
    pub kinds: UpcallKinds,
}

#[derive(Debug, Default)]
struct State {
    wanted: Option<Upcall>,
    runs: bool,
    code: Option<u64>,
}

/// The upcalls of one thread.
#[derive(Debug, Default)]
pub(super) struct Upcalls {
    state: SpinLock<State>,
}

impl State {
    fn is_due(&self) -> bool {
        self.code.is_some() && !self.runs && self.wants(UpcallKinds::BREAK)
    }

    fn wants(&self, kind: UpcallKinds) -> bool {
        self.wanted
            .is_some_and(|upcall| upcall.kinds.contains(kind))
    }
}

impl Thread {
    /// Changes the state of its upcalls, and with it whether a break is due.
    fn change_upcalls<R>(&self, work: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.upcalls.state.lock();
        let result = work(&mut state);
        self.set_flag(flag::BREAK_DUE, state.is_due());
        result
    }

    fn is_break_due(&self) -> bool {
        self.has_flag(flag::BREAK_DUE)
    }

    /// Sets where it goes on at faults and breaks.
    pub fn set_upcall(&self, upcall: Upcall) {
        self.change_upcalls(|state| state.wanted = Some(upcall));
        if self.is_break_due() {
            cpu::attract(self);
        }
    }

    /// Takes no upcalls any more, for its program is another one.
    pub fn forget_upcalls(&self) {
        self.change_upcalls(|state| *state = State::default());
    }

    /// Begins an upcall of this kind, if the thread takes it and none runs.
    pub fn begin_upcall(&self, kind: UpcallKinds) -> Option<Upcall> {
        self.change_upcalls(|state| {
            let upcall = state.wanted.filter(|_| state.wants(kind) && !state.runs)?;
            state.runs = true;
            Some(upcall)
        })
    }

    /// Ends the upcall that runs; false where none does.
    pub fn end_upcall(&self) -> bool {
        let ended = self.change_upcalls(|state| core::mem::replace(&mut state.runs, false));
        if self.is_break_due() {
            cpu::attract(self);
        }
        ended
    }

    /// Whether it takes breaks.
    pub fn takes_breaks(&self) -> bool {
        self.upcalls.state.lock().wants(UpcallKinds::BREAK)
    }

    /// Makes the thread take a break; false where it does not take any. A break that waits
    /// already is replaced.
    pub fn interrupt(&self, code: u64) -> bool {
        let taken = self.change_upcalls(|state| {
            let wants = state.wants(UpcallKinds::BREAK);
            if wants {
                state.code = Some(code);
            }
            wants
        });
        if taken && self.is_break_due() {
            // Either this finds the wait open, or whoever opens it finds the break.
            fence(Ordering::SeqCst);
            self.complete_any(Some(Error::Cancelled), [0; 3]);
            cpu::attract(self);
        }
        taken
    }

    /// The break that is due, which is taken from here on.
    pub(super) fn take_break(&self) -> Option<u64> {
        if !self.is_break_due() {
            return None;
        }
        self.change_upcalls(|state| state.code.take_if(|_| !state.runs))
    }
}
