//! What is counted for each thread, and with it for each CPU.
//!
//! Times are in ticks of the counter. Everything is written under the lock of a run queue,
//! so by one CPU at a time and without atomic sums; a switch straight from thread to thread
//! writes nothing. A CPU's counters lie in its queue, whose cache lines a switch writes
//! anyhow.

use abi::scheduling::{LATENCY_BUCKETS, ThreadInfo};

use crate::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use crate::time::ns_of_ticks;

use super::cpu;
use super::thread::{Thread, state};

/// The counters of a CPU beside its times.
#[derive(Clone, Copy, Debug)]
pub(super) struct CpuCounters {
    pub(super) preemptions: u64,
    pub(super) yields: u64,
    pub(super) wakeups: u64,
    pub(super) migrations: u64,
    /// Ticks from waking to running, all together.
    pub(super) latency: u64,
    pub(super) latency_max: u64,
    pub(super) latencies: [u32; LATENCY_BUCKETS],
    /// µs in a tick of the counter, as 32.32 fixed point.
    us_per_tick: u64,
}

impl CpuCounters {
    pub(super) const fn new() -> CpuCounters {
        CpuCounters {
            preemptions: 0,
            yields: 0,
            wakeups: 0,
            migrations: 0,
            latency: 0,
            latency_max: 0,
            latencies: [0; LATENCY_BUCKETS],
            us_per_tick: 0,
        }
    }

    /// Says how fast the counter is.
    pub(super) fn set_up(&mut self, hz: u64) {
        self.us_per_tick = (1_000_000u64 << 32).checked_div(hz).unwrap_or(0);
    }

    /// The bucket of a latency: 0 up to 1 µs, each next one twice as far.
    #[inline]
    fn bucket(&self, ticks: u64) -> usize {
        // Two numbers of 64 bits have a product of 128, so nothing is lost.
        let product = u128::from(ticks).wrapping_mul(u128::from(self.us_per_tick));
        let us = u64::try_from(product >> 32).unwrap_or(u64::MAX);
        let bits = 64u32.saturating_sub(us.leading_zeros());
        (bits as usize).min(LATENCY_BUCKETS.saturating_sub(1))
    }

    /// A thread that woke has waited so long for its turn, which is in that bucket.
    #[inline]
    fn count_latency(&mut self, ticks: u64, bucket: usize) {
        self.latency = self.latency.wrapping_add(ticks);
        if ticks > self.latency_max {
            self.latency_max = ticks;
        }
        if let Some(count) = self.latencies.get_mut(bucket) {
            *count = count.wrapping_add(1);
        }
    }
}

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
    #[inline]
    pub(super) fn loses_cpu(&self, yields: bool, now: u64, on: &mut CpuCounters) {
        if yields {
            add(&self.yields, 1);
            on.yields = on.yields.wrapping_add(1);
        } else {
            add(&self.preemptions, 1);
            on.preemptions = on.preemptions.wrapping_add(1);
        }
        self.ready_at.store(now, Ordering::Relaxed);
    }

    /// It begins to wait.
    pub(super) fn sleeps(&self, now: u64) {
        add(&self.sleeps, 1);
        self.slept_at.store(now, Ordering::Relaxed);
    }

    /// It has become ready after a wait.
    #[inline]
    pub(super) fn wakes(&self, now: u64, on: &mut CpuCounters) {
        add(&self.wakeups, 1);
        on.wakeups = on.wakeups.wrapping_add(1);
        let since = self.slept_at.load(Ordering::Relaxed);
        if since != 0 {
            self.slept_at.store(0, Ordering::Relaxed);
            add(&self.slept, now.saturating_sub(since));
        }
        self.ready_at.store(now, Ordering::Relaxed);
        self.woken.store(1, Ordering::Relaxed);
    }

    /// A turn of it begins on a CPU.
    #[inline]
    pub(super) fn runs(&self, cpu: u32, now: u64, on: &mut CpuCounters) {
        let number = cpu.saturating_add(1);
        let before = self.cpu.load(Ordering::Relaxed);
        if before != number {
            self.cpu.store(number, Ordering::Relaxed);
            if before != 0 {
                add(&self.migrations, 1);
                on.migrations = on.migrations.wrapping_add(1);
            }
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
            let bucket = on.bucket(waited);
            on.count_latency(waited, bucket);
            if let Some(count) = self.latencies.get(bucket) {
                let sum = count.load(Ordering::Relaxed).wrapping_add(1);
                count.store(sum, Ordering::Relaxed);
            }
        }
    }
}

impl Thread {
    /// Ticks of the turn under way, which are in none of its counters yet.
    pub fn ticks_of_turn(&self) -> u64 {
        if self.state.load(Ordering::Relaxed) != state::RUNNING {
            return 0;
        }
        cpu::ticks_of_turn(self)
    }

    /// What was counted of it up to its last departure, and its time up to now; `process`
    /// is the number of its process.
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
            run_ns: ns_of_ticks(used.ticks.wrapping_add(self.ticks_of_turn())),
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
        let mut counters = CpuCounters::new();
        counters.set_up(1_000_000_000);
        // The factor is cut off, so a limit itself may still be below.
        let ends = [
            (0, 0),
            (999, 0),
            (1_001, 1),
            (1_999, 1),
            (2_001, 2),
            (4_001, 3),
        ];
        for (ns, expected) in ends {
            assert_eq!(counters.bucket(ns), expected, "{ns}");
        }
        assert_eq!(counters.bucket(u64::MAX), LATENCY_BUCKETS - 1);
        counters.set_up(62_500_000);
        assert_eq!((counters.bucket(62), counters.bucket(63)), (0, 1));
    }

    #[test]
    fn a_cpu_counts_what_its_threads_do() {
        let (mut cpu, thread) = (CpuCounters::new(), Statistics::new());
        cpu.set_up(1_000_000_000);
        thread.wakes(10, &mut cpu);
        thread.runs(0, 5_010, &mut cpu);
        thread.loses_cpu(false, 6_000, &mut cpu);
        thread.runs(1, 9_000, &mut cpu);
        thread.loses_cpu(true, 9_500, &mut cpu);
        assert_eq!(
            (cpu.wakeups, cpu.preemptions, cpu.yields, cpu.migrations),
            (1, 1, 1, 1)
        );
        // Only the wait after waking is a latency.
        assert_eq!(
            (cpu.latency, cpu.latency_max, cpu.latencies[3]),
            (5_000, 5_000, 1)
        );
        assert_eq!(thread.waited.load(Ordering::Relaxed), 8_000);
    }
}
