//! VirtIO devices over memory-mapped transports, on the `virtio-drivers` package.

mod blk;
mod hal;
mod rng;
mod transport;

pub use blk::VirtioBlk;
pub use rng::read_virtio_rng;
pub use transport::{VirtioError, VirtioKind, probe_virtio};
