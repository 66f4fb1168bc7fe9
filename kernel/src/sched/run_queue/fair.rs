//! Ready threads of the fair class: shares of the CPU by weight.
//!
//! Virtual time passes on each CPU as fast as one thread of weight 1 would be served among
//! all that are there. A thread has a request, and a deadline in virtual time by which it
//! would have had it with its share; the earliest deadline goes first. Who has less weight
//! has a later deadline, who asks for less an earlier one, and for what it then has, the
//! next deadline is later.

use crate::limits::{CPUS_MAX, STEAL_LOOKS_MAX};
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Heap, Ref};

use crate::sched::entity::{Schedulable, virtual_time};

/// The virtual clocks of all CPUs, as others may read them: a thread that comes from
/// another CPU brings along how far it was ahead there.
#[derive(Debug)]
pub(in crate::sched) struct Clocks([AtomicU64; CPUS_MAX]);

impl Clocks {
    pub(in crate::sched) const fn new() -> Self {
        Clocks([const { AtomicU64::new(0) }; CPUS_MAX])
    }

    pub(super) fn read(&self, cpu: usize) -> Option<u64> {
        self.0.get(cpu).map(|clock| clock.load(Ordering::Relaxed))
    }

    fn show(&self, cpu: usize, time: u64) {
        if let Some(clock) = self.0.get(cpu) {
            clock.store(time, Ordering::Relaxed);
        }
    }
}

/// Threads by deadline.
#[derive(Debug)]
pub(in crate::sched) struct FairQueue<T: Schedulable> {
    heap: Heap<T>,
    /// Sum of the weights in the heap.
    weight: u64,
    clock: u64,
}

impl<T: Schedulable> FairQueue<T> {
    pub(super) const fn new() -> Self {
        FairQueue {
            heap: Heap::new(),
            weight: 0,
            clock: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.heap.len()
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// The earliest deadline.
    #[inline]
    pub(super) fn first_deadline(&self) -> Option<u64> {
        self.heap.first_key()
    }

    pub(super) fn weight(&self) -> u64 {
        self.weight
    }

    pub(super) fn clock(&self) -> u64 {
        self.clock
    }

    /// A thread of `weight` has run for `ticks`.
    pub(super) fn pass(&mut self, ticks: u64, weight: u64, clocks: &Clocks, cpu: usize) {
        let passed = virtual_time(ticks, self.weight.saturating_add(weight));
        self.clock = self.clock.wrapping_add(passed);
        clocks.show(cpu, self.clock);
    }

    /// Adds a thread.
    ///
    /// # Errors
    /// The thread, where it is in a queue already.
    pub(super) fn push(&mut self, thread: Ref<T>) -> Result<(), Ref<T>> {
        let weight = thread.entity().urgency().weight();
        let deadline = thread.entity().deadline();
        self.heap.push(thread, deadline)?;
        self.weight = self.weight.saturating_add(weight);
        Ok(())
    }

    fn out(&mut self, thread: Option<Ref<T>>) -> Option<Ref<T>> {
        let thread = thread?;
        let weight = thread.entity().urgency().weight();
        self.weight = self.weight.saturating_sub(weight);
        Some(thread)
    }

    /// Takes the thread with the earliest deadline.
    pub(super) fn pop(&mut self) -> Option<Ref<T>> {
        let thread = self.heap.pop();
        self.out(thread)
    }

    /// Takes a thread for which `wanted` is true, and an early deadline.
    pub(super) fn pop_if(&mut self, wanted: impl FnMut(&T) -> bool) -> Option<Ref<T>> {
        let thread = self.heap.pop_if(STEAL_LOOKS_MAX, wanted);
        self.out(thread)
    }

    /// Takes a thread out, if it is in. Its urgency is still the one it came with.
    pub(super) fn remove(&mut self, thread: &T) -> Option<Ref<T>> {
        let thread = self.heap.remove(thread);
        self.out(thread)
    }
}
