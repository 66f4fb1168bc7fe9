//! Threads: stacks, the start of a thread, its number.
//!
//! A thread runs on a mapping of its own; the kernel leaves a page unmapped on both
//! sides of what it places, and that is the guard. A thread cannot unmap the stack it
//! stands on. Who joins it keeps a few of them for the next threads; the stacks of
//! threads that nobody joins are collected when the next thread starts.
#![allow(unsafe_code, reason = "starts code on another stack")]

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use abi::memory::MapFlags;
use abi::process::ThreadArgs;
use abi::scheduling::Scheduling;
use abi::{Error, Handle, Signals};
use zerocopy::IntoBytes;

use crate::handle::fetch;
use crate::lock::Mutex;
use crate::memory::Mapping;
use crate::{OwnedHandle, Result, handle, process, stub};

/// Bytes of stack a thread gets where nobody says otherwise.
pub const STACK_BYTES: usize = 256 * 1024;

/// What `TPIDR_EL0` points to.
#[repr(C, align(16))]
struct ThreadBlock {
    /// Number of the thread in this process; the first is 1.
    number: u64,
    /// The number by which the kernel knows it as the holder of a lock; 0: not asked yet.
    holder: AtomicU32,
}

/// The block of the first thread.
static MAIN_BLOCK: ThreadBlock = ThreadBlock {
    number: 1,
    holder: AtomicU32::new(0),
};
/// The number the next thread gets.
static NEXT_NUMBER: AtomicU64 = AtomicU64::new(2);
/// Threads that nobody will join.
static DETACHED: Mutex<Vec<Thread>> = Mutex::new(Vec::new());

/// Stacks of [`STACK_BYTES`] that no thread runs on.
static STACKS: Mutex<[Option<Mapping>; 4]> = Mutex::new([const { None }; 4]);

/// A stack that nobody uses.
fn take_stack(bytes: usize) -> Result<Mapping> {
    if bytes == STACK_BYTES
        && let Some(stack) = STACKS.lock().iter_mut().find_map(Option::take)
    {
        return Ok(stack);
    }
    Mapping::anonymous(bytes, MapFlags::READ | MapFlags::WRITE)
}

/// Keeps a stack for the next thread, or unmaps it.
fn give_stack(stack: Mapping) {
    if stack.len() == STACK_BYTES
        && let Some(place) = STACKS.lock().iter_mut().find(|place| place.is_none())
    {
        *place = Some(stack);
    }
}

/// A started thread and the stack it runs on.
#[derive(Debug)]
struct Thread {
    handle: OwnedHandle,
    stack: Mapping,
}

impl Thread {
    /// Whether it has ended, so that its stack may go.
    fn has_ended(&self) -> bool {
        handle::wait(self.handle.get(), Signals::TERMINATED, abi::NOW).is_ok()
    }
}

/// A thread that can be waited for. Dropping it lets the thread go on alone.
#[derive(Debug)]
pub struct JoinHandle {
    thread: Option<Thread>,
}

impl JoinHandle {
    /// The handle of the thread object.
    pub fn handle(&self) -> Handle {
        self.thread
            .as_ref()
            .map_or(Handle::NONE, |thread| thread.handle.get())
    }

    /// Waits for the end of the thread.
    ///
    /// # Errors
    ///
    /// `Revoked` and the like, if somebody took the handle away.
    pub fn join(mut self) -> Result<()> {
        let Some(thread) = self.thread.take() else {
            return Err(Error::BadState);
        };
        match handle::wait(thread.handle.get(), Signals::TERMINATED, abi::NEVER) {
            Ok(_) => {
                give_stack(thread.stack);
                Ok(())
            }
            Err(error) => {
                self.thread = Some(thread);
                Err(error)
            }
        }
    }
}

impl Drop for JoinHandle {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            DETACHED.lock().push(thread);
        }
    }
}

/// Points the first thread at its block.
#[cfg(target_os = "none")]
pub(crate) fn enter_main() {
    let block = &raw const MAIN_BLOCK;
    // SAFETY: the register belongs to this thread, and the block lives for ever.
    unsafe { core::arch::asm!("msr tpidr_el0, {}", in(reg) block, options(nostack)) };
}

/// Number of the calling thread in this process; the first thread is 1.
pub fn current_number() -> u64 {
    block().number
}

/// The block of the calling thread.
fn block() -> &'static ThreadBlock {
    #[cfg(target_os = "none")]
    {
        let block: *const ThreadBlock;
        // SAFETY: reads a register of this thread.
        unsafe { core::arch::asm!("mrs {}, tpidr_el0", out(reg) block, options(nostack)) };
        // SAFETY: every thread's register is set to its block before Rust code runs, and the
        // block stays as long as the thread runs.
        unsafe { &*block }
    }
    #[cfg(not(target_os = "none"))]
    &MAIN_BLOCK
}

/// The number by which the kernel knows the calling thread as the holder of a lock.
pub(crate) fn holder_number() -> u32 {
    let known = block().holder.load(Ordering::Relaxed);
    if known != 0 {
        return known;
    }
    // SAFETY: the call takes no address.
    let number = unsafe { stub::thread_number() }.map_or(0, |[number, ..]| number);
    let number = u32::try_from(number).unwrap_or(0);
    block().holder.store(number, Ordering::Relaxed);
    number
}

/// The calling thread is another one than before: the copy of the thread that made it.
pub(crate) fn forget_holder_number() {
    block().holder.store(0, Ordering::Relaxed);
}

/// What a new thread is to run.
type Main = Box<dyn FnOnce() + Send + 'static>;

/// Starts a thread that runs `main` on a stack of `stack_bytes`.
///
/// # Errors
///
/// `NoMemory`, `LimitReached`.
pub fn spawn(stack_bytes: usize, main: Main) -> Result<JoinHandle> {
    DETACHED.lock().retain(|thread| !thread.has_ended());
    let bytes = stack_bytes
        .checked_next_multiple_of(abi::PAGE_SIZE)
        .ok_or(Error::InvalidArgument)?;
    let stack = take_stack(bytes)?;
    let block = place_block(&stack);
    let argument = Box::into_raw(Box::new(main));
    let args = ThreadArgs {
        entry: thread_start as *const () as u64,
        stack: block as u64,
        argument: argument as u64,
        tls: block as u64,
    };
    let address = args.as_bytes().as_ptr() as u64;
    // SAFETY: the entry takes the box over; the stack stays mapped until the thread has
    // ended, for only `Thread` holds it.
    match unsafe { stub::thread_create(address) } {
        Ok([value, ..]) => Ok(JoinHandle {
            thread: Some(Thread {
                handle: OwnedHandle::new(Handle(value)),
                stack,
            }),
        }),
        Err(error) => {
            // SAFETY: no thread was started, so the box is still ours.
            drop(unsafe { Box::from_raw(argument) });
            give_stack(stack);
            Err(error)
        }
    }
}

/// Puts the block of a new thread at the upper end of its stack.
fn place_block(stack: &Mapping) -> *mut ThreadBlock {
    let end = stack.address().saturating_add(stack.len());
    let block = end.saturating_sub(size_of::<ThreadBlock>()) as *mut ThreadBlock;
    let number = NEXT_NUMBER.fetch_add(1, Ordering::Relaxed);
    // SAFETY: the mapping is writable, page-aligned at its end (so the
    // block, a multiple of 16 bytes, is aligned), and not in use yet.
    unsafe {
        block.write(ThreadBlock {
            number,
            holder: AtomicU32::new(0),
        })
    };
    block
}

/// Where a new thread begins.
extern "C" fn thread_start(argument: *mut Main) -> ! {
    // SAFETY: `spawn` made the pointer from a box and gave it to this thread alone.
    let main = *unsafe { Box::from_raw(argument) };
    main();
    exit()
}

/// Ends the calling thread.
fn exit() -> ! {
    // SAFETY: the call takes no address; the stack stays mapped until it has ended.
    let _ = unsafe { stub::thread_exit() };
    process::exit(abi::process::RC_FAIL)
}

/// Lets another thread run.
pub fn yield_now() {
    // SAFETY: the call takes no address. It cannot fail.
    let _ = unsafe { stub::thread_yield() };
}

/// Sleeps until a point in time, in ns since boot.
///
/// # Errors
///
/// `Cancelled`, if somebody ended the sleep.
pub fn sleep_until(deadline: u64) -> Result<()> {
    // SAFETY: the call takes no address.
    unsafe { stub::thread_sleep(deadline) }.map(|_| ())
}

/// Sets class, priority and affinity of a thread. The real-time class and a priority above
/// 0 take a job the thread is in or below; else `job` may be [`Handle::NONE`].
///
/// # Errors
///
/// `AccessDenied` without `MANAGE` on either, or without a job where one is needed;
/// `InvalidArgument` for a class, priority, affinity or job that does not fit;
/// `LimitReached` where the job has no budget for real-time threads.
pub fn set_scheduling(thread: Handle, wanted: &Scheduling, job: Handle) -> Result<()> {
    let address = wanted.as_bytes().as_ptr() as u64;
    // SAFETY: the kernel only reads the record.
    unsafe { stub::thread_set_scheduling(thread.0, address, job.0) }.map(|_| ())
}

/// Class, priority and affinity of a thread.
///
/// # Errors
///
/// `AccessDenied` without the right `INSPECT`.
pub fn scheduling(thread: Handle) -> Result<Scheduling> {
    fetch(|address, _| {
        // SAFETY: `address` is that of a `Scheduling` of our own.
        unsafe { stub::thread_scheduling(thread.0, address) }
    })
}
