//! Filesystems: the ViperFS engine, and later the objects over it.

pub mod viperfs;
