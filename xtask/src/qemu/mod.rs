//! The machine: QEMU's command line, its process and its control connections.

pub mod command_line;
pub mod execution;
pub mod gdb_remote;
pub mod machine;
pub mod process;
pub mod qmp;
pub mod transcript;
