//! Models of the locks, references and queues, under all memory orders.

mod locks;
mod readers;
mod references;
mod sleepers;
