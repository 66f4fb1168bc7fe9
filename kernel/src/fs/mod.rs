//! Filesystems: the ViperFS engine, and the objects over it.

pub mod vfs;
pub mod viperfs;
