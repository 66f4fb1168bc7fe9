//! Tests of the system from inside.
//!
//! [`selftest`] is the program `SelfTest`: it runs every [`case`] and prints one
//! line for each. The other modules are programs it starts, or that scenarios
//! outside start: [`child`], [`bomb`], [`fault`],
//! [`hostile`], [`share`], [`soak`] and [`writer`].
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod bomb;
pub mod case;
pub mod child;
pub mod fault;
pub mod hostile;
pub mod inversion;
pub mod selftest;
pub mod share;
pub mod soak;
pub mod writer;

#[doc(hidden)]
pub use alloc::format as __format;
