//! Models of run queues, waits and switches on a small machine.

mod machine;
mod parking;
mod queues;
mod waits;

pub(crate) use machine::{MANY, all_end, boot, prepare, thread};
