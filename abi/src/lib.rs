//! What kernel and programs agree on: calls, errors, rights, records.
//!
//! Everything here is plain data. The [`for_each_syscall!`] table is the single
//! source of the system call interface: the kernel's dispatch, the user stubs,
//! the trace names, the reference page and the argument fuzzer come from it.
//!
//! Register convention (`svc #0`): number in `x8`, arguments in `x0`–`x5`. On
//! return `x0` is 0 or an [`Error`] code, `x1`–`x3` carry values, every other
//! caller-saved register (`x4`–`x18`) reads as zero, and `x19`–`x30`, `sp` and
//! the vector registers are unchanged.
#![no_std]
#![forbid(unsafe_code)]

pub mod error;
pub mod fs;
pub mod handle;
pub mod job;
pub mod lock;
pub mod memory;
pub mod process;
pub mod rights;
pub mod scheduling;
pub mod signal;
pub mod startup;
pub mod syscall;
pub mod system;
pub mod terminal;
pub mod trace;
pub mod upcall;

pub use error::Error;
pub use handle::{Handle, ObjectKind};
pub use rights::Rights;
pub use signal::Signals;
pub use syscall::{SYSCALLS, Syscall, SyscallInfo};

/// Version of this interface; a program built for another one is refused by name.
pub const ABI_VERSION: u32 = 1;

/// Bytes in one page of memory.
pub const PAGE_SIZE: usize = 4096;

/// First address above the lowest 64 KiB, which can never be mapped.
pub const USER_START: u64 = 0x1_0000;

/// First address beyond user space.
pub const USER_END: u64 = 1 << 47;

/// A deadline that never comes.
pub const NEVER: u64 = u64::MAX;

/// A deadline that has already passed: look, do not wait.
pub const NOW: u64 = 0;
