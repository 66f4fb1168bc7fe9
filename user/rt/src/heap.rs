//! The heap of a program: talc over pages mapped as they are needed.
#![allow(unsafe_code, reason = "hands mapped pages to the allocator")]

use core::alloc::Layout;

use abi::Handle;
use abi::memory::MapFlags;
use talc::TalcLock;
use talc::base::{Talc, binning::Binning};
use talc::source::Source;

use crate::lock::RawFutexMutex;
use crate::memory;

/// Least bytes mapped at once. Pages cost nothing until they are touched.
const CHUNK_BYTES_MIN: usize = 256 * 1024;
/// Room for the allocator's own records in a chunk.
const CHUNK_OVERHEAD: usize = 4 * abi::PAGE_SIZE;

/// The heap itself; on the host, the host's own one is used instead.
#[cfg_attr(target_os = "none", global_allocator)]
#[cfg_attr(
    not(target_os = "none"),
    allow(dead_code, reason = "the host has its own heap")
)]
static HEAP: TalcLock<RawFutexMutex, MappedPages> = TalcLock::new(MappedPages);

/// Where the heap gets its memory: fresh mappings of this process.
#[derive(Debug)]
struct MappedPages;

// SAFETY: `acquire` uses no allocator but the one it is given; it returns `Ok` only
// after claiming a chunk that holds the request.
unsafe impl Source for MappedPages {
    fn acquire<B: Binning>(talc: &mut Talc<Self, B>, layout: Layout) -> Result<(), ()> {
        let wanted = layout.size().checked_add(layout.align()).ok_or(())?;
        let wanted = wanted.checked_add(CHUNK_OVERHEAD).ok_or(())?;
        let bytes = wanted
            .max(CHUNK_BYTES_MIN)
            .checked_next_multiple_of(abi::PAGE_SIZE);
        let bytes = bytes.ok_or(())?;
        let flags = MapFlags::READ | MapFlags::WRITE;
        let start = memory::map(Handle::NONE, 0, bytes, 0, flags).map_err(|_| ())?;
        // SAFETY: the kernel has just mapped `bytes` fresh bytes at `start`, which nobody
        // else knows of and nobody unmaps.
        let claimed = unsafe { talc.claim(start as *mut u8, bytes) };
        claimed.map(|_| ()).ok_or(())
    }
}
