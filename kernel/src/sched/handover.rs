//! The short way from one thread to another: only the CPU changes hands.
//!
//! Both threads hold no kernel frames. The one that leaves waits in a slot, from which
//! somebody else may take it at any time after it was put there: so it stands as waiting
//! before that, with the scheduler's reference in its place. The other was taken out of a
//! slot by the one that leaves, which is thereby the only one to let it go on.

use crate::arch::{self, Handover, PENDING_ATTENTION, ThisCpu, Words};
use crate::sync::atomic::{Ordering, fence};
use crate::sync::epoch;

use super::cpu::CURRENT;
use super::thread::{Thread, state};

impl Thread {
    /// Whether a thread that was taken out of a slot has come off its CPU; a fence follows
    /// before it goes on.
    #[inline(always)]
    pub fn has_left_cpu(&self) -> bool {
        !self.context.is_used()
    }

    /// Whether the thread waits in the slots of this desk, when it waits in a slot.
    #[inline(always)]
    pub fn is_at_desk(&self, desk: usize) -> bool {
        self.desk.load(Ordering::Relaxed) == desk
    }

    /// Makes `next`, which has left its CPU, the running thread of `cpu` in place of this
    /// one, which stands as waiting from here on. False where nothing was done.
    ///
    /// It can be taken back by the same with the roles exchanged, as long as nobody else
    /// has got hold of this thread.
    #[inline(always)]
    pub fn pass_cpu(&self, cpu: ThisCpu, next: &Thread) -> bool {
        if !CURRENT.exchange(cpu, &next.held, &self.held) {
            return false;
        }
        next.home.store(cpu.id(), Ordering::Relaxed);
        next.context.set_on_cpu();
        next.state.store(state::RUNNING, Ordering::Relaxed);
        self.state.store(state::WAITING, Ordering::Relaxed);
        true
    }
}

/// Goes on with `next`, the running thread since [`Thread::pass_cpu`]; the words of
/// `previous` are in its registers.
#[inline(always)]
pub fn hand_over(cpu: ThisCpu, previous: &Thread, next: &Thread, words: &Words) -> Handover {
    let Some(translation) = next.translation() else {
        return go_slowly(previous, next, words);
    };
    let claimed = translation.claim(cpu);
    epoch::enter_domain(cpu, next.domain());
    fence(Ordering::SeqCst);
    match translation.confirm(claimed) {
        Some(translation) if !next.needs_attention_now() => {
            Handover::to(&next.context, translation)
        }
        _ => go_slowly(previous, next, words),
    }
}

/// As [`hand_over`], for a thread that has something to do before it goes on; does not
/// return.
#[cold]
#[inline(never)]
pub fn go_slowly(previous: &Thread, next: &Thread, words: &Words) -> Handover {
    arch::raise_pending(PENDING_ATTENTION);
    let frame = next.frame();
    frame.clear_lost();
    for (register, word) in (1..).zip(words.message()) {
        frame.set_register(register, word);
    }
    for register in [0, 7, 8] {
        frame.set_register(register, 0);
    }
    super::switch::prepare(next, || {
        super::trace::switched_straight(previous, next);
    });
    arch::leave(&previous.context, &next.context)
}
