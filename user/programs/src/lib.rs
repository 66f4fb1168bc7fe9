//! The commands of ViperOS, one module each.
//!
//! Each module holds a `PROGRAM`: name, template, help and main function. The
//! binaries are one line each, so that [`help`] knows every template and the logic
//! is tested on the host.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod avail;
pub mod caps;
pub mod catalogue;
pub mod cls;
pub mod copy;
pub mod date;
pub mod delete;
pub mod dir;
pub mod echo;
pub mod help;
pub mod list;
pub mod makedir;
pub mod reboot;
pub mod rename;
pub mod schedstat;
pub mod schedstress;
pub mod selection;
pub mod shutdown;
pub mod size;
pub mod snapshot;
pub mod statistics;
pub mod status;
pub mod time;
pub mod top;
pub mod trace;
pub mod tree;
pub mod type_text;
pub mod uptime;
pub mod usage;
pub mod usage_table;
pub mod version;
pub mod wait;
pub mod workload;
