//! Walking the stack, and stopping for good.

use core::arch::asm;

use crate::limits::KERNEL_STACK_BYTES;

/// Calls `visit` with the return addresses of a chain of frame records, newest first.
///
/// `start` is a frame pointer, or 0 for the caller's own. Ends at anything that does
/// not look like a record of the kernel.
pub fn backtrace(start: u64, visit: &mut dyn FnMut(u64)) {
    const KERNEL: u64 = 0xffff_8000_0000_0000;
    const DEPTH_MAX: usize = 48;
    let mut frame = start;
    if frame == 0 {
        // SAFETY: reading the frame pointer has no effect.
        unsafe { asm!("mov {}, x29", out(reg) frame, options(nomem, nostack)) };
    }
    for _ in 0..DEPTH_MAX {
        let second = frame.saturating_add(8);
        if frame < KERNEL || !frame.is_multiple_of(8) || !is_mapped(frame) || !is_mapped(second) {
            return;
        }
        // SAFETY: both words were just found to be mapped and are aligned.
        let (next, pc) = unsafe { (*(frame as *const u64), *(second as *const u64)) };
        if pc == 0 {
            return;
        }
        visit(pc);
        if next != 0 && frame.saturating_sub(next) > (1 << 20) {
            return;
        }
        frame = next;
    }
}

fn is_mapped(address: u64) -> bool {
    let result: u64;
    // SAFETY: AT has no effect beyond PAR_EL1.
    unsafe {
        asm!("at s1e1r, {}", "isb", "mrs {}, par_el1", in(reg) address, out(reg) result,
            options(nostack));
    }
    result & 1 == 0
}

/// Stops this CPU.
pub fn halt_forever() -> ! {
    super::cpu::irq_disable();
    loop {
        aarch64_cpu::asm::wfi();
    }
}

/// A number for the stack that is in use, and so for the thread that uses it.
pub fn stack_id() -> u64 {
    /// Stacks start at multiples of this.
    const APART: u64 = 2 * KERNEL_STACK_BYTES as u64;
    let here = 0u8;
    &raw const here as u64 & !(APART - 1)
}
