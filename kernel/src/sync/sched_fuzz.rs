//! Points at which the schedule of a test kernel changes, by a seed.
//!
//! A kernel with the feature `sched-fuzz` has a stream of random numbers for each CPU. Where
//! `sched_point!` stands, one passage in 16 executes `YIELD` up to three times, and one in
//! 1024 many times: in an emulator that runs one CPU at a time another one goes on there.
//! Where interrupts are unmasked, or on the way back to a program, the CPU may also be taken
//! from the running thread. Any other kernel has nothing of this.
//!
//! The seed is the boot argument `sched-fuzz=SEED`; without one nothing happens.

use crate::arch::{self, cpu_id, raise_pending, send_ipi, spin_hint};
use crate::limits::CPUS_MAX;

use super::atomic::{AtomicBool, AtomicU64, Ordering};

/// What one CPU draws from, on a cache line of its own.
#[repr(align(64))]
struct Stream {
    /// State of its generator; 0: no seed was given.
    state: AtomicU64,
    passages: AtomicU64,
    /// Its running thread is to be put behind the others.
    takes_turn: AtomicBool,
}

static STREAMS: [Stream; CPUS_MAX] = [const {
    Stream {
        state: AtomicU64::new(0),
        passages: AtomicU64::new(0),
        takes_turn: AtomicBool::new(false),
    }
}; CPUS_MAX];

fn stream() -> &'static Stream {
    STREAMS.get(cpu_id()).unwrap_or(&STREAMS[0])
}

/// Begins to change the schedule on all CPUs.
pub fn start(seed: u64) {
    for (cpu, stream) in (1u64..).zip(&STREAMS) {
        // SplitMix64: neighbouring seeds have nothing in common, and no state is 0.
        let mut mixed = seed.wrapping_add(cpu.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        stream.state.store(mixed | 1, Ordering::Relaxed);
    }
}

/// How many points were passed, and a number that is the same where every CPU has drawn as
/// often: two runs of a seed that took the same course have both in common.
pub fn course() -> (u64, u64) {
    STREAMS.iter().fold((0, 0), |(passages, digest), stream| {
        let own: u64 = stream.state.load(Ordering::Relaxed);
        let passed = stream.passages.load(Ordering::Relaxed);
        let digest: u64 = digest;
        (passages.wrapping_add(passed), digest.rotate_left(7) ^ own)
    })
}

/// A point; see `sched_point!`.
#[inline]
pub fn pass() {
    let stream = stream();
    let mut bits = stream.state.load(Ordering::Relaxed);
    if bits == 0 {
        return;
    }
    // Xorshift of 64 bits. An interrupt in between draws the same once more.
    bits ^= bits << 13;
    bits ^= bits >> 7;
    bits ^= bits << 17;
    stream.state.store(bits, Ordering::Relaxed);
    let passages = stream.passages.load(Ordering::Relaxed).wrapping_add(1);
    stream.passages.store(passages, Ordering::Relaxed);
    if bits >> 60 == 0 {
        give_way(stream, bits >> 8);
    }
}

#[cold]
fn give_way(stream: &Stream, bits: u64) {
    // One in 64 of these stays behind for long.
    let turns = if bits & 63 == 0 {
        (bits >> 6) & 255
    } else {
        (bits >> 6) & 3
    };
    for _ in 0..turns {
        spin_hint();
    }
    match (bits >> 16) & 31 {
        // The thread gives the CPU away before it is back in its program.
        0 => raise_pending(arch::PENDING_YIELD),
        // It is interrupted here, as by a timer.
        1 | 2 if arch::irqs_enabled() => {
            stream.takes_turn.store(true, Ordering::Relaxed);
            raise_pending(arch::PENDING_RESCHEDULE);
            send_ipi(cpu_id());
        }
        _ => {}
    }
}

/// Where the seed changes the schedule: sets this CPU's alarm for `next`, in ticks of the
/// counter, or for a moment before it, so that programs are interrupted that make no calls.
/// In the emulator they would keep the other CPUs from running.
pub fn arm_tick(next: u64) {
    let bits = stream().state.load(Ordering::Relaxed);
    if bits == 0 {
        return;
    }
    // From a quarter of a millisecond to a whole one.
    let longest = arch::counter_hz() / 1000;
    let quarter = (longest / 4).max(1);
    let part = (bits >> 32).checked_rem(quarter.saturating_mul(3));
    let tick = quarter.saturating_add(part.unwrap_or(0));
    arch::arm_timer(arch::counter().saturating_add(tick).min(next));
}

/// An interrupt that [`arm_tick`] may have asked for: another CPU's turn.
pub fn tick() {
    spin_hint();
    pass();
}

/// Whether the running thread, which is interrupted in the kernel, is to be put behind the
/// others; asked once for each interrupt.
pub fn takes_turn() -> bool {
    stream().takes_turn.swap(false, Ordering::Relaxed)
}
