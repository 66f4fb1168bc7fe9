//! What a thread was given: class, priority, affinity, budget.

use crate::arch::{self, PENDING_RESCHEDULE};
use crate::limits::CPUS_MAX;
use crate::sync::Ref;
use crate::sync::atomic::{Ordering, fence};
use crate::word;

use super::budget::Budget;
use super::cpu::{place, queue, running_mask};
use super::entity::{Entity, Schedulable};
use super::placement;
use super::thread::{Thread, flag, state};
use super::urgency::Urgency;

/// The CPUs there can be, a bit for each.
const CPUS: u32 = word::low_half((1 << CPUS_MAX) - 1);

/// Class, priority and affinity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    urgency: Urgency,
    /// Bits of CPUs; all of them: no CPU is left out.
    affinity: u32,
}

impl Parameters {
    /// These; `None` where no running CPU is in `affinity`.
    pub fn new(urgency: Urgency, affinity: u64) -> Option<Parameters> {
        let affinity = word::low_half(affinity) & CPUS;
        let every = affinity & running_mask() == running_mask();
        let affinity = if every { u32::MAX } else { affinity };
        (affinity & running_mask() != 0).then_some(Parameters { urgency, affinity })
    }

    /// Whether it is more than every thread may have.
    pub fn is_privileged(&self) -> bool {
        self.urgency > Urgency::USUAL
    }

    /// Whether the class is the real-time one.
    pub fn is_real_time(&self) -> bool {
        self.urgency.is_real_time()
    }

    /// The priority in the class.
    pub fn priority(&self) -> i32 {
        self.urgency.priority()
    }

    /// The CPUs it is bound to; `None`: to none.
    pub fn affinity(&self) -> Option<u32> {
        (self.affinity != u32::MAX).then_some(self.affinity)
    }
}

impl Thread {
    /// What it was given.
    pub fn parameters(&self) -> Parameters {
        Parameters {
            urgency: self.entity.own(),
            affinity: self.entity.affinity(),
        }
    }

    /// Gives it others, and what its real-time turns are charged to. When this returns and
    /// the thread is the running one, they count before it is back in its program.
    pub fn set_parameters(&self, new: &Parameters, budget: Option<Ref<Budget>>) {
        let budget = budget.filter(|_| new.is_real_time());
        let before = self.change(new.affinity, |entity| {
            self.set_flag(flag::PINNED, new.affinity().is_some());
            entity.set_own(new.urgency);
            entity.set_affinity(new.affinity);
            self.set_budget(budget)
        });
        drop(before);
    }

    /// Class and priority that it was given or is lent, were its budget never used up.
    pub fn full_urgency(&self) -> Urgency {
        self.entity.full()
    }

    /// Whether others lend it theirs.
    #[inline]
    pub fn is_lent(&self) -> bool {
        self.entity.lent() != Urgency::IDLE
    }

    /// Lends it what another thread has, or takes back what it was lent. What it then uses
    /// of the real-time class is charged to the lender's budget, unless it has its own.
    pub fn lend(&self, lender: Option<&Thread>) {
        let urgency = lender.map_or(Urgency::IDLE, Thread::full_urgency);
        if urgency == self.entity.lent() {
            return;
        }
        let budget = lender.and_then(Schedulable::budget);
        let before = self.change(self.entity.affinity(), |entity| {
            entity.set_lent(urgency);
            if entity.own().is_real_time() {
                None
            } else {
                self.set_budget(budget.filter(|_| urgency.is_real_time()))
            }
        });
        drop(before);
    }

    /// Changes what its place in a queue depends on, and gives it the place that fits.
    fn change<R>(&self, affinity: u32, apply: impl FnOnce(&Entity) -> R) -> R {
        let irq = arch::irq_save();
        let result = loop {
            let home = self.home.load(Ordering::Relaxed) as usize;
            let mut queue = queue(home).lock_masked();
            if self.home.load(Ordering::Relaxed) as usize != home {
                continue;
            }
            // Out of its queue first: its place there is that of its urgency.
            let queued = queue.run.remove(self);
            let result = apply(&self.entity);
            self.entity.set_throttled(false);
            if let Some(token) = queued {
                let (cpu, notice) = place(token, home, queue);
                placement::tell(cpu, notice, affinity);
            } else {
                queue.look_again = true;
                drop(queue);
                self.look();
            }
            break result;
        };
        arch::irq_restore(irq);
        result
    }

    /// Makes the CPU that runs it, if one does, look whether that is still right.
    fn look(&self) {
        // Whoever passes the CPU on to it looks at its flags after a fence.
        fence(Ordering::SeqCst);
        if self.state.load(Ordering::Acquire) != state::RUNNING {
            return;
        }
        let home = self.home.load(Ordering::Relaxed) as usize;
        if home == arch::cpu_id() {
            arch::raise_pending(PENDING_RESCHEDULE);
        } else {
            arch::send_ipi(home);
        }
    }
}
