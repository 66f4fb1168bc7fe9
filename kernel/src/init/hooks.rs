//! The kernel's answers to the machine.

use crate::arch::{Hooks, PanicFrame, UserFault};
use crate::{arch, drivers, panic, sched};

pub(super) static HOOKS: Hooks = Hooks {
    irq: drivers::handle_irq,
    timer: sched::handle_timer,
    ipi,
    user_fault,
    syscall_blocked: sched::block_frameless,
    user_work: sched::handle_user_pending,
    kernel_preempt: sched::preempt_kernel,
    kernel_fault,
    syscalls: &TABLE,
};

static TABLE: arch::SyscallTable<{ abi::SYSCALLS.len() + 1 }> = arch::SyscallTable { count: abi::SYSCALLS.len() as u64, rows: [bad; abi::SYSCALLS.len() + 1] };
extern "C" fn bad(_: u64, _: u64, _: u64, _: u64, _: u64, _: u64) -> u64 { 1 }
fn user_fault(_f: &UserFault) {}

fn ipi() {
    if panic::is_reporting() {
        arch::halt_forever();
    }
    sched::handle_ipi();
}

fn kernel_fault(frame: &PanicFrame) -> ! {
    panic::report_fault(frame)
}
