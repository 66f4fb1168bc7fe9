//! Processes and their threads, as kernel objects.
//!
//! A [`Process`] is an address space and a handle table, charged to an account. Its
//! threads are the scheduler's; it ends when it says so, when its last thread ends, when a
//! fault is not mended, or when somebody with the right kills it. Ending closes every
//! handle and returns every page at once; the object lives on for those who ask how it
//! ended.
//!
//! A [`Job`] groups processes below limits.
//!
//! Lock order: a job's members, a process's thread list, then the scheduler's locks.
#![forbid(unsafe_code)]

mod clone;
mod elf;
mod exec;
mod fault;
mod job;
mod layout;
mod memory_object;
mod object;
mod oom;
mod registry;
mod restriction;
mod revocation;
mod spawn;
mod startup;
mod thread_object;
mod upcall;

pub use clone::clone_process;
pub use elf::LoadError;
pub use exec::{ExecRequest, exec};
pub use fault::handle_user_fault;
pub use job::{Job, JobError};
pub use layout::use_fixed_addresses;
pub use memory_object::{MemoryObject, ResizeError};
pub use object::{Exit, Process, current_process, process_of};
pub use registry::for_each_process;
pub use restriction::{RESTRICT_WORDS, Restrictions};
pub use revocation::revoke;
pub use spawn::{GivenHandle, SpawnError, SpawnRequest, spawn};
pub use startup::write_blob_entry;
pub use thread_object::ThreadObject;
