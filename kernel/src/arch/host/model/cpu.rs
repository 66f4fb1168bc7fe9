//! CPUs of a model: what they mask, what is pending, what interrupts them.
//!
//! Another CPU's interrupt arrives where interrupts are unmasked. What was written before
//! `send_ipi` is seen by whoever takes the interrupt; nothing else is promised.

use core::cell::{Cell, RefCell};
use core::sync::atomic::AtomicPtr;

use super::atomic::{AtomicBool, AtomicU64, Ordering};
use super::baton::SwitchedOff;
use super::std::collections::BTreeMap;
use super::std::{self, boxed::Box, thread_local};
use super::{give_way, planted, task};
use crate::arch::Context;
use crate::arch::host::cpu::CpuMarks;
use crate::limits::CPUS_MAX;

/// What a CPU does about an interrupt of another; interrupts are masked.
type Handler = fn();

thread_local! {
    static ON: RefCell<BTreeMap<u64, usize>> = const { RefCell::new(BTreeMap::new()) };
    static MASKED: Cell<[bool; CPUS_MAX]> = const { Cell::new([false; CPUS_MAX]) };
    static PENDING: Cell<[u32; CPUS_MAX]> = const { Cell::new([0; CPUS_MAX]) };
    static HANDLER: Cell<Handler> = const { Cell::new(|| ()) };
    static OFF: Cell<bool> = const { Cell::new(false) };
    static STEPS: Cell<u64> = const { Cell::new(0) };
    static ASLEEP: RefCell<[Option<shuttle::thread::Thread>; CPUS_MAX]> =
        const { RefCell::new([const { None }; CPUS_MAX]) };
    static PREEMPT: Cell<Handler> = const { Cell::new(|| ()) };
    static RUNNING: &'static [AtomicPtr<Context>; CPUS_MAX] =
        Box::leak(Box::new([const { AtomicPtr::new(core::ptr::null_mut()) }; CPUS_MAX]));
}

/// Interrupts of other CPUs that were not taken yet.
static SENT: [AtomicBool; CPUS_MAX] = [const { AtomicBool::new(false) }; CPUS_MAX];

/// Before a schedule.
pub fn reset() {
    ON.with_borrow_mut(BTreeMap::clear);
    ASLEEP.with_borrow_mut(|asleep| *asleep = [const { None }; CPUS_MAX]);
    STEPS.set(0);
    OFF.set(false);
    MASKED.set([false; CPUS_MAX]);
    PENDING.set([0; CPUS_MAX]);
    RUNNING.with(|places| {
        for place in *places {
            place.store(core::ptr::null_mut(), Ordering::Relaxed);
        }
    });
}

/// The model's thread that runs is this CPU from now on.
pub fn begin_on(cpu: usize) {
    ON.with_borrow_mut(|on| on.insert(task(), cpu));
}

/// Says what the CPUs do about an interrupt, and where then another thread is due.
pub fn handle_interrupts(handler: Handler, preempt: Handler) {
    HANDLER.set(handler);
    PREEMPT.set(preempt);
}

/// Whether interrupts were masked.
#[derive(Clone, Copy, Debug)]
pub struct IrqState(bool);

fn with<R: Copy, const N: usize>(
    all: &'static std::thread::LocalKey<Cell<[R; N]>>,
    set: Option<R>,
) -> R {
    let mut values = all.get();
    let place = &mut values[cpu_id()];
    let old = *place;
    if let Some(new) = set {
        *place = new;
        all.set(values);
    }
    old
}

fn set_masked(masked: bool) -> bool {
    with(&MASKED, Some(masked))
}

/// Takes what interrupts are there, while they are unmasked.
fn take_interrupts() {
    while irqs_enabled() && SENT[cpu_id()].load(Ordering::Relaxed) {
        set_masked(true);
        // The interrupt is a message: acquired here, released by the sender.
        let sent = SENT[cpu_id()].swap(false, Ordering::Acquire);
        if sent {
            HANDLER.get()();
            // Another thread may go on here, and this one on another CPU.
            PREEMPT.get()();
        }
        set_masked(false);
    }
}

/// Masks interrupts.
pub fn irq_save() -> IrqState {
    IrqState(set_masked(true))
}

/// Goes back to an earlier state.
pub fn irq_restore(state: IrqState) {
    set_masked(state.0);
    take_interrupts();
}

/// Masks interrupts.
pub fn irq_disable() {
    set_masked(true);
}

/// Unmasks interrupts.
pub fn irq_enable() {
    set_masked(false);
    take_interrupts();
}

/// Whether interrupts are unmasked.
pub fn irqs_enabled() -> bool {
    !with(&MASKED, None)
}

/// The CPU that the model's thread is.
pub fn cpu_id() -> usize {
    ON.with_borrow(|on| on.get(&task()).copied().unwrap_or(0))
}

/// One place for each CPU.
pub fn running_place() -> &'static AtomicPtr<Context> {
    RUNNING.with(|places| &places[cpu_id()])
}

/// A CPU, for those who ask it several things.
#[derive(Clone, Copy, Debug)]
pub struct ThisCpu(usize);

impl ThisCpu {
    /// Its number.
    pub fn id(self) -> u32 {
        u32::try_from(self.0).unwrap_or(0)
    }

    /// Its place for what it runs.
    pub fn running_place(self) -> &'static AtomicPtr<Context> {
        RUNNING.with(|places| &places[self.0])
    }

    /// What it says of itself.
    pub fn marks(self) -> &'static CpuMarks {
        marks_of(self.0)
    }
}

/// The CPU that the model's thread is.
pub fn this_cpu() -> ThisCpu {
    ThisCpu(cpu_id())
}

/// What a CPU says of itself.
pub fn marks_of(cpu: usize) -> &'static CpuMarks {
    static MARKS: [CpuMarks; CPUS_MAX] = [const {
        CpuMarks {
            space: AtomicU64::new(0),
            domain: AtomicU64::new(0),
        }
    }; CPUS_MAX];
    &MARKS[cpu]
}

/// Sets pending bits.
pub fn raise_pending(bits: u32) {
    with(&PENDING, Some(pending() | bits));
}

/// The pending bits.
pub fn pending() -> u32 {
    with(&PENDING, None)
}

/// Takes the pending bits.
pub fn take_pending() -> u32 {
    with(&PENDING, Some(0))
}

/// Waits until there is an interrupt to take.
pub fn wait_for_interrupt() {
    let me = cpu_id();
    loop {
        ASLEEP.with_borrow_mut(|asleep| asleep[me] = Some(shuttle::thread::current()));
        if SENT[me].load(Ordering::Relaxed) {
            return;
        }
        if is_off() {
            std::panic::resume_unwind(Box::new(SwitchedOff));
        }
        shuttle::thread::park();
    }
}

/// Whether the schedule is to end.
pub fn is_off() -> bool {
    OFF.get()
}

/// Ends the schedule: CPUs that sleep go away.
pub fn switch_off() {
    OFF.set(true);
    let asleep = ASLEEP.with_borrow_mut(core::mem::take);
    asleep
        .iter()
        .flatten()
        .for_each(shuttle::thread::Thread::unpark);
}

/// A number that grows.
pub fn steps() -> u64 {
    STEPS.set(STEPS.get().wrapping_add(1));
    STEPS.get()
}

/// The model's thread that runs is no CPU from now on.
pub fn leave() {
    ON.with_borrow_mut(|on| on.remove(&task()));
}

/// One turn of a wait loop.
pub fn spin_hint() {
    take_interrupts();
    give_way();
}

/// Interrupts another CPU.
pub fn send_ipi(cpu: usize) {
    if planted("interrupt-lost") {
        return;
    }
    if let Some(sent) = SENT.get(cpu) {
        sent.store(true, Ordering::Release);
    }
    let asleep = ASLEEP.with_borrow_mut(|asleep| asleep.get_mut(cpu).and_then(Option::take));
    if let Some(thread) = asleep {
        thread.unpark();
    }
}
