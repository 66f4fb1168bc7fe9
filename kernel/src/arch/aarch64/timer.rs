//! The generic timer: one counter for all CPUs, one alarm for each.

use aarch64_cpu::asm::barrier::{SY, isb};
use aarch64_cpu::registers::{
    CNTFRQ_EL0, CNTV_CTL_EL0, CNTV_CVAL_EL0, CNTVCT_EL0, Readable, Writeable,
};

/// Interrupt number of the virtual timer (PPI 11).
pub(super) const TIMER_INTERRUPT: u32 = 27;

/// Ticks of the counter.
#[inline(always)]
pub fn counter() -> u64 {
    isb(SY);
    CNTVCT_EL0.get()
}

/// Ticks in a second.
pub fn counter_hz() -> u64 {
    CNTFRQ_EL0.get()
}

/// Sets this CPU's alarm to go off when the counter reaches `ticks`.
pub fn arm_timer(ticks: u64) {
    CNTV_CVAL_EL0.set(ticks);
    // Every other bit is cleared, the mask among them.
    CNTV_CTL_EL0.write(CNTV_CTL_EL0::ENABLE::SET);
    isb(SY);
}

/// Turns this CPU's alarm off.
pub fn disarm_timer() {
    CNTV_CTL_EL0.write(CNTV_CTL_EL0::ENABLE::CLEAR);
    isb(SY);
}

/// Lets this CPU's alarm interrupt it.
pub fn init_timer() {
    disarm_timer();
    super::interrupt::enable_private(TIMER_INTERRUPT);
}
