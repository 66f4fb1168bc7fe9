//! Models of run queues, waits and switches: CPUs that idle, threads that come and go.

mod machine;
mod parking;
mod queues;
mod waits;

pub(crate) use machine::{MANY, all_end, boot, prepare, thread};
