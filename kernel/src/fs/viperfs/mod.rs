//! The ViperFS engine: a copy-on-write filesystem over a block device.
//!
//! Everything on disk is reached from a superblock through checksummed trees. Changes
//! go to new places; a commit makes them visible by one superblock. The same engine
//! runs in the kernel, in the host tools and in the tests.
//!
//! ```text
//! 0        64 KiB            128 KiB ...
//! boot     superblocks 0,1   intent log (reserved) | group 0 | group 1 | ...
//!          group: [bitmap slot 0][bitmap slot 1][nodes and file data ...]
//!          superblocks again at 64 MiB (or the middle) and in the last 1 MiB
//! ```
//!
//! | module | responsibility |
//! |---|---|
//! | `layout` | bytes and types of everything on disk |
//! | `disk` | blocks on a device, writes in flight |
//! | `node_cache`, `store` | nodes in memory, read with checks, mended, made writable |
//! | `btree` | trees of items |
//! | `space` | which blocks are free, and from when |
//! | `create`, `mount`, `rebuild` | the start of a volume's life, and its way back |
//! | `transaction`, `commit` | what makes changes whole and durable |
//! | `memory_need` | memory to set aside before an operation |
//! | `inode`, `dir`, `name`, `fold`, `link` | files, directories and names |
//! | `extent_map`, `read`, `write`, `truncate`, `orphan` | the bytes of files |
//! | `check` | is everything on a volume as it has to be |
//!
//! Key types: [`Volume`], [`MountOptions`], [`FormatOptions`], [`Error`].
//!
//! Invariants: nothing a durable superblock leads to is overwritten; no content of a
//! disk can make the engine panic, loop without end or take memory without bound.
#![forbid(unsafe_code)]

mod btree;
pub mod check;
mod commit;
mod create;
mod dir;
mod disk;
mod error;
mod extent_map;
mod fold;
mod inode;
pub mod layout;
mod link;
mod memory_need;
mod mount;
mod name;
mod node_cache;
mod options;
mod orphan;
mod read;
mod rebuild;
mod space;
mod store;
mod transaction;
mod truncate;
mod volume;
mod write;

pub use create::LABEL_BYTES_MAX;
pub use dir::{DirEntry, Found};
pub use error::{Error, Result};
pub use inode::{Attributes, Stat};
pub use layout::inode::Kind;
pub use link::{NewNode, Place, RenameOptions};
pub use name::Case;
pub use options::{FormatOptions, MountOptions};
pub use store::Statistics;
pub use volume::{Usage, Volume};
