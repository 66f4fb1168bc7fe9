//! Address space identifiers: the TLB's names for address spaces.
//!
//! 16 bits, handed out in order. When they run out, a new generation begins: the TLB is
//! flushed once, and every space gets a new number the next time it is switched to. A CPU
//! goes on with what it runs meanwhile and fills its TLB under the old number; such
//! numbers are reserved, and stay with their spaces in the new generation.
//!
//! Each CPU says what it is about to run in its own place and looks at the generation
//! after that; whoever begins a generation changes it and looks at the places after that.
//! So either the number is reserved, or the CPU sees that it is old and asks under the lock.
#![forbid(unsafe_code)]

use crate::arch::{self, ThisCpu};
use crate::limits::CPUS_MAX;
use crate::sync::SpinLock;
use crate::sync::atomic::{AtomicU64, Ordering, fence};
use crate::word;

/// Bits of an identifier; 0 is the kernel's own.
const BITS: u32 = 16;
/// The fewest bits that leave every CPU a number of its own, and one to hand out.
const BITS_MIN: u32 = (CPUS_MAX as u64).ilog2() + 1;

static ASIDS: Allocator = Allocator::new(|cpu| &arch::marks_of(cpu).space);

/// Hands out identifiers of fewer bits, so that they run out sooner; for tests of that.
pub fn limit_asid_bits(bits: u32) {
    let bits = bits.clamp(BITS_MIN, BITS);
    ASIDS.last.store(!(u64::MAX << bits), Ordering::Relaxed);
}

/// How often identifiers ran out.
pub fn asid_generations() -> u64 {
    ASIDS.generation.load(Ordering::Relaxed).saturating_sub(1)
}

/// The identifier of one address space: generation above bit 16, number below; 0 is none.
#[derive(Debug, Default)]
pub(super) struct Asid {
    value: AtomicU64,
}

impl Asid {
    /// Says that this CPU runs the space next. Interrupts are masked; a sequentially
    /// consistent fence and [`Asid::is_current`] follow.
    #[inline(always)]
    pub(super) fn claim(&self, cpu: ThisCpu) -> u64 {
        ASIDS.claim(self, &cpu.marks().space)
    }

    /// Whether a claimed number, in the low 16 bits, is one to run with.
    #[inline(always)]
    pub(super) fn is_current(claimed: u64) -> bool {
        ASIDS.is_current(claimed)
    }

    /// A number to run with in place of a claimed one of an earlier generation.
    #[cold]
    pub(super) fn renew(&self) -> u64 {
        ASIDS.renew(self, arch::cpu_id(), &TLB)
    }

    /// The number last used, without renewing it; for flushes. Orders the changes to the
    /// tables before: a number that is handed out later is not used for old entries.
    pub(super) fn last(&self) -> u16 {
        fence(Ordering::SeqCst);
        word::low_quarter(self.value.load(Ordering::Relaxed))
    }
}

/// How entries are taken out of the TLBs.
struct Flush {
    /// All entries of programs, on all CPUs.
    everywhere: fn(),
    /// All entries of programs on this CPU, which runs none from then on.
    here: fn(),
}

static TLB: Flush = Flush {
    everywhere: arch::flush_all,
    here: arch::leave_program_space,
};

struct State {
    next: u64,
    /// The generation in which each CPU was here last.
    seen: [u64; CPUS_MAX],
    /// What each CPU ran when the generation began, and may still run.
    reserved: [u64; CPUS_MAX],
}

struct Allocator {
    generation: AtomicU64,
    /// The place in which a CPU says what it runs; 0 where it has not switched since the
    /// generation began.
    place_of: fn(usize) -> &'static AtomicU64,
    last: AtomicU64,
    state: SpinLock<State>,
}

impl Allocator {
    const fn new(place_of: fn(usize) -> &'static AtomicU64) -> Self {
        Allocator {
            generation: AtomicU64::new(1),
            place_of,
            last: AtomicU64::new((1 << BITS) - 1),
            state: SpinLock::new(State {
                next: 1,
                seen: [1; CPUS_MAX],
                reserved: [0; CPUS_MAX],
            }),
        }
    }

    #[inline(always)]
    fn claim(&self, asid: &Asid, place: &AtomicU64) -> u64 {
        let value = asid.value.load(Ordering::Relaxed);
        place.store(value, Ordering::Relaxed);
        value
    }

    #[inline(always)]
    fn is_current(&self, claimed: u64) -> bool {
        claimed >> BITS == self.generation.load(Ordering::Relaxed)
    }

    fn renew(&self, asid: &Asid, cpu: usize, flush: &Flush) -> u64 {
        let mut state = self.state.lock();
        let mut value = asid.value.load(Ordering::Relaxed);
        if !self.is_current(value) {
            value = self.allocate(&mut state, value, flush.everywhere);
            asid.value.store(value, Ordering::Relaxed);
            // Seen before this CPU reads an entry of the space, see `Asid::last`.
            fence(Ordering::SeqCst);
            arch::publish_tables();
        }
        let generation = self.generation.load(Ordering::Relaxed);
        if let Some(seen) = state.seen.get_mut(cpu)
            && core::mem::replace(seen, generation) != generation
        {
            // The claim may have hidden from the new generation what this CPU ran before.
            (flush.here)();
        }
        (self.place_of)(cpu).store(value, Ordering::Relaxed);
        value
    }

    fn allocate(&self, state: &mut State, old: u64, flush: fn()) -> u64 {
        let last = self.last.load(Ordering::Relaxed);
        loop {
            let generation = self.generation.load(Ordering::Relaxed);
            let number = old & !(u64::MAX << BITS);
            let kept = (generation << BITS) | number;
            let mut is_kept = false;
            for reserved in state
                .reserved
                .iter_mut()
                .filter(|reserved| **reserved == old)
            {
                // Some CPU may run the space just now.
                is_kept = old != 0;
                *reserved = if old == 0 { 0 } else { kept };
            }
            if is_kept {
                return kept;
            }
            while state.next <= last {
                let number = state.next;
                state.next = number.saturating_add(1);
                let is_number = |reserved: &u64| *reserved & !(u64::MAX << BITS) == number;
                if !state.reserved.iter().any(is_number) {
                    return (generation << BITS) | number;
                }
            }
            self.begin_generation(state, flush);
        }
    }

    fn begin_generation(&self, state: &mut State, flush: fn()) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        fence(Ordering::SeqCst);
        state.next = 1;
        for (cpu, reserved) in state.reserved.iter_mut().enumerate() {
            // A CPU that has not switched since the last time runs what it ran then.
            let running = (self.place_of)(cpu).swap(0, Ordering::AcqRel);
            if running != 0 {
                *reserved = running;
            }
        }
        flush();
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use std::cell::RefCell;
    use std::collections::BTreeMap;
    use std::vec::Vec;

    std::thread_local! {
        /// Numbers by which any TLB may know a space, with the space.
        static KNOWN: RefCell<BTreeMap<u16, usize>> = const { RefCell::new(BTreeMap::new()) };
        static PLACES: &'static [AtomicU64; CPUS_MAX] =
            std::boxed::Box::leak(std::boxed::Box::default());
    }

    fn place_of(cpu: usize) -> &'static AtomicU64 {
        PLACES.with(|places| &places[cpu])
    }

    fn flush() {
        KNOWN.with_borrow_mut(BTreeMap::clear);
    }

    /// The model has the entries of all CPUs in one place, so none are taken out for one.
    const MODEL: Flush = Flush {
        everywhere: flush,
        here: || {},
    };

    fn activate(allocator: &Allocator, asid: &Asid, cpu: usize) -> u16 {
        let place = place_of(cpu);
        let before = place.load(Ordering::Relaxed);
        let claimed = allocator.claim(asid, place);
        if allocator.is_current(claimed) {
            return word::low_quarter(claimed);
        }
        // Nobody else is between claim and renewal here; what ran is still known.
        place.store(before, Ordering::Relaxed);
        word::low_quarter(allocator.renew(asid, cpu, &MODEL))
    }

    /// Runs spaces on CPUs at random and looks whether a number ever names two of them.
    fn run(bits: u32, spaces: usize, cpus: usize, steps: u32) -> (u64, bool) {
        simulate(bits, spaces, cpus, steps, |_| {})
    }

    fn simulate(
        bits: u32,
        spaces: usize,
        cpus: usize,
        steps: u32,
        mut after: impl FnMut(&Allocator),
    ) -> (u64, bool) {
        let allocator = Allocator::new(place_of);
        (0..CPUS_MAX).for_each(|cpu| place_of(cpu).store(0, Ordering::Relaxed));
        allocator.last.store((1 << bits) - 1, Ordering::Relaxed);
        let spaces: Vec<Asid> = (0..spaces).map(|_| Asid::default()).collect();
        let mut running: Vec<Option<(u16, usize)>> = std::vec![None; cpus];
        let (mut random, mut sound) = (1u64, true);
        flush();
        for _ in 0..steps {
            random = random.wrapping_mul(6364136223846793005).wrapping_add(1);
            let cpu = (random >> 33) as usize % cpus;
            let space = (random >> 40) as usize % spaces.len();
            let number = activate(&allocator, &spaces[space], cpu);
            sound &= number != 0;
            running[cpu] = Some((number, space));
            // Every CPU uses what it runs, whatever was flushed.
            for (number, space) in running.iter().flatten() {
                let known = KNOWN.with_borrow_mut(|tlb| *tlb.entry(*number).or_insert(*space));
                sound &= known == *space;
            }
            after(&allocator);
        }
        (allocator.generation.load(Ordering::Relaxed), sound)
    }

    #[test]
    fn a_number_never_names_two_spaces() {
        for cpus in [1, 2, 4, CPUS_MAX] {
            let (generations, sound) = run(4, 40, cpus, 50_000);
            assert!(generations > 1000, "{cpus} CPUs: {generations} generations");
            assert!(sound, "{cpus} CPUs");
        }
    }

    #[test]
    fn numbers_that_are_not_reserved_are_noticed() {
        let forget = |allocator: &Allocator| allocator.state.lock().reserved = [0; CPUS_MAX];
        assert!(!simulate(4, 40, 4, 50_000, forget).1);
    }

    #[test]
    fn spaces_that_fit_keep_their_numbers() {
        let (generations, sound) = run(16, 1000, 4, 50_000);
        assert_eq!((generations, sound), (1, true));
    }
}
