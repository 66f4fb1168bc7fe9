//! The host back end: lets the portable kernel run as an ordinary program.
//!
//! One "CPU", interrupts that only remember whether they are masked, physical
//! memory in one allocation. The only place in the kernel that names `std`.

extern crate std;

pub(super) mod boot;
pub(super) mod copy;
pub(super) mod cpu;
pub(super) mod exception;
pub(super) mod interrupt;
pub(super) mod mmu;
#[cfg(feature = "model")]
pub mod model;
pub(super) mod page_memory;
pub(super) mod power;
#[cfg(not(feature = "model"))]
mod single;
pub(super) mod stack;
pub(super) mod switch;
pub(super) mod timer;

#[cfg(not(feature = "model"))]
pub use core::sync::atomic;
#[cfg(feature = "model")]
pub use model::atomic;
