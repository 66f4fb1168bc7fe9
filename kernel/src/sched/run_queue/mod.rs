//! The ready threads of one CPU, and which of them is next.
//!
//! The real-time class goes before the fair one. A thread is in one place: a queue of its
//! priority, the heap of deadlines, or among those that have to leave the CPU. One whose
//! real-time budget is used up is in the heap, and listed to come back from there when the
//! next period begins.
//!
//! Nothing here allocates or waits; the caller holds the lock of the queue.

mod fair;
mod real_time;
#[cfg(test)]
mod tests;

use crate::sync::{Queue, Ref, WaitList, is_before, planted};

use super::budget::Budget;
use super::entity::{Schedulable, Turns, virtual_time};
use super::urgency::Urgency;

pub(super) use fair::Clocks;
use fair::FairQueue;
use real_time::RealTimeQueue;

/// How a thread comes to a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// After a wait, or from another CPU.
    Woken,
    /// Another thread took the CPU from it.
    Preempted,
    /// It gave the CPU to others.
    Yielded,
}

/// Whose turn the CPU's time is. A thread that goes straight to another gives it away, and
/// with it class, priority and slice.
#[derive(Debug)]
struct Turn {
    urgency: Urgency,
    /// Of the fair class: the deadline and weight it runs with.
    deadline: u64,
    weight: u64,
    /// When it ends, in ticks; `u64::MAX`: with the next wait.
    end: u64,
    /// Of the real-time class: what is charged.
    budget: Option<Ref<Budget>>,
}

/// The ready threads of one CPU.
#[derive(Debug)]
pub(super) struct RunQueue<T: Schedulable> {
    real_time: RealTimeQueue<T>,
    fair: FairQueue<T>,
    /// Members of `fair` whose budget is used up.
    throttled: WaitList<T>,
    /// When the first of their budgets is there again, in ticks.
    relief: u64,
    /// Threads that may not run here any more.
    leaving: Queue<T>,
    turn: Turn,
    turns: Turns,
    clocks: &'static Clocks,
    cpu: usize,
}

impl<T: Schedulable> RunQueue<T> {
    /// An empty queue, whose CPU and turns are still to be set.
    pub(super) const fn new(clocks: &'static Clocks) -> Self {
        RunQueue {
            real_time: RealTimeQueue::new(),
            fair: FairQueue::new(),
            throttled: WaitList::new(),
            relief: u64::MAX,
            leaving: Queue::new(),
            turn: Turn {
                urgency: Urgency::IDLE,
                deadline: 0,
                weight: 0,
                end: u64::MAX,
                budget: None,
            },
            turns: Turns { least: 1, most: 1 },
            clocks,
            cpu: 0,
        }
    }

    /// Says whose queue it is and how long turns are.
    pub(super) fn set_up(&mut self, cpu: usize, turns: Turns) {
        self.cpu = cpu;
        self.turns = turns;
    }

    /// Whether nobody waits to run here.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.fair.is_empty() && self.real_time.is_empty()
    }

    /// Urgency of the turn that is under way.
    pub(super) fn turn_urgency(&self) -> Urgency {
        self.turn.urgency
    }

    /// The most urgent real-time thread that waits here.
    pub(super) fn top(&self) -> Urgency {
        self.real_time.top()
    }

    /// Whether another CPU should take something from here at once.
    #[inline]
    pub(super) fn has_offers(&self) -> bool {
        !self.real_time.is_empty() || !self.leaving.is_empty()
    }

    /// Weight of the fair threads that are ready or running here.
    pub(super) fn load(&self) -> u64 {
        self.fair.weight().saturating_add(self.turn.weight)
    }

    /// Adds a ready thread; returns whether it goes before the turn that is under way.
    #[inline]
    pub(super) fn push(&mut self, thread: Ref<T>, arrival: Arrival, now: u64) -> bool {
        let fell = self.look_at_budget(&thread, now);
        let entity = thread.entity();
        let urgency = entity.urgency();
        let (pushed, first) = if urgency.is_real_time() {
            let ahead = arrival == Arrival::Preempted;
            let first = urgency > self.turn.urgency;
            (self.real_time.push(thread, urgency, ahead), first)
        } else {
            self.settle(&thread, fell || arrival == Arrival::Woken);
            if arrival == Arrival::Yielded {
                entity.ask_again(self.turns);
            }
            let first = self.preempts(entity.deadline());
            (self.push_fair(thread, now), first)
        };
        // A thread that was in no queue can always be queued.
        debug_assert!(pushed.is_ok(), "a thread that became ready was in a queue");
        first
    }

    fn push_fair(&mut self, thread: Ref<T>, now: u64) -> Result<(), Ref<T>> {
        if thread.entity().is_throttled()
            && let Some(budget) = thread.budget()
        {
            self.relief = self.relief.min(budget.next_period(now));
            self.throttled.push(&thread.borrow());
        }
        self.fair.push(thread)
    }

    /// Throttles a real-time thread without budget, and lets one with budget be; returns
    /// whether it has just become one of the fair class.
    #[inline]
    fn look_at_budget(&self, thread: &T, now: u64) -> bool {
        let entity = thread.entity();
        if !entity.full().is_real_time() {
            return false;
        }
        let was_throttled = entity.is_throttled();
        let left = thread.budget().map_or(0, |budget| budget.left(now));
        entity.set_throttled(left == 0);
        left == 0 && !was_throttled
    }

    /// Brings the times of a thread that comes here to this queue's clock.
    #[inline]
    pub(super) fn settle(&self, thread: &T, woken: bool) {
        let entity = thread.entity();
        let clock = entity.clock();
        if woken || clock != self.cpu {
            let before = if clock == self.cpu {
                Some(self.fair.clock())
            } else {
                self.clocks.read(clock)
            };
            let cpu = crate::word::low_half(self.cpu as u64);
            entity.arrive(cpu, self.fair.clock(), before, self.turns);
        }
    }

    /// Adds a thread that may not run here, until a CPU takes it where it may.
    pub(super) fn push_leaving(&mut self, thread: Ref<T>) {
        let pushed = self.leaving.push(thread);
        debug_assert!(pushed.is_ok(), "a thread that has to leave was in a queue");
    }

    /// Takes the next thread.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<Ref<T>> {
        match self.real_time.pop() {
            None => {
                let thread = self.fair.pop();
                self.unlist(thread)
            }
            thread => thread,
        }
    }

    fn unlist(&mut self, thread: Option<Ref<T>>) -> Option<Ref<T>> {
        let thread = thread?;
        if !self.throttled.is_empty() {
            self.throttled.remove(&thread);
        }
        Some(thread)
    }

    /// Takes the next thread if it goes before `running`, whose turn has been counted and
    /// who could go on.
    #[inline]
    pub(super) fn pop_better(&mut self, running: &T) -> Option<Ref<T>> {
        let entity = running.entity();
        let better = self.real_time.top() > entity.urgency()
            || !entity.urgency().is_real_time()
                && self
                    .fair
                    .first_deadline()
                    .is_some_and(|deadline| is_before(deadline, entity.deadline()));
        if better { self.pop() } else { None }
    }

    /// Takes the next thread of the same class as `running`, which gives the CPU away, or
    /// of a higher one.
    pub(super) fn pop_other(&mut self, running: &T) -> Option<Ref<T>> {
        let urgency = running.entity().urgency();
        let yields_to = !urgency.is_real_time() || self.real_time.top() >= urgency;
        if yields_to { self.pop() } else { None }
    }

    /// Takes a thread for another CPU: one that has to leave, a real-time thread that is
    /// more urgent than `floor`, or with `fair` a fair one.
    pub(super) fn pop_for(&mut self, cpu: usize, floor: Urgency, fair: bool) -> Option<Ref<T>> {
        let is_left = |thread: &T| !thread.is_on_cpu() || planted("stack-in-use");
        let fits = |thread: &T| thread.entity().allows(cpu) && is_left(thread);
        if let Some(thread) = self.leaving.pop_if(fits) {
            return Some(thread);
        }
        if self.real_time.top() > floor {
            let urgent = |thread: &T| thread.entity().urgency() > floor && fits(thread);
            if let Some(thread) = self.real_time.pop_if(urgent) {
                return Some(thread);
            }
        }
        if !fair {
            return None;
        }
        let thread = self.fair.pop_if(fits);
        self.unlist(thread)
    }

    /// Whether a thread has to leave for that CPU and is still coming off this one.
    pub(super) fn is_sending_to(&mut self, cpu: usize) -> bool {
        let mut found = false;
        self.leaving.pop_if(|thread| {
            found |= thread.entity().allows(cpu);
            false
        });
        found
    }

    /// Takes a thread out, wherever it is; before its urgency changes.
    pub(super) fn remove(&mut self, thread: &T) -> Option<Ref<T>> {
        let fair = self.fair.remove(thread);
        self.unlist(fair)
            .or_else(|| self.real_time.remove(thread))
            .or_else(|| self.leaving.remove(thread))
    }

    /// Counts `ticks` that `running` has had up to `now`, and takes those back into the
    /// real-time class whose budget is there again.
    #[inline]
    pub(super) fn count(&mut self, running: &T, ticks: u64, now: u64) {
        let weight = self.turn.weight;
        if weight != 0 {
            self.fair.pass(ticks, weight, self.clocks, self.cpu);
            self.settle(running, false);
            running.entity().count(ticks, weight, self.turns);
        } else if let Some(budget) = &self.turn.budget {
            budget.spend(ticks, now);
        }
        if self.look_at_budget(running, now) {
            self.settle(running, true);
        }
        if now >= self.relief {
            self.relieve(now);
        }
    }

    #[cold]
    fn relieve(&mut self, now: u64) {
        self.relief = u64::MAX;
        let mut rest = self.fair.len();
        while rest > 0 {
            rest = rest.saturating_sub(1);
            let next = self.throttled.pop().map(|thread| thread.to_ref());
            let Some(thread) = next else { break };
            if let Some(owned) = self.fair.remove(&thread) {
                self.push(owned, Arrival::Yielded, now);
            }
        }
    }

    /// Begins a turn of `next`, or of nobody.
    #[inline]
    pub(super) fn begin_turn(&mut self, next: Option<&T>, now: u64) {
        let Some(next) = next else {
            self.turn.urgency = Urgency::IDLE;
            self.turn.weight = 0;
            self.turn.end = u64::MAX;
            self.turn.budget = None;
            return;
        };
        let entity = next.entity();
        self.turn.urgency = entity.urgency();
        self.turn.weight = self.turn.urgency.weight();
        self.turn.deadline = entity.deadline();
        if self.turn.weight != 0 {
            self.turn.end = now.saturating_add(entity.left());
            self.turn.budget = None;
        } else {
            let budget = next.budget();
            let left = budget.as_ref().map_or(u64::MAX, |budget| budget.left(now));
            self.turn.end = now.saturating_add(left);
            self.turn.budget = budget;
        }
    }

    /// The running thread waits from here on.
    #[inline]
    pub(super) fn rest(&self, running: &T) {
        running.entity().rest(self.turns);
    }

    /// When the scheduler has to look again, in ticks; `u64::MAX`: not by itself.
    #[inline]
    pub(super) fn next_look(&self) -> u64 {
        if self.is_empty() {
            u64::MAX
        } else {
            self.turn.end.min(self.relief)
        }
    }

    /// Whether a fair thread with this deadline, which has just become ready, goes before
    /// the turn under way.
    #[inline]
    fn preempts(&self, deadline: u64) -> bool {
        if self.turn.weight == 0 {
            return self.turn.urgency == Urgency::IDLE;
        }
        // By more than a least turn, so that two that wake each other do not also take the
        // CPU from each other.
        let margin = virtual_time(self.turns.least, self.turn.weight);
        is_before(deadline.wrapping_add(margin), self.turn.deadline)
    }
}
