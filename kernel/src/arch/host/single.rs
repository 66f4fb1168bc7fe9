//! One CPU for each test thread; masking is remembered, nothing interrupts.

use super::std::cell::Cell;
use super::std::{self, thread_local};
use core::sync::atomic::AtomicPtr;

use crate::arch::Context;

use super::cpu::CpuMarks;

thread_local! {
    static MASKED: Cell<bool> = const { Cell::new(false) };
    static PENDING: Cell<u32> = const { Cell::new(0) };
    static MARKS: &'static CpuMarks =
        std::boxed::Box::leak(std::boxed::Box::new(CpuMarks::default()));
    static RUNNING: &'static AtomicPtr<Context> =
        std::boxed::Box::leak(std::boxed::Box::new(AtomicPtr::default()));
}

/// Whether interrupts were masked.
#[derive(Clone, Copy, Debug)]
pub struct IrqState(bool);

/// Masks interrupts.
pub fn irq_save() -> IrqState {
    IrqState(MASKED.replace(true))
}

/// Goes back to an earlier state.
pub fn irq_restore(state: IrqState) {
    MASKED.set(state.0);
}

/// Masks interrupts.
pub fn irq_disable() {
    MASKED.set(true);
}

/// Unmasks interrupts.
pub fn irq_enable() {
    MASKED.set(false);
}

/// Whether interrupts are unmasked.
pub fn irqs_enabled() -> bool {
    !MASKED.get()
}

/// Always CPU 0.
pub fn cpu_id() -> usize {
    0
}

/// The one CPU of a test thread.
#[derive(Clone, Copy, Debug)]
pub struct ThisCpu;

impl ThisCpu {
    /// Always 0.
    pub fn id(self) -> u32 {
        0
    }

    /// One place for each test thread.
    pub fn running_place(self) -> &'static AtomicPtr<Context> {
        running_place()
    }

    /// One for each test thread.
    pub fn marks(self) -> &'static CpuMarks {
        MARKS.with(|marks| *marks)
    }
}

/// The one CPU of a test thread.
pub fn this_cpu() -> ThisCpu {
    ThisCpu
}

/// That of the test thread.
pub fn marks_of(_cpu: usize) -> &'static CpuMarks {
    this_cpu().marks()
}

/// One place for each test thread.
pub fn running_place() -> &'static AtomicPtr<Context> {
    RUNNING.with(|place| *place)
}

/// Sets pending bits.
pub fn raise_pending(bits: u32) {
    PENDING.set(PENDING.get() | bits);
}

/// The pending bits.
pub fn pending() -> u32 {
    0
}

/// Takes the pending bits.
pub fn take_pending() -> u32 {
    PENDING.replace(0)
}

/// Gives the host's CPU away.
pub fn wait_for_interrupt() {
    std::thread::yield_now();
}

/// One turn of a wait loop.
pub fn spin_hint() {
    std::thread::yield_now();
}
