//! The standard library of ViperOS programs.
//!
//! Modules carry the names of Rust's own library where they do the same thing:
//! [`io`], [`fs`], [`env`](mod@env), [`process`], [`thread`], [`sync`], [`time`]. What is
//! ViperOS's own: [`assign`] (named directory capabilities, the only way to
//! files), [`args`] (argument templates), [`pattern`] (`#?` patterns), and
//! [`program`] (what a command is, and how it ends).
//!
//! Everything that decides something is plain logic that `cargo test -p viper`
//! runs on the host.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod args;
pub mod assign;
pub mod descriptor;
pub mod env;
pub mod fs;
pub mod io;
pub mod path;
pub mod pattern;
pub mod process;
pub mod program;
pub mod sync;
pub mod thread;
pub mod time;
pub mod words;

pub use abi;
pub use program::{Failure, Outcome, Program, Rc};
pub use rt;

/// Writes to standard output.
#[macro_export]
macro_rules! print {
    ($($arg:tt)*) => { $crate::io::print(::core::format_args!($($arg)*)) };
}

/// Writes a line to standard output.
#[macro_export]
macro_rules! println {
    () => { $crate::io::print(::core::format_args!("\n")) };
    ($($arg:tt)*) => { $crate::io::print(::core::format_args!("{}\n", ::core::format_args!($($arg)*))) };
}

/// Writes a line to standard error.
#[macro_export]
macro_rules! eprintln {
    ($($arg:tt)*) => { $crate::io::eprint(::core::format_args!("{}\n", ::core::format_args!($($arg)*))) };
}
