//! What the filesystem tests share: random numbers, a model, devices that misbehave.
#![allow(dead_code, reason = "each test program uses a part of it")]

pub mod fixture;
pub mod model;
pub mod random;
