//! The command line of ViperOS: language, line editor, built-in commands.
//!
//! [`language`] turns text into statements; [`script`] runs them in order and knows
//! when to stop; [`session`] holds what lasts from one command to the next and
//! starts programs; [`builtin`] are the commands that change the session itself;
//! [`editor`] turns key strokes into lines, and [`completion`] helps it.
//!
//! Language, script, editor and completion are plain logic, tested on the host.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod builtin;
pub mod completion;
pub mod confinement;
pub mod console;
pub mod editor;
pub mod grant;
pub mod job;
pub mod language;
pub mod launch;
pub mod program;
pub mod script;
pub mod session;
