//! Ranks of locks, and the check that they are taken in order.
//!
//! `docs/locking.md` says the order; [`CLASSES`] is the same for the kernel, and a test
//! compares the two. A lock belongs to a class by the file that made it and the type it
//! guards. In a kernel with debug assertions every CPU remembers what it holds and where
//! that was taken: a lock that is taken out of order, and sleeping under a spin lock, stop
//! the kernel with both places. Other kernels have none of this.

use core::cell::UnsafeCell;
use core::panic::Location;

use super::atomic::{AtomicU64, Ordering};
use crate::arch::stack_id;

/// The leaves: nothing but memory is asked for under them.
const LEAF: u8 = 10;
/// Added to the row of a lock of memory.
const MEMORY: u8 = 10;

/// A class of locks.
#[derive(Debug)]
pub(super) struct Class {
    /// The end of the path of the file that makes them.
    pub(super) file: &'static str,
    /// Part of the name of the type they guard.
    pub(super) guards: &'static str,
    /// Locks are taken in ascending order of ranks.
    pub(super) rank: u8,
    /// Two of them may be held, the second being known to nobody else.
    nests: bool,
}

const fn class(rank: u8, file: &'static str, guards: &'static str) -> Class {
    Class {
        file,
        guards,
        rank,
        nests: false,
    }
}

const fn nesting(rank: u8, file: &'static str, guards: &'static str) -> Class {
    Class {
        nests: true,
        ..class(rank, file, guards)
    }
}

/// All classes that have a rank.
pub(super) static CLASSES: [Class; 44] = [
    class(0, "process/job/mod.rs", "Members"),
    class(1, "fs/vfs/volume.rs", "Vec<"),
    class(1, "process/object.rs", "Threads"),
    class(1, "process/registry.rs", "Vec<"),
    nesting(1, "mm/address_space.rs", "Inner"),
    class(2, "mm/memory.rs", "PageMap"),
    class(2, "mm/mappers.rs", "List"),
    class(2, "ipc/channel.rs", "Inbox"),
    class(2, "ipc/timer.rs", "Setting"),
    class(2, "console/terminal/mod.rs", "LineInput"),
    class(2, "console/terminal/mod.rs", "Ring"),
    class(2, "ipc/pipe.rs", "State"),
    class(3, "cap/signal.rs", "Observers"),
    class(4, "ipc/port.rs", "State"),
    class(4, "ipc/futex.rs", "WaitList<"),
    class(4, "ipc/lock.rs", "Vec<"),
    class(4, "drivers/virtio/blk.rs", "State"),
    nesting(5, "cap/handle_table/mod.rs", "Slots"),
    class(5, "sched/thread.rs", "WaitTarget"),
    class(5, "sched/timer.rs", "DeadlineHeap"),
    class(5, "sched/alarm.rs", "DeadlineHeap"),
    class(6, "sched/cpu.rs", "CpuQueue"),
    class(LEAF, "sync/wait_queue.rs", "Vec<"),
    class(LEAF, "sched/thread.rs", "Capability"),
    class(LEAF, "sched/thread.rs", "Budget"),
    class(LEAF, "sched/budget.rs", ""),
    class(LEAF, "sched/thread.rs", "dyn kernel::sched::wait::Waiter"),
    class(LEAF, "ipc/channel.rs", "VecDeque"),
    class(LEAF, "drivers/irq.rs", "IrqHandler"),
    class(LEAF, "drivers/pl011.rs", "Uart"),
    class(LEAF, "console/log.rs", "Store"),
    class(LEAF, "cap/derivation.rs", "Links"),
    class(LEAF, "sched/upcall.rs", "State"),
    class(LEAF, "account/mod.rs", "Vec<"),
    class(LEAF, "process/job/mod.rs", "LogBudget"),
    class(LEAF, "entropy/mod.rs", "Pool"),
    class(LEAF, "mm/asid.rs", "State"),
    class(LEAF, "trace/mod.rs", ""),
    class(LEAF, "init/cpus.rs", "KernelStack"),
    class(MEMORY + 1, "mm/kernel_map.rs", "PageTable"),
    class(MEMORY + 1, "mm/kernel_stack.rs", "Vec<"),
    class(MEMORY + 2, "mm/heap.rs", "Class"),
    class(MEMORY + 3, "mm/reservation.rs", "Run"),
    class(MEMORY + 4, "mm/frame_pool.rs", "Pool"),
];

/// A place in the kernel's sources.
pub(super) type Place = &'static Location<'static>;

/// The class of locks around a `T` that were made at `made`.
fn class_of<T: ?Sized>(made: Place) -> Option<&'static Class> {
    let guards = core::any::type_name::<T>();
    CLASSES
        .iter()
        .find(|class| made.file().ends_with(class.file) && guards.contains(class.guards))
}

/// A lock that a CPU holds.
#[derive(Clone, Copy, Debug)]
struct Held {
    lock: usize,
    class: Option<&'static Class>,
    taken: Place,
}

/// Locks that a CPU can hold at a time.
const DEPTH: usize = 16;

/// What a CPU holds, the last taken last.
#[derive(Clone, Copy, Debug)]
struct HeldLocks {
    held: [Option<Held>; DEPTH],
}

impl HeldLocks {
    /// None.
    const fn new() -> Self {
        HeldLocks {
            held: [None; DEPTH],
        }
    }

    /// A lock is about to be taken, or was taken by trying.
    fn take(&mut self, new: Held, tried: bool) -> Result<(), Held> {
        if !tried {
            for held in self.held.iter().flatten() {
                let (Some(above), Some(below)) = (held.class, new.class) else {
                    continue;
                };
                let nests = core::ptr::eq(above, below) && above.nests;
                if held.lock == new.lock || (above.rank >= below.rank && !nests) {
                    return Err(*held);
                }
            }
        }
        if let Some(place) = self.held.iter_mut().find(|place| place.is_none()) {
            *place = Some(new);
        }
        Ok(())
    }

    fn release(&mut self, lock: usize) {
        let is_it = |held: &Option<Held>| held.is_some_and(|held| held.lock == lock);
        if let Some(place) = self.held.iter_mut().rev().find(|held| is_it(held)) {
            *place = None;
        }
    }
}

/// What one stack holds; free while that is nothing. A holder is not switched away, so
/// that a stack stands for a CPU, and on the host for a thread.
struct Desk {
    /// The stack, 0 for none.
    stack: AtomicU64,
    locks: UnsafeCell<HeldLocks>,
}

// SAFETY: the locks are touched only by the stack that has the desk.
unsafe impl Sync for Desk {}

/// More than there are CPUs, and threads of the host that hold a lock just now. Who finds
/// none is not checked.
static DESKS: [Desk; 64] = [const {
    Desk {
        stack: AtomicU64::new(0),
        locks: UnsafeCell::new(HeldLocks::new()),
    }
}; 64];

/// Does `work` with what this stack holds; `new`: also where that is nothing so far.
fn with_held<R>(new: bool, work: impl FnOnce(&mut HeldLocks) -> R) -> Option<R> {
    let me = stack_id();
    let own = |desk: &&Desk| desk.stack.load(Ordering::Relaxed) == me;
    let claim = |desk: &&Desk| {
        desk.stack
            .compare_exchange(0, me, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
    };
    let desk = DESKS.iter().find(own);
    let desk = desk.or_else(|| DESKS.iter().filter(|_| new).find(claim))?;
    // SAFETY: this stack has the desk, and interrupts are masked while it holds a lock.
    let locks = unsafe { &mut *desk.locks.get() };
    let result = work(locks);
    if locks.held.iter().all(Option::is_none) {
        desk.stack.store(0, Ordering::Release);
    }
    Some(result)
}

/// A lock around a `T`, made at `made`, is taken at `taken`; interrupts are masked.
pub(super) fn take<T: ?Sized>(lock: usize, made: Place, taken: Place, tried: bool) {
    let class = class_of::<T>(made);
    // On the host tests make locks of their own.
    assert!(
        class.is_some() || !cfg!(target_os = "none"),
        "lock order: a lock made at {made} that guards a {} has no rank",
        core::any::type_name::<T>()
    );
    let new = Held { lock, class, taken };
    if let Some(Err(before)) = with_held(true, |held| held.take(new, tried)) {
        panic!(
            "lock order: a lock made at {made} (rank {}) is taken at {taken} under one of \
             rank {} that was taken at {}",
            class.map_or(0, |class| class.rank),
            before.class.map_or(0, |class| class.rank),
            before.taken
        );
    }
}

/// A lock is free again.
pub(super) fn release(lock: usize) {
    with_held(false, |held| held.release(lock));
}

/// The running thread is about to sleep.
///
/// # Panics
/// Under a spin lock.
#[track_caller]
pub(super) fn check_sleep() {
    let first = with_held(false, |locks| locks.held.iter().flatten().next().copied());
    if let Some(held) = first.flatten() {
        panic!("sleeps under a spin lock that was taken at {}", held.taken);
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::string::String;
    use std::vec::Vec;

    use super::*;
    use crate::sync::{Mutex, SpinLock, WaitQueue};

    const DOCUMENT: &str = include_str!("../../../docs/locking.md");

    /// Rank and files of each row of the document's tables of spin locks.
    fn rows() -> Vec<(u8, Vec<String>)> {
        let begin = DOCUMENT.find("## Order of spin locks").unwrap();
        let end = DOCUMENT.find("## Without a lock").unwrap();
        let mut base = None;
        let mut rows = Vec::new();
        for line in DOCUMENT[begin..end].lines() {
            match line {
                "| # | lock | where | guards |" => base = Some(0),
                "| lock | where | guards |" => base = None,
                "| # | lock | where |" => base = Some(MEMORY),
                _ => {}
            }
            let cells: Vec<_> = line.split('|').map(str::trim).collect();
            let files: Vec<_> = line
                .split('`')
                .filter(|word| word.ends_with(".rs"))
                .map(|file| String::from(file.strip_prefix("kernel/src/").unwrap()))
                .collect();
            if line.starts_with("| ") && !files.is_empty() {
                let rank = match base {
                    Some(base) => base + cells[1].parse::<u8>().unwrap(),
                    None => LEAF,
                };
                rows.push((rank, files));
            }
        }
        rows
    }

    #[test]
    fn the_document_and_the_kernel_have_the_same_ranks() {
        let rows = rows();
        assert!(rows.len() > 30, "{} rows were read", rows.len());
        for (rank, files) in &rows {
            for file in files.iter().filter(|file| !file.starts_with("arch/")) {
                let known = CLASSES
                    .iter()
                    .any(|class| class.rank == *rank && class.file == file);
                assert!(known, "{file}: the kernel has no class of rank {rank}");
            }
        }
        for class in &CLASSES {
            let known = rows
                .iter()
                .any(|(rank, files)| *rank == class.rank && files.iter().any(|f| f == class.file));
            assert!(known, "{class:?} has no row in docs/locking.md");
        }
    }

    /// A place in the file of a class; the numbers do not matter.
    fn held(lock: usize, class: &'static Class) -> Held {
        Held {
            lock,
            class: Some(class),
            taken: Location::caller(),
        }
    }

    fn named(file: &str, guards: &str) -> &'static Class {
        let mut all = CLASSES.iter();
        all.find(|class| class.file == file && class.guards == guards)
            .unwrap()
    }

    #[test]
    fn a_lock_is_taken_under_those_of_rows_above_only() {
        let port = named("ipc/port.rs", "State");
        let queue = named("sched/cpu.rs", "CpuQueue");
        let slots = named("cap/handle_table/mod.rs", "Slots");
        let mut locks = HeldLocks::new();
        locks.take(held(1, port), false).unwrap();
        locks.take(held(2, queue), false).unwrap();
        assert!(
            locks.take(held(3, port), false).is_err(),
            "against the order"
        );
        locks.release(1);
        assert!(
            locks.take(held(3, port), false).is_err(),
            "the queue is still held"
        );
        locks.take(held(4, queue), true).unwrap();
        locks.release(2);
        locks.release(4);
        locks.take(held(3, port), false).unwrap();
        assert!(locks.take(held(5, port), false).is_err(), "two of one row");
        locks.release(3);
        locks.take(held(6, slots), false).unwrap();
        assert!(
            locks.take(held(6, slots), false).is_err(),
            "the same one twice"
        );
        locks.take(held(7, slots), false).unwrap();
    }

    #[test]
    #[should_panic(
        expected = "sleeps under a spin lock that was taken at kernel/src/sync/lock_class.rs"
    )]
    fn sleeping_under_a_spin_lock_is_noticed() {
        let (spin, sleeping) = (SpinLock::new(()), Mutex::new(()));
        // Positive control: without the spin lock nothing happens.
        drop(sleeping.lock());
        let _guard = spin.lock();
        drop(sleeping.lock());
    }

    #[test]
    #[should_panic(expected = "sleeps under a spin lock")]
    fn waiting_under_a_spin_lock_is_noticed() {
        let (spin, queue) = (SpinLock::new(()), WaitQueue::new());
        queue.wait_until(abi::NEVER, || Some(()));
        let _guard = spin.lock();
        queue.wait_until(abi::NEVER, || Some(()));
    }
}
