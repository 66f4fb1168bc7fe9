//! What the filesystem tests share: random numbers, a model, devices that misbehave.
#![allow(dead_code, reason = "each test program uses a part of it")]

pub mod crash;
pub mod fixture;
pub mod forge;
pub mod model;
pub mod overlay;
pub mod random;
pub mod recorder;
pub mod workload;
