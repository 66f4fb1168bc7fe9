//! The machine: one explicit list of names, two back ends.
//!
//! `aarch64` is the machine itself, `host` lets the portable kernel run as an
//! ordinary program. Nothing outside this module contains assembly or asks for
//! the target. It calls up only through the [`Hooks`] that start-up registers.
#![allow(unsafe_code, reason = "the machine interface")]
#![allow(
    clippy::indexing_slicing,
    reason = "CPU numbers and register numbers are below their limits"
)]

#[cfg(target_os = "none")]
mod aarch64;
#[cfg(target_os = "none")]
use aarch64 as back_end;

#[cfg(not(target_os = "none"))]
mod host;
#[cfg(not(target_os = "none"))]
use host as back_end;

#[cfg(feature = "model")]
pub use host::model;

mod context;
mod hooks;
mod mark;
mod page;

pub use back_end::atomic;
pub use back_end::boot::{BootInfo, CpuStart, StartError, init_secondary_cpu, start_cpu};
pub use back_end::copy::{copy_from_user, copy_to_user, load_user_u32};
pub use back_end::cpu::{
    CpuMarks, Features, IrqState, ThisCpu, calls_made, cpu_id, cpu_model, features,
    hardware_random, interrupts_taken, irq_disable, irq_enable, irq_restore, irq_save,
    irqs_enabled, marks_of, pending, raise_pending, running_place, spin_hint, synchronize_code,
    take_pending, this_cpu, wait_for_interrupt,
};
pub use back_end::exception::{direct_call, long_call, try_call};
pub use back_end::interrupt::{
    GicConfig, enable_line, gic_version, init_gic, init_gic_cpu, send_ipi,
};
pub use back_end::mmu::{
    ImageLayout, activate_kernel_table, dma_barrier, empty_table, extend_boot_map, flush_all,
    flush_asid, flush_page, image_layout, image_tail, leave_program_space, phys_to_virt,
    publish_tables, virt_to_phys,
};
pub use back_end::page_memory::{copy_page, zero_page};
pub use back_end::power::{
    power_off, reboot, semihosting_exit, semihosting_write, set_firmware_call,
};
pub use back_end::stack::{backtrace, halt_forever, stack_id};
pub use back_end::switch::{
    copy_registers, leave, load_vector_state, prepare_kernel_thread, replace_registers, resume,
    switch,
};
pub use back_end::timer::{arm_timer, counter, counter_hz, disarm_timer, init_timer};
pub use context::{Context, Start, UserFrame, VectorState};
pub use hooks::{
    Access, DirectHandler, FaultCause, Handover, Hooks, LongHandler, PENDING_ATTENTION,
    PENDING_BLOCKED, PENDING_RESCHEDULE, PENDING_YIELD, PanicFrame, ShortHandler, ShortResult,
    SyscallTable, UserFault, Words, hooks, set_hooks,
};
pub use mark::terminal_idle_mark;
pub use page::{
    Descriptor, KERNEL_STACKS_BASE, MMIO_BASE, MemoryType, PHYS_MAP_BASE, PageFlags, TABLE_ENTRIES,
    image_slide,
};
