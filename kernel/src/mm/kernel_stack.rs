//! Kernel stacks: 32 KiB each, with as much unmapped below.
//!
//! A stack starts at a multiple of twice its size, so that vectors.S can tell by one bit
//! of the stack pointer that it ran out. Stacks are never unmapped: a returned one waits
//! for the next thread.
#![forbid(unsafe_code)]

use alloc::vec::Vec;

use crate::arch::KERNEL_STACKS_BASE;
use crate::limits::KERNEL_STACK_BYTES;
use crate::sync::SpinLock;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::word;

use super::frame::{Frame, Purpose};
use super::kernel_map::{KernelMapError, map_stack_page};

const STACK: u64 = KERNEL_STACK_BYTES as u64;

static NEXT: AtomicU64 = AtomicU64::new(KERNEL_STACKS_BASE);
static RETURNED: SpinLock<Vec<u64>> = SpinLock::new(Vec::new());

/// A kernel stack of one thread.
#[derive(Debug)]
pub struct KernelStack {
    base: u64,
}

impl KernelStack {
    /// A stack.
    ///
    /// # Errors
    /// [`KernelMapError`] where there is no memory.
    pub fn new() -> Result<KernelStack, KernelMapError> {
        if cfg!(feature = "model") {
            return Ok(KernelStack { base: 0 });
        }
        {
            let mut returned = RETURNED.lock();
            if let Some(base) = returned.pop() {
                return Ok(KernelStack { base });
            }
        }
        let base = NEXT.fetch_add(2 * STACK, Ordering::Relaxed);
        // Room to return it is reserved now, so that returning cannot fail.
        {
            let stacks = (base.saturating_sub(KERNEL_STACKS_BASE) / (2 * STACK)).saturating_add(1);
            let mut returned = RETURNED.lock();
            let missing = word::index(stacks).saturating_sub(returned.len());
            returned.try_reserve(missing).map_err(|_| KernelMapError)?;
        }
        for page in (base..base.saturating_add(STACK)).step_by(abi::PAGE_SIZE) {
            let frame = Frame::zeroed(Purpose::Heap).ok_or(KernelMapError)?;
            map_stack_page(page, frame)?;
        }
        Ok(KernelStack { base })
    }

    /// First address above the stack.
    pub fn top(&self) -> u64 {
        self.base.saturating_add(STACK)
    }

    /// Lowest address of the stack.
    pub fn base(&self) -> u64 {
        self.base
    }
}

impl Drop for KernelStack {
    fn drop(&mut self) {
        if cfg!(not(feature = "model")) {
            RETURNED.lock().push(self.base);
        }
    }
}
