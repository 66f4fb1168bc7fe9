//! What the vectors call: sorts exceptions by class and hands them on.

use core::arch::global_asm;

use crate::arch::UserFrame;
use crate::arch::hooks::{
    Access, FaultCause, Hooks, PENDING_RESCHEDULE, PanicFrame, ShortResult, UserFault, hooks,
};

use super::{copy, cpu, interrupt, stack};

global_asm!(include_str!("vectors.S"), rows = const abi::SYSCALLS.len() + 1);

unsafe extern "C" {
    /// The row of a call in registers; only the entry of the vectors can call it.
    #[link_name = "vectors_syscall_direct"]
    pub fn direct_call(_: u64, _: u64, _: u64, _: u64, _: u64, _: u64) -> ShortResult;
    /// The row of every call that is not short; only the entry of the vectors can call it.
    #[link_name = "vectors_syscall_long"]
    pub fn long_call(_: u64, _: u64, _: u64, _: u64, _: u64, _: u64) -> ShortResult;
    /// The row of a call that is tried; only the entry of the vectors can call it.
    #[link_name = "vectors_syscall_try"]
    pub fn try_call(_: u64, _: u64, _: u64, _: u64, _: u64, _: u64) -> ShortResult;
}

/// Registers of interrupted kernel code, as KERNEL_SAVE lays them out.
#[repr(C)]
struct KernelFrame {
    registers: [u64; 31],
    pc: u64,
    status: u64,
    padding: u64,
}

const _: () = assert!(size_of::<KernelFrame>() == 272);

/// Exception classes of ESR_EL1 (ARM ARM D17.2.37).
mod class {
    pub const WFX: u64 = 0x01;
    pub const FP_ACCESS: u64 = 0x07;
    pub const SVC: u64 = 0x15;
    pub const INSTRUCTION_ABORT_USER: u64 = 0x20;
    pub const PC_ALIGNMENT: u64 = 0x22;
    pub const DATA_ABORT_USER: u64 = 0x24;
    pub const DATA_ABORT_KERNEL: u64 = 0x25;
    pub const SP_ALIGNMENT: u64 = 0x26;
    pub const BREAKPOINT_USER: u64 = 0x30;
    pub const STEP_USER: u64 = 0x32;
    pub const WATCHPOINT_USER: u64 = 0x34;
    pub const BRK: u64 = 0x3c;
}

const STATUS_ALIGNMENT: u64 = 0x21;

fn registered() -> &'static Hooks {
    match hooks() {
        Some(hooks) => hooks,
        None => stack::halt_forever(),
    }
}

fn report(frame: &KernelFrame, what: &'static str, syndrome: u64, address: u64, sp: u64) -> ! {
    let panic = PanicFrame {
        what,
        registers: frame.registers,
        sp,
        pc: frame.pc,
        status: frame.status,
        syndrome,
        address,
    };
    (registered().kernel_fault)(&panic)
}

fn sp_of(frame: &KernelFrame) -> u64 {
    // The frame lies at the top of what was in use.
    core::ptr::from_ref(frame).wrapping_add(1) as u64
}

#[unsafe(no_mangle)]
extern "C" fn exception_el1_sync(frame: &mut KernelFrame, syndrome: u64, address: u64) {
    let class = syndrome >> 26;
    if class == class::DATA_ABORT_KERNEL
        && let Some(fixup) = copy::fixup(frame.pc)
    {
        frame.pc = fixup;
        return;
    }
    let what = match class {
        class::DATA_ABORT_KERNEL => "data abort in the kernel",
        0x21 => "instruction abort in the kernel",
        class::BRK => "breakpoint in the kernel",
        class::FP_ACCESS => "vector instruction in the kernel",
        _ => "unexpected exception in the kernel",
    };
    report(frame, what, syndrome, address, sp_of(frame))
}

#[unsafe(no_mangle)]
extern "C" fn exception_el1_irq() {
    interrupt::dispatch();
    if cpu::pending() & PENDING_RESCHEDULE != 0 {
        (registered().kernel_preempt)();
    }
}

#[unsafe(no_mangle)]
extern "C" fn exception_el0_irq() {
    interrupt::dispatch();
}

#[unsafe(no_mangle)]
extern "C" fn exception_el0_sync(syndrome: u64, address: u64) {
    let class = syndrome >> 26;
    let status = syndrome & 0x3f;
    let cause = match class {
        class::SVC => return,
        class::FP_ACCESS => FaultCause::VectorUnit,
        class::WFX => FaultCause::Idle,
        class::DATA_ABORT_USER if status == STATUS_ALIGNMENT => FaultCause::Alignment,
        class::DATA_ABORT_USER if syndrome & (1 << 6) != 0 => FaultCause::Page(Access::Write),
        class::DATA_ABORT_USER => FaultCause::Page(Access::Read),
        class::INSTRUCTION_ABORT_USER => FaultCause::Page(Access::Execute),
        class::PC_ALIGNMENT | class::SP_ALIGNMENT => FaultCause::Alignment,
        class::BREAKPOINT_USER | class::STEP_USER | class::WATCHPOINT_USER | class::BRK => {
            FaultCause::Debug
        }
        _ => FaultCause::Illegal,
    };
    if let FaultCause::Page(access) = cause
        && (registered().mend_fault)(address, access)
    {
        return;
    }
    deliver(cause, address);
}

#[unsafe(no_mangle)]
extern "C" fn exception_el0_aarch32() {
    deliver(FaultCause::Illegal, 0);
}

fn deliver(cause: FaultCause, address: u64) {
    use aarch64_cpu::registers::{ELR_EL1, Readable};
    let fault = UserFault {
        cause,
        address,
        pc: ELR_EL1.get(),
    };
    (registered().user_fault)(&fault);
}

#[unsafe(no_mangle)]
extern "C" fn exception_user_work() {
    (registered().user_work)();
}

#[unsafe(no_mangle)]
extern "C" fn exception_serror(frame: &KernelFrame, syndrome: u64, address: u64) -> ! {
    report(frame, "system error", syndrome, address, sp_of(frame))
}

#[unsafe(no_mangle)]
extern "C" fn exception_el0_serror(frame: &UserFrame, syndrome: u64, address: u64) -> ! {
    let panic = PanicFrame {
        what: "system error while a program ran",
        registers: core::array::from_fn(|register| frame.register(register)),
        sp: frame.sp(),
        pc: frame.pc(),
        status: 0,
        syndrome,
        address,
    };
    (registered().kernel_fault)(&panic)
}

#[unsafe(no_mangle)]
extern "C" fn exception_unexpected(frame: &KernelFrame, syndrome: u64, address: u64) -> ! {
    report(
        frame,
        "unexpected exception vector",
        syndrome,
        address,
        sp_of(frame),
    )
}

#[unsafe(no_mangle)]
extern "C" fn exception_stack_overflow(
    frame: &KernelFrame,
    syndrome: u64,
    address: u64,
    sp: u64,
) -> ! {
    report(frame, "kernel stack overflow", syndrome, address, sp)
}
