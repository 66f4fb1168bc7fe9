//! Processes: starting, ending, asking about them.
#![allow(
    unsafe_code,
    reason = "passes addresses of its callers' slices to the kernel"
)]

use abi::Handle;
use abi::process::{ProcessInfo, RestrictFlags, SpawnArgs, SpawnHandle};
use abi::{SYSCALLS, SyscallInfo};
use zerocopy::IntoBytes;

use crate::handle::fetch;
use crate::{OwnedHandle, Result, stub};

/// Starts the program in `file`, in `job` or with [`Handle::NONE`] in this process's own.
///
/// # Errors
///
/// `NotExecutable`, `AccessDenied`, `NoMemory`, … as in the table.
pub fn spawn(
    file: Handle,
    name: &str,
    blob: &[u8],
    handles: &[SpawnHandle],
    job: Handle,
) -> Result<OwnedHandle> {
    let args = SpawnArgs {
        file,
        name: name.as_ptr() as u64,
        name_len: name.len() as u64,
        blob: blob.as_ptr() as u64,
        blob_len: blob.len() as u64,
        handles: handles.as_bytes().as_ptr() as u64,
        handle_count: handles.len() as u64,
        flags: 0,
        job,
    };
    let address = args.as_bytes().as_ptr() as u64;
    // SAFETY: the kernel only reads `args` and the three slices it names.
    let [process, ..] = unsafe { stub::process_spawn(address) }?;
    Ok(OwnedHandle::new(Handle(process)))
}

/// Which of the two a call of [`clone`] returned to.
#[derive(Debug)]
pub enum Side {
    /// The caller, with a handle to the copy.
    Original(OwnedHandle),
    /// The copy, with handles to its own process and thread: what the start-up record
    /// names as such are the original's.
    Copy {
        /// The copy's process.
        process: Handle,
        /// Its only thread.
        thread: Handle,
    },
}

/// Makes a copy of this process with only the calling thread: the same memory, and the
/// same handles as far as they may be duplicated.
///
/// Locks that other threads hold stay locked in the copy for ever: a process with
/// several threads lets its copy do little but exit or [`exec`].
///
/// # Errors
///
/// `NoMemory`, `LimitReached`.
pub fn clone() -> Result<Side> {
    // SAFETY: the call takes no address. The copy has its own memory, where everything
    // is as it was here; it is this thread's alone.
    let [original, process, thread] = unsafe { stub::process_clone() }?;
    Ok(match original {
        0 => {
            crate::thread::forget_holder_number();
            Side::Copy {
                process: Handle(process),
                thread: Handle(thread),
            }
        }
        process => Side::Original(OwnedHandle::new(Handle(process))),
    })
}

/// Runs the program in `file` in this process. Nothing is left of what runs now but
/// `handles`, each as it is: with all its rights, and marked as moved.
///
/// # Errors
///
/// Always one, for it returns only then: `NotExecutable`, `BadState` where there are
/// other threads, … as in the table.
pub fn exec(file: Handle, blob: &[u8], handles: &[SpawnHandle]) -> abi::Error {
    let args = SpawnArgs {
        file,
        blob: blob.as_ptr() as u64,
        blob_len: blob.len() as u64,
        handles: handles.as_bytes().as_ptr() as u64,
        handle_count: handles.len() as u64,
        ..SpawnArgs::default()
    };
    let address = args.as_bytes().as_ptr() as u64;
    // SAFETY: the kernel only reads `args` and the slices it names; where it succeeds
    // nothing of this program runs again.
    match unsafe { stub::process_exec(address) } {
        Ok(_) => abi::Error::BadState,
        Err(error) => error,
    }
}

/// Ends this process at once; nothing is flushed.
pub fn exit(code: i32) -> ! {
    // SAFETY: the call takes no address.
    let _ = unsafe { stub::process_exit(i64::from(code).cast_unsigned()) };
    #[cfg(not(target_os = "none"))]
    panic!("there is no process to end on the host");
    // The kernel has no way to refuse; a panic here would end up here again.
    #[cfg(target_os = "none")]
    loop {
        core::hint::spin_loop();
    }
}

/// Ends a process; its return code becomes `code`.
///
/// # Errors
///
/// `AccessDenied` without the right `MANAGE`.
pub fn kill(process: Handle, code: i32) -> Result<()> {
    let code = i64::from(code).cast_unsigned();
    // SAFETY: the call takes no address.
    unsafe { stub::process_kill(process.0, code) }.map(|_| ())
}

/// Gives up every call that `is_kept` says no to, for this process and its children and for
/// good, and makes things fatal.
///
/// # Errors
///
/// None is known.
pub fn restrict(flags: RestrictFlags, is_kept: impl Fn(&SyscallInfo) -> bool) -> Result<()> {
    let mut mask = [0u64; 2];
    for call in SYSCALLS.iter().filter(|call| is_kept(call)) {
        let word = usize::try_from(call.number / 64).ok();
        if let Some(word) = word.and_then(|word| mask.get_mut(word)) {
            *word |= 1 << (call.number % 64);
        }
    }
    let bytes = mask.as_bytes();
    let (address, length) = (bytes.as_ptr() as u64, bytes.len() as u64);
    // SAFETY: the kernel only reads the mask.
    unsafe { stub::process_restrict(u64::from(flags.bits()), address, length) }.map(|_| ())
}

/// Asks about a process, running or ended.
///
/// # Errors
///
/// `AccessDenied` without the right `INSPECT`.
pub fn info(process: Handle) -> Result<ProcessInfo> {
    fetch(|address, _| {
        // SAFETY: `address` is that of a `ProcessInfo` of our own.
        unsafe { stub::process_info(process.0, address) }
    })
}
