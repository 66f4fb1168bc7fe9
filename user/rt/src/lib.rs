//! Start-up, system calls, heap and threads of ViperOS programs.
//!
//! The bottom of user space: everything here stands between the kernel's
//! registers and safe Rust. [`stub`] holds one function for each row of the
//! system call table; the modules named after kernel objects wrap them over
//! slices and owned handles; [`startup`] reads what the parent handed over.
//!
//! Invariant: this crate is the only place of user space with `unsafe` code, so
//! whatever is built on it cannot break memory safety.
//!
//! On the host every system call answers `NotSupported`, so that libraries on
//! top of this one are tested with ordinary `cargo test`.
#![no_std]
#![deny(unsafe_code)]

extern crate alloc;

pub mod call;
pub mod channel;
pub mod directory;
pub mod event;
pub mod file;
pub mod futex;
pub mod handle;
mod heap;
pub mod hostile;
pub mod inherit;
pub mod job;
pub mod lock;
pub mod memory;
mod panic;
pub mod pipe;
pub mod port;
pub mod probe;
pub mod process;
mod start;
pub mod startup;
pub mod stream;
pub mod stub;
mod svc;
pub mod system;
pub mod terminal;
pub mod thread;
pub mod time;
pub mod timer;
pub mod trace;
pub mod upcall;

pub use abi;
pub use handle::OwnedHandle;

/// What a system call gives back.
pub type Result<T> = core::result::Result<T, abi::Error>;
