//! The short way from one thread to another: the CPU, and nothing else, changes hands.
//!
//! Both threads hold no kernel frames. The one that leaves waits in a slot, from which
//! somebody else may take it at any time after it was put there: so it stands as waiting
//! before that, with the scheduler's reference in its place. The other was taken out of a
//! slot by the one that leaves, which is thereby the only one to let it go on.

use crate::arch::{self, Handover, PENDING_ATTENTION};
use crate::sync::atomic::{Ordering, fence};
use crate::sync::{Borrowed, epoch};

use super::cpu::CURRENT;
use super::thread::{Thread, state};

impl Thread {
    /// Whether a thread that was taken out of a slot has come off its CPU.
    #[inline(always)]
    pub fn has_left_cpu(&self) -> bool {
        !self.context.is_on_cpu()
    }
}

impl Borrowed<'_, Thread> {
    /// Makes `next`, which has left its CPU, the running thread in place of this one, which
    /// stands as waiting from here on. False where nothing was done.
    ///
    /// It can be taken back by the same with the roles exchanged, as long as nobody else
    /// has got hold of this thread.
    #[inline(always)]
    pub fn pass_cpu(&self, next: &Thread) -> bool {
        let Some(token) = next.held.take_alone() else {
            return false;
        };
        next.set_home(arch::cpu_id());
        next.context.set_on_cpu();
        next.state.store(state::RUNNING, Ordering::Relaxed);
        if let Some(token) = CURRENT.replace(Some(token)) {
            // A running thread is not held.
            self.held.fill(token);
        }
        self.state.store(state::WAITING, Ordering::Relaxed);
        true
    }
}

/// Goes on with `next`, the running thread since [`Borrowed::pass_cpu`]; the words of
/// `previous` are in its registers.
#[inline(always)]
pub fn hand_over(previous: &Thread, next: &Thread, words: [u64; 6]) -> Handover {
    let Some(translation) = next.translation() else {
        go_slowly(previous, next, words);
    };
    let claimed = translation.claim();
    epoch::enter_domain(next.domain());
    fence(Ordering::SeqCst);
    if next.needs_attention() {
        go_slowly(previous, next, words);
    }
    Handover::to(&next.context, translation.confirm(claimed))
}

/// As [`hand_over`], for a thread that has something to do before it goes on.
#[cold]
fn go_slowly(previous: &Thread, next: &Thread, words: [u64; 6]) -> ! {
    arch::raise_pending(PENDING_ATTENTION);
    let frame = next.frame();
    frame.clear_lost();
    for (register, word) in (1..).zip(words) {
        frame.set_register(register, word);
    }
    for register in [0, 7, 8] {
        frame.set_register(register, 0);
    }
    super::switch::prepare(next);
    arch::leave(&previous.context, &next.context)
}
