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
pub(super) mod page_memory;
pub(super) mod power;
pub(super) mod stack;
pub(super) mod switch;
pub(super) mod timer;
