//! Memory: frames, the kernel heap, page tables, address spaces, Memory pages.
//!
//! The life of a page: [`frame`] hands out a zeroed [`Frame`]; a [`PageMap`] of a
//! [`MemoryPages`] or a page table entry of an [`AddressSpace`] owns a reference to
//! it; the last reference returns it. Programs' pages come on the first touch
//! (`AddressSpace::fault`), file pages from a [`PageSource`].
//!
//! Invariants: a frame is zeroed before it reaches a program; no mapping is writable
//! and executable at once; user memory is reached only through [`user`].

mod address_clone;
mod address_space;
mod advice;
mod asid;
mod block_map;
mod fault;
mod frame;
mod frame_cache;
mod frame_pool;
#[allow(unsafe_code, reason = "the global allocator")]
#[cfg_attr(
    not(test),
    expect(clippy::indexing_slicing, reason = "classes come from a table of them")
)]
mod heap;
mod kernel_map;
mod kernel_stack;
mod layout;
mod mappers;
mod memory;
mod memory_clone;
mod page_map;
mod page_table;
mod reclaim;
mod reservation;
pub mod shortage;
mod translation;
mod unmap;
mod user;
mod vma;
mod word_key;

pub use address_space::{AddressSpace, FaultError, MapError, MapRequest};
pub use asid::{asid_generations, limit_asid_bits};
pub use frame::{Frame, Purpose};
pub use frame_pool::{MemoryUse, add_memory, free_frames, memory_use};
pub use heap::KernelHeap;
#[cfg(feature = "ktest")]
pub use kernel_map::for_each_kernel_mapping;
pub use kernel_map::{KernelMapError, init_kernel_map, map_device};
pub use kernel_stack::KernelStack;
pub use layout::Layout;
pub use memory::{MemoryPages, PageSource, SourceError};
pub use reclaim::{reclaim, set_reclaimer};
pub use reservation::{HeapReservation, HeapReserve, RESERVE_RUN_BYTES, has_reservation};
pub use translation::Translation;
pub use user::{
    CopyError, UserReader, UserWriter, copy_present_in, copy_present_out, is_user_word,
    load_present_u32, load_to_write_u32, load_user_u32,
};
pub use vma::Backing;
pub use word_key::WordKey;

/// Bytes in a page, as the page tables count.
pub const PAGE: u64 = abi::PAGE_SIZE as u64;

#[cfg(test)]
pub(crate) mod tests {
    extern crate std;

    use std::sync::Mutex;

    static MEMORY: Mutex<bool> = Mutex::new(false);

    /// Runs a test alone with the host's pretended physical memory.
    pub(crate) fn with_memory(test: impl FnOnce()) {
        let mut ready = MEMORY
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if !*ready {
            super::add_memory(0x4000_0000, 0x4400_0000, &[(0x4000_0000, 0x4010_0000)]).unwrap();
            *ready = true;
        }
        test();
    }
}
