//! Builds of everything: kernel, programs, host tools.

pub mod flags;
pub mod guest;
pub mod host_tools;
pub mod packages;
pub mod system;
