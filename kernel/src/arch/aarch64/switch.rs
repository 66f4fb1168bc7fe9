//! Switching between threads.

use core::sync::atomic::Ordering;

use aarch64_cpu::registers::{Readable, Writeable};

use crate::arch::{Context, Start, UserFrame, VectorState};

unsafe extern "C" {
    fn context_switch(previous: *const Context, next: *const Context);
    fn context_leave(previous: *const Context, next: *const Context) -> !;
    fn context_resume(current: *const Context) -> !;
    static context_kernel_start: u8;
    fn fp_load(context: *const Context);
    fn fp_save(context: *const Context);
}

/// Goes on with `next`, which is in this CPU's running place already; returns when
/// `previous`, whose stack this runs on, is switched to again.
///
/// Interrupts are masked, `next` is marked as on a CPU, and the scheduler keeps both
/// threads alive as long as a CPU uses them.
pub fn switch(previous: &Context, next: &Context) {
    // SAFETY: both live in threads that the scheduler holds.
    unsafe { context_switch(previous, next) }
}

/// Goes on with `next`; `previous`, which was running, keeps no frames.
#[inline(always)]
pub fn leave(previous: &Context, next: &Context) -> ! {
    // SAFETY: as in `switch`; what is left on the stack owns nothing.
    unsafe { context_leave(previous, next) }
}

/// Goes back to the program of the current thread; its kernel frames are dropped.
pub fn resume(current: &Context) -> ! {
    // SAFETY: `current` is the thread of this CPU; its frame is complete.
    unsafe { context_resume(current) }
}

/// Makes a context start at `entry` in the kernel, with interrupts unmasked.
pub fn prepare_kernel_thread(context: &Context, entry: extern "C" fn(u64) -> !, argument: u64) {
    /// Callee-saved registers in the order of context_switch.
    const FRAME_WORDS: usize = 12;
    let top = context.stack_top.load(Ordering::Relaxed);
    let frame = (top as *mut [u64; FRAME_WORDS]).wrapping_sub(1);
    let mut words = [0; FRAME_WORDS];
    words[0] = entry as usize as u64;
    words[1] = argument;
    words[11] = &raw const context_kernel_start as u64;
    // SAFETY: the stack of a thread that has no kernel frames is unused, mapped, and
    // larger than the frame.
    unsafe { frame.write(words) };
    context.kernel_sp.store(frame as u64, Ordering::Relaxed);
}

/// Loads the vector registers of the current thread, after their first use trapped.
pub fn load_vector_state(current: &Context) {
    // SAFETY: the state is large enough by its type; nobody else touches it while its
    // thread runs.
    unsafe { fp_load(current) }
}

/// Copies the registers of the running thread, whose context is `current`, to a thread
/// that does not run: the program's own, as its system call found them, and the vector
/// registers. Interrupts are masked.
pub fn copy_registers(current: &Context, to: &Context) {
    to.frame.copy_from(&current.frame);
    to.frame.set_tls(aarch64_cpu::registers::TPIDR_EL0.get());
    if current.vector_live.load(Ordering::Relaxed) != 0 {
        // SAFETY: as in `load_vector_state`; the registers are this thread's.
        unsafe { fp_save(current) }
    }
    to.vector.copy_from(&current.vector);
}

/// Gives the running thread the registers with which a program starts: those of `start`,
/// and vector registers of zeros. Interrupts are masked.
pub fn replace_registers(current: &Context, start: &Start) {
    current.frame.copy_from(&UserFrame::default());
    current.frame.begin(start);
    aarch64_cpu::registers::TPIDR_EL0.set(start.tls);
    current.vector.copy_from(&VectorState::default());
    if current.vector_live.load(Ordering::Relaxed) != 0 {
        // SAFETY: as in `load_vector_state`.
        unsafe { fp_load(current) }
    }
}
