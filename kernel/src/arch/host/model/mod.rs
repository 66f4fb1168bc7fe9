//! The machine of the models: every step of every CPU is somebody's choice.
//!
//! With the feature `model` the atomics of `sync` go through [`atomic`] and the CPUs
//! through [`cpu`]. Inside of [`explore`] each is a point where the schedule may change:
//! *loom* tries all schedules, up to a number of preemptions, and all values a load may
//! return by the memory model; *shuttle* tries random schedules, one memory order for all,
//! and is for what is too large for loom. The code between those points is the kernel's.
//!
//! A [`Plant`] is a mistake that a model has to find: one of them can be chosen for a
//! process (`planted`). Without the feature it is `false` for the compiler.

pub mod atomic;
pub mod baton;
pub mod cell;
pub mod cpu;
mod explore;
mod plant;
mod stock;
#[cfg(test)]
pub mod test;

use super::std;

pub use explore::{Backend, Explorer, SpawnedCpu, spawn_cpu};
pub use plant::planted;

pub(super) use explore::{backend, execution, give_way, point, task};
