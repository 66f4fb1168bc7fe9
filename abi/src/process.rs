//! Processes: spawning, ending, asking about them.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::Handle;

/// Return code of a program that did what was asked.
pub const RC_OK: i32 = 0;
/// Return code of a program that has something to point out.
pub const RC_WARN: i32 = 5;
/// Return code of a program that failed to do what was asked.
pub const RC_ERROR: i32 = 10;
/// Return code of a program that failed altogether; also what a fault gives.
pub const RC_FAIL: i32 = 20;

/// Longest process name kept by the kernel, in bytes.
pub const PROCESS_NAME_MAX: usize = 32;
/// Most handles given to a new process.
pub const SPAWN_HANDLES_MAX: usize = 64;
/// Most bytes of arguments, environment and names given to a new process.
pub const SPAWN_BLOB_MAX: usize = 128 * 1024;

/// Arguments of `process_spawn`, by address.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SpawnArgs {
    /// File to run; needs `EXECUTE` and `READ`.
    pub file: Handle,
    /// Address and length in bytes of the process name (UTF-8).
    pub name: u64,
    /// Length of `name` in bytes, at most [`PROCESS_NAME_MAX`]; longer is cut.
    pub name_len: u64,
    /// Address of the start-up blob ([`crate::startup`]).
    pub blob: u64,
    /// Length of the blob in bytes, at most [`SPAWN_BLOB_MAX`].
    pub blob_len: u64,
    /// Address of an array of [`SpawnHandle`].
    pub handles: u64,
    /// Number of elements in `handles`, at most [`SPAWN_HANDLES_MAX`].
    pub handle_count: u64,
    /// Must be zero.
    pub flags: u64,
    /// The job it is started in; needs `CREATE`. 0: the caller's.
    pub job: Handle,
}

const _: () = assert!(size_of::<SpawnArgs>() == 72);

/// One handle given to a new process. The giver keeps its own (a copy is
/// given, which needs `DUPLICATE` and `TRANSFER`) unless `moved` is 1.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SpawnHandle {
    /// The giver's handle.
    pub handle: Handle,
    /// Rights the new process gets, at most those of `handle`.
    pub rights: u32,
    /// What it is for: a [`crate::startup::Tag`] code.
    pub tag: u32,
    /// Which one of several with the same tag.
    pub index: u32,
    /// 1: the handle leaves the giver (needs `TRANSFER` only); 0: it is copied.
    pub moved: u32,
}

const _: () = assert!(size_of::<SpawnHandle>() == 24);

/// How a process stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum ProcessState {
    /// At least one thread lives.
    Running = 1,
    /// It called `process_exit` or its last thread ended.
    Exited = 2,
    /// A fault ended it.
    Faulted = 3,
    /// Somebody with the right `MANAGE` ended it.
    Killed = 4,
}

/// What kind of fault ended a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum FaultKind {
    /// No fault.
    None = 0,
    /// Load from an address that may not be read.
    Read = 1,
    /// Store to an address that may not be written.
    Write = 2,
    /// Instruction fetch from an address that may not be executed.
    Execute = 3,
    /// Instruction that does not exist or is not allowed.
    Illegal = 4,
    /// Address with the wrong alignment.
    Alignment = 5,
    /// The stack grew into its guard.
    StackOverflow = 6,
    /// Breakpoint or single step without a debugger.
    Debug = 7,
    /// A file page could not be read.
    Io = 8,
    /// No memory for a page.
    NoMemory = 9,
    /// A handle that it does not have, where that was made fatal.
    BadHandle = 10,
    /// A call that it gave up, where that was made fatal.
    BadCall = 11,
}

bitflags::bitflags! {
    /// What `process_restrict` makes fatal.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct RestrictFlags: u32 {
        /// A call with a handle that the process does not have ends it.
        const BAD_HANDLE_ENDS = 1 << 0;
        /// A call that was given up ends the process, instead of failing.
        const BAD_CALL_ENDS = 1 << 1;
    }
}

impl FaultKind {
    /// The kind with this code.
    pub const fn from_code(code: u32) -> Option<FaultKind> {
        Some(match code {
            0 => FaultKind::None,
            1 => FaultKind::Read,
            2 => FaultKind::Write,
            3 => FaultKind::Execute,
            4 => FaultKind::Illegal,
            5 => FaultKind::Alignment,
            6 => FaultKind::StackOverflow,
            7 => FaultKind::Debug,
            8 => FaultKind::Io,
            9 => FaultKind::NoMemory,
            10 => FaultKind::BadHandle,
            11 => FaultKind::BadCall,
            _ => return None,
        })
    }

    /// Words for a person, to follow "the program died:".
    pub const fn text(self) -> &'static str {
        match self {
            FaultKind::None => "no fault",
            FaultKind::Read => "read from a bad address",
            FaultKind::Write => "write to a bad address",
            FaultKind::Execute => "jump to a bad address",
            FaultKind::Illegal => "illegal instruction",
            FaultKind::Alignment => "misaligned address",
            FaultKind::StackOverflow => "stack overflow",
            FaultKind::Debug => "breakpoint",
            FaultKind::Io => "page could not be read from disk",
            FaultKind::NoMemory => "out of memory",
            FaultKind::BadHandle => "use of a handle it does not have",
            FaultKind::BadCall => "call that it gave up",
        }
    }
}

/// Answer of `process_info`, and one row of the process list of `system_info`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ProcessInfo {
    /// Number of the process, never used twice.
    pub id: u64,
    /// Number of the process that spawned it, 0 for the first.
    pub parent: u64,
    /// [`ProcessState`] code.
    pub state: u32,
    /// Return code once it has ended.
    pub exit_code: i32,
    /// [`FaultKind`] code.
    pub fault_kind: u32,
    /// Live threads.
    pub threads: u32,
    /// Address of the fault; 0 for every address outside user space.
    pub fault_address: u64,
    /// Program counter of the fault.
    pub fault_pc: u64,
    /// Open handles.
    pub handles: u64,
    /// Pages of memory charged to it.
    pub pages: u64,
    /// Pages of page tables charged to it.
    pub tables: u64,
    /// Bytes of kernel objects, stacks, tables and messages on their way charged to it.
    pub kernel_bytes: u64,
    /// CPU time used, in ns.
    pub cpu_ns: u64,
    /// Start, in ns since boot.
    pub start_ns: u64,
    /// Times a thread of it got a CPU.
    pub switches: u64,
    /// Number of its job.
    pub job: u64,
    /// Name, padded with zeros.
    pub name: [u8; PROCESS_NAME_MAX],
}

const _: () = assert!(size_of::<ProcessInfo>() == 144);

/// Arguments of `thread_create`, by address.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ThreadArgs {
    /// First instruction.
    pub entry: u64,
    /// Initial stack pointer, a multiple of 16.
    pub stack: u64,
    /// Value of `x0` at the entry.
    pub argument: u64,
    /// Value of `TPIDR_EL0`.
    pub tls: u64,
}

const _: () = assert!(size_of::<ThreadArgs>() == 32);
