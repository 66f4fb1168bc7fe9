//! The kernel's answers to the machine.

use crate::arch::{Hooks, PanicFrame};
use crate::{arch, drivers, process, sched, syscall};

use super::panic;

pub(super) static HOOKS: Hooks = Hooks {
    irq,
    timer: sched::handle_timer,
    ipi,
    mend_fault: sched::mend_fault,
    user_fault: process::handle_user_fault,
    user_work: sched::handle_user_pending,
    kernel_preempt: sched::preempt_kernel,
    kernel_fault,
    syscalls: &syscall::TABLE,
    strict_syscalls: &syscall::STRICT_TABLE,
};

fn irq(number: u32) {
    drivers::handle_irq(number);
    sched::end_interrupt();
}

fn ipi() {
    if panic::is_reporting() {
        arch::halt_forever();
    }
    sched::handle_ipi();
}

fn kernel_fault(frame: &PanicFrame) -> ! {
    panic::report_fault(frame)
}
