//! The ViperOS kernel.
//!
//! A library that is the same on the machine and on the host: capability tables,
//! queues, address-space logic and the filesystem are plain safe Rust over the
//! narrow interface of [`arch`], which has an `aarch64` and a `host` back end.
//! `docs/architecture.md` says which module may name which; `cargo xtask check`
//! holds the code to it.
#![no_std]
#![deny(unsafe_code)]
#![cfg_attr(
    not(test),
    warn(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss
    )
)]

extern crate alloc;

pub mod account;
pub mod arch;
pub mod block;
pub mod cap;
pub mod console;
pub mod drivers;
pub mod entropy;
pub mod fs;
pub mod init;
pub mod ipc;
#[cfg(feature = "ktest")]
#[allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "tests, which are to stop where a number overflows"
)]
pub mod ktest;
pub mod limits;
pub mod mm;
pub mod process;
pub mod sched;
pub mod sync;
pub mod syscall;
pub mod time;
pub mod trace;
pub mod word;
#[cfg(any(all(test, not(feature = "model")), feature = "ktest"))]
#[allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "tests, which are to stop where a number overflows"
)]
mod workload;
