//! Directories and files as kernel objects, over a mounted volume.
//!
//! | module | what |
//! |---|---|
//! | `volume` | a mounted volume: the engine under one sleeping lock, its nodes, write-back |
//! | `node` | a file or directory in memory; a file's cached pages |
//! | `path` | walking a relative path from a directory |
//! | `directory`, `file` | the objects that handles refer to |
//!
//! File data is cached in the node's [`MemoryPages`](crate::mm::MemoryPages), which
//! mappings share. Writes go to the cache; `sync`, `fsync`, a periodic thread and a full
//! cache hand dirty pages to the engine. What `fsync` acknowledged is durable.
//!
//! Lock order: the volume's engine, then its node list, then a Memory's pages. User memory
//! is never touched under any of them.
#![forbid(unsafe_code)]

mod directory;
mod error;
mod file;
mod node;
mod path;
mod volume;

pub use directory::{Directory, Listed, OpenedNode};
pub use error::Error;
pub use file::File;
pub use node::Node;
pub use volume::{BlockDisk, MountedVolume, SharedDisk, flush_all_volumes};
