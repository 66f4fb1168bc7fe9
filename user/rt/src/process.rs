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
