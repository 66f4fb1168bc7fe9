//! Upcalls: code of the program's own for its faults and for breaks.
#![allow(
    unsafe_code,
    reason = "runs on a stack of its own, in the middle of other code"
)]

use abi::Handle;
use abi::memory::MapFlags;
use abi::upcall::{UpcallKinds, UpcallRecord};
use core::sync::atomic::{AtomicUsize, Ordering};

use crate::memory::Mapping;
use crate::{Result, stub};

/// What is done at a fault or a break: looks at the record and may change where, and with
/// which registers, the thread goes on. It runs in the middle of anything, so it takes no
/// lock and no memory.
pub type Handler = fn(&mut UpcallRecord);

/// Bytes of the stack of a thread's upcalls.
const STACK_BYTES: usize = 64 * 1024;

/// The handler's address; one for all threads, as only one is ever set.
static HANDLER: AtomicUsize = AtomicUsize::new(0);

/// Upcalls of the thread that made this; they end when it goes out of scope.
#[derive(Debug)]
pub struct Upcalls {
    _stack: Mapping,
}

impl Upcalls {
    /// Makes the calling thread take upcalls of these kinds with `handler`.
    ///
    /// # Errors
    ///
    /// `AlreadyExists` where another handler is in use; `NoMemory`, `LimitReached`.
    pub fn new(kinds: UpcallKinds, handler: Handler) -> Result<Upcalls> {
        let address = handler as usize;
        let other = HANDLER.compare_exchange(0, address, Ordering::AcqRel, Ordering::Acquire);
        if other.is_err_and(|other| other != address) {
            return Err(abi::Error::AlreadyExists);
        }
        let flags = MapFlags::READ.union(MapFlags::WRITE);
        let stack = Mapping::anonymous(STACK_BYTES, flags)?;
        let top = stack.address().saturating_add(STACK_BYTES);
        // SAFETY: the entry keeps every register, and the stack is used by nothing else
        // and stays mapped as long as upcalls are taken.
        unsafe { stub::upcall_set(entry(), top as u64, u64::from(kinds.bits())) }?;
        Ok(Upcalls { _stack: stack })
    }
}

impl Drop for Upcalls {
    fn drop(&mut self) {
        // SAFETY: no address is set. The call cannot fail.
        let _ = unsafe { stub::upcall_set(0, 0, 0) };
        HANDLER.store(0, Ordering::Release);
    }
}

/// Makes a thread of a process that takes breaks take one.
///
/// # Errors
///
/// `AccessDenied` without the right `SIGNAL`; `BadState` where no thread takes breaks.
pub fn interrupt(process: Handle, code: u64) -> Result<()> {
    // SAFETY: the call takes no address.
    unsafe { stub::process_interrupt(process.0, code) }.map(|_| ())
}

#[cfg(target_os = "none")]
fn entry() -> u64 {
    unsafe extern "C" {
        fn upcall_entry();
    }
    upcall_entry as *const () as u64
}

#[cfg(not(target_os = "none"))]
fn entry() -> u64 {
    0
}

#[cfg(target_os = "none")]
core::arch::global_asm!(
    include_str!("upcall.S"),
    upcall_return = const abi::Syscall::UpcallReturn as u64,
    process_exit = const abi::Syscall::ProcessExit as u64,
);

/// Goes on from `upcall_entry`.
///
/// # Safety
///
/// Called by `upcall.S` with the record that the kernel wrote.
#[cfg(target_os = "none")]
#[unsafe(no_mangle)]
unsafe extern "C" fn upcall_rust(record: *mut UpcallRecord) {
    let handler = HANDLER.load(Ordering::Acquire);
    if handler != 0 {
        // SAFETY: only `Upcalls::new` stores it, from a `Handler`; the record is the
        // kernel's, on this upcall's own stack.
        unsafe {
            let handler: Handler = core::mem::transmute::<usize, Handler>(handler);
            handler(&mut *record);
        }
    }
}
