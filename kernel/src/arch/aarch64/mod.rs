//! The AArch64 back end.

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

pub use core::sync::atomic;
