//! What is counted for each thread.
//!
//! Times are in ticks of the counter. Everything is written under the lock of a run queue,
//! so by one CPU at a time and without atomic sums; a switch straight from thread to thread
//! writes nothing.

use abi::scheduling::{LATENCY_BUCKETS, ThreadInfo};

use crate::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::time::ns_of_ticks;

use super::thread::Thread;

/// The counters of a thread.
#[derive(Debug)]
pub(super) struct Statistics {
    preemptions: AtomicU64,
    yields: AtomicU64,
    sleeps: AtomicU64,
    wakeups: AtomicU64,
    migrations: AtomicU64,
    slept: AtomicU64,
    waited: AtomicU64,
    latency: AtomicU64,
    latencies: [AtomicU32; LATENCY_BUCKETS],
    /// When it became ready; 0: it is not, or it runs.
    ready_at: AtomicU64,
    /// When it began to wait; 0: it does not.
    slept_at: AtomicU64,
    /// Whether it became ready by waking.
    woken: AtomicU32,
    /// CPU of its last turn, and one.
    cpu: AtomicU32,
}

fn add(counter: &AtomicU64, amount: u64) {
    let sum = counter.load(Ordering::Relaxed).wrapping_add(amount);
    counter.store(sum, Ordering::Relaxed);
}

/// The bucket of a latency: 0 up to 1 µs, each next one twice as far.
fn bucket(ns: u64) -> usize {
    let us = ns / 1000;
    let bits = 64u32.saturating_sub(us.leading_zeros());
    (bits as usize).min(LATENCY_BUCKETS.saturating_sub(1))
}

impl Statistics {
    pub(super) const fn new() -> Statistics {
        Statistics {
            preemptions: AtomicU64::new(0),
            yields: AtomicU64::new(0),
            sleeps: AtomicU64::new(0),
            wakeups: AtomicU64::new(0),
            migrations: AtomicU64::new(0),
            slept: AtomicU64::new(0),
            waited: AtomicU64::new(0),
            latency: AtomicU64::new(0),
            latencies: [const { AtomicU32::new(0) }; LATENCY_BUCKETS],
            ready_at: AtomicU64::new(0),
            slept_at: AtomicU64::new(0),
            woken: AtomicU32::new(0),
            cpu: AtomicU32::new(0),
        }
    }

    /// It loses the CPU and stays ready.
    pub(super) fn loses_cpu(&self, yields: bool, now: u64) {
        add(
            if yields {
                &self.yields
            } else {
                &self.preemptions
            },
            1,
        );
        self.ready_at.store(now, Ordering::Relaxed);
    }

    /// It begins to wait.
    pub(super) fn sleeps(&self, now: u64) {
        add(&self.sleeps, 1);
        self.slept_at.store(now, Ordering::Relaxed);
    }

    /// It has become ready after a wait.
    pub(super) fn wakes(&self, now: u64) {
        add(&self.wakeups, 1);
        let since = self.slept_at.swap(0, Ordering::Relaxed);
        if since != 0 {
            add(&self.slept, now.saturating_sub(since));
        }
        self.ready_at.store(now, Ordering::Relaxed);
        self.woken.store(1, Ordering::Relaxed);
    }

    /// A turn of it begins on a CPU.
    pub(super) fn runs(&self, cpu: u32, now: u64) {
        let number = cpu.saturating_add(1);
        let before = self.cpu.load(Ordering::Relaxed);
        if before != number {
            self.cpu.store(number, Ordering::Relaxed);
            add(&self.migrations, u64::from(before != 0));
        }
        let ready_at = self.ready_at.load(Ordering::Relaxed);
        if ready_at == 0 {
            return;
        }
        self.ready_at.store(0, Ordering::Relaxed);
        let waited = now.saturating_sub(ready_at);
        add(&self.waited, waited);
        if self.woken.load(Ordering::Relaxed) != 0 {
            self.woken.store(0, Ordering::Relaxed);
            add(&self.latency, waited);
            if let Some(count) = self.latencies.get(bucket(ns_of_ticks(waited))) {
                let sum = count.load(Ordering::Relaxed).wrapping_add(1);
                count.store(sum, Ordering::Relaxed);
            }
        }
    }
}

impl Thread {
    /// What was counted of it up to its last departure; `process` is the number of its
    /// process.
    pub fn info(&self, process: u64) -> ThreadInfo {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let ns = |counter: &AtomicU64| ns_of_ticks(get(counter));
        let (counted, used) = (&self.statistics, self.used());
        let parameters = self.parameters();
        ThreadInfo {
            id: self.id(),
            process,
            class: u32::from(parameters.is_real_time()),
            priority: parameters.priority(),
            affinity: parameters
                .affinity()
                .map_or(abi::scheduling::EVERY_CPU, u64::from),
            state: self.standing() as u32,
            cpu: self.home.load(Ordering::Relaxed),
            run_ns: ns_of_ticks(used.ticks),
            wait_ns: ns(&counted.waited),
            sleep_ns: ns(&counted.slept),
            turns: used.turns,
            preemptions: get(&counted.preemptions),
            yields: get(&counted.yields),
            sleeps: get(&counted.sleeps),
            wakeups: get(&counted.wakeups),
            migrations: get(&counted.migrations),
            latency_ns: ns(&counted.latency),
            latencies: core::array::from_fn(|bucket| {
                let count = counted.latencies.get(bucket);
                count.map_or(0, |count| count.load(Ordering::Relaxed))
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_double() {
        let ends = [
            (0, 0),
            (999, 0),
            (1_000, 1),
            (1_999, 1),
            (2_000, 2),
            (4_000, 3),
        ];
        for (ns, expected) in ends {
            assert_eq!(bucket(ns), expected, "{ns}");
        }
        assert_eq!(bucket(u64::MAX), LATENCY_BUCKETS - 1);
    }
}
