//! Physical pages: who owns them, what they are used for.
//!
//! Each page has a word with its count of references and its purpose. A [`Frame`] is one
//! counted reference; the last one gives the page back to the cache of its CPU
//! ([`frame_cache`](super::frame_cache)), and that to the pool
//! ([`frame_pool`](super::frame_pool)).
#![allow(unsafe_code, reason = "the physical map is raw memory")]

use abi::PAGE_SIZE;

use crate::arch::{copy_page, phys_to_virt, zero_page};
use crate::sync::Once;
use crate::sync::atomic::{AtomicU32, Ordering};

use super::PAGE;
use super::frame_cache::{give_page, take_page};
use super::shortage;

/// What a page is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Purpose {
    /// The kernel image and tables made at boot.
    Kernel = 0,
    /// The kernel heap and stacks.
    Heap = 1,
    /// Memory of programs.
    User = 2,
    /// Contents of files.
    Cache = 3,
    /// Page tables of programs.
    Tables = 4,
}

/// Number of purposes.
pub(super) const PURPOSES: usize = 5;
const PURPOSE_SHIFT: u32 = 28;
const COUNT_MASK: u32 = (1 << PURPOSE_SHIFT) - 1;

/// References and purpose of each page; found once for many pages.
#[derive(Clone, Copy)]
pub(super) struct Frames {
    start: u64,
    states: &'static [AtomicU32],
}

static FRAMES: Once<Frames> = Once::new();

/// Registers the words of all pages, once at boot: that of the page at `start` first.
pub(super) fn set_frames(start: u64, states: &'static [AtomicU32]) {
    FRAMES.call_once(|| Frames { start, states });
}

/// A counted reference to one page; the last one returns it.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame {
    address: u64,
}

impl Frame {
    /// A page of zeros.
    pub fn zeroed(purpose: Purpose) -> Option<Frame> {
        let frame = Self::uninitialised(purpose)?;
        // SAFETY: the page was just taken; nobody else has it.
        unsafe { zero_page(phys_to_virt(frame.address)) };
        Some(frame)
    }

    /// A page with whatever it held before; the caller overwrites all of it.
    fn uninitialised(purpose: Purpose) -> Option<Frame> {
        if shortage::strikes() {
            return None;
        }
        let address = take_page(purpose)?;
        state(address)?.store(((purpose as u32) << PURPOSE_SHIFT) | 1, Ordering::Relaxed);
        Some(Frame { address })
    }

    /// A page with the same contents.
    pub fn copied(&self, purpose: Purpose) -> Option<Frame> {
        let frame = Self::uninitialised(purpose)?;
        // SAFETY: both are whole pages, and the new one is nobody else's.
        unsafe { copy_page(phys_to_virt(frame.address), phys_to_virt(self.address)) };
        Some(frame)
    }

    /// Physical address.
    pub fn address(&self) -> u64 {
        self.address
    }

    /// Another reference to the page.
    pub fn share(&self) -> Frame {
        if let Some(frames) = Frames::all() {
            frames.share(self.address);
        }
        Frame {
            address: self.address,
        }
    }

    /// Whether this is the only reference.
    pub fn is_exclusive(&self) -> bool {
        state(self.address).is_some_and(|state| state.load(Ordering::Acquire) & COUNT_MASK == 1)
    }

    /// Copies bytes out of the page.
    pub fn read(&self, offset: usize, out: &mut [u8]) {
        assert!(fits(offset, out.len()), "read beyond the page");
        // SAFETY: the range lies in the page, which lives as long as `self`. A program
        // may store to it meanwhile; bytes are then mixed, as on any machine.
        unsafe {
            phys_to_virt(self.address)
                .add(offset)
                .copy_to_nonoverlapping(out.as_mut_ptr(), out.len());
        }
    }

    /// Copies bytes into the page.
    pub fn write(&self, offset: usize, bytes: &[u8]) {
        assert!(fits(offset, bytes.len()), "write beyond the page");
        // SAFETY: as in `read`.
        unsafe {
            phys_to_virt(self.address)
                .add(offset)
                .copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        }
    }

    /// Copies from a program into the page; returns the bytes that could not be read.
    pub(super) fn copy_from_user(&self, offset: usize, source: u64, bytes: usize) -> usize {
        assert!(fits(offset, bytes), "copy beyond the page");
        // SAFETY: the range lies in the page; see `read` for concurrent stores.
        let target = unsafe {
            core::slice::from_raw_parts_mut(phys_to_virt(self.address).add(offset), bytes)
        };
        crate::arch::copy_from_user(target, source)
    }

    /// Copies from the page to a program; returns the bytes that could not be written.
    pub(super) fn copy_to_user(&self, offset: usize, target: u64, bytes: usize) -> usize {
        assert!(fits(offset, bytes), "copy beyond the page");
        // SAFETY: as in `copy_from_user`.
        let source =
            unsafe { core::slice::from_raw_parts(phys_to_virt(self.address).add(offset), bytes) };
        crate::arch::copy_to_user(target, source)
    }

    /// Gives the reference to a page table entry.
    pub(super) fn into_address(self) -> u64 {
        let address = self.address;
        core::mem::forget(self);
        address
    }

    /// Takes the reference back from a page table entry that held it.
    pub(super) fn from_address(address: u64) -> Frame {
        Frame { address }
    }
}

/// Whether the range lies in a page.
fn fits(offset: usize, bytes: usize) -> bool {
    let end = offset.checked_add(bytes);
    end.is_some_and(|end| end <= PAGE_SIZE)
}

fn state(address: u64) -> Option<&'static AtomicU32> {
    FRAMES.get()?.state(address)
}

impl Frames {
    /// Those of the machine, once it has been told of them.
    #[inline]
    pub(super) fn all() -> Option<Frames> {
        FRAMES.get().copied()
    }

    #[inline]
    fn state(&self, address: u64) -> Option<&'static AtomicU32> {
        let index = usize::try_from(address.checked_sub(self.start)? / PAGE).ok()?;
        self.states.get(index)
    }

    /// One more reference to a page, for a page table entry.
    #[inline]
    pub(super) fn share(&self, address: u64) {
        if let Some(state) = self.state(address) {
            let before = state.fetch_add(1, Ordering::Relaxed);
            assert!(
                before & COUNT_MASK < COUNT_MASK - 1,
                "too many references to a page"
            );
        }
    }

    /// Drops the reference of a page table entry.
    #[inline]
    pub(super) fn release(&self, address: u64) {
        let Some(state) = self.state(address) else {
            return;
        };
        let before = state.fetch_sub(1, Ordering::AcqRel);
        assert!(before & COUNT_MASK != 0, "page {address:#x} returned twice");
        if before & COUNT_MASK == 1 {
            give_page(address, purpose_of(before));
        }
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        if let Some(frames) = Frames::all() {
            frames.release(self.address);
        }
    }
}

fn purpose_of(state: u32) -> Purpose {
    match state >> PURPOSE_SHIFT {
        1 => Purpose::Heap,
        2 => Purpose::User,
        3 => Purpose::Cache,
        4 => Purpose::Tables,
        _ => Purpose::Kernel,
    }
}
