//! Memory objects and mappings.
#![allow(unsafe_code, reason = "maps pages and hands them out as slices")]

use core::sync::atomic::{AtomicU8, AtomicU32, AtomicU64};

use abi::memory::{Advice, MapFlags};
use abi::{Error, Handle};

use crate::handle::length;
use crate::{OwnedHandle, Result, stub};

/// Makes a Memory of zeroed pages, taken as they are touched.
///
/// # Errors
///
/// `InvalidArgument`, `NoMemory`, `LimitReached`.
pub fn create(bytes: u64) -> Result<OwnedHandle> {
    // SAFETY: the call takes no address.
    let [memory, ..] = unsafe { stub::memory_create(bytes) }?;
    Ok(OwnedHandle::new(Handle(memory)))
}

/// Makes a Memory with the same contents; pages are copied as either side writes.
///
/// # Errors
///
/// `AccessDenied` without `READ`; `NotSupported` for the Memory of a file; `LimitReached`.
pub fn clone(memory: Handle) -> Result<OwnedHandle> {
    // SAFETY: the call takes no address.
    let [clone, ..] = unsafe { stub::memory_clone(memory.0) }?;
    Ok(OwnedHandle::new(Handle(clone)))
}

/// Changes the size of a Memory. What is cut off is gone from every mapping: to touch it
/// there is a fault.
///
/// # Errors
///
/// `AccessDenied` without `WRITE` and `MAP`; `NotSupported` for the Memory of a file;
/// `InvalidArgument`, `LimitReached`.
pub fn resize(memory: Handle, bytes: u64) -> Result<()> {
    // SAFETY: the call takes no address. Touching what is gone ends the process, and does
    // nothing else.
    unsafe { stub::memory_resize(memory.0, bytes) }.map(|_| ())
}

/// Maps pages; the address. Safe because a mapping never replaces another one.
pub(crate) fn map(
    memory: Handle,
    offset: u64,
    bytes: usize,
    placement: u64,
    flags: MapFlags,
) -> Result<usize> {
    let flags = u64::from(flags.bits());
    // SAFETY: the kernel takes a free range of addresses; with `FIXED` it fails where
    // the range is taken.
    let [address, ..] =
        unsafe { stub::memory_map(memory.0, offset, bytes as u64, placement, flags) }?;
    length(address)
}

/// Pages of this process, unmapped when they go out of scope.
#[derive(Debug)]
pub struct Mapping {
    start: usize,
    bytes: usize,
    flags: MapFlags,
    shared: bool,
}

impl Mapping {
    /// Fresh zeroed pages of this process alone.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for a size of 0 or for write together with execute; `NoMemory`.
    pub fn anonymous(bytes: usize, flags: MapFlags) -> Result<Mapping> {
        let start = map(Handle::NONE, 0, bytes, 0, flags)?;
        Ok(Mapping {
            start,
            bytes,
            flags,
            shared: false,
        })
    }

    /// Fresh zeroed pages at exactly this address.
    ///
    /// # Errors
    ///
    /// `AlreadyExists` where the address is taken; as [`Mapping::anonymous`].
    pub fn anonymous_at(address: usize, bytes: usize, flags: MapFlags) -> Result<Mapping> {
        let start = map(
            Handle::NONE,
            0,
            bytes,
            address as u64,
            flags | MapFlags::FIXED,
        )?;
        Ok(Mapping {
            start,
            bytes,
            flags,
            shared: false,
        })
    }

    /// Pages of a Memory, seen by everybody who maps it.
    ///
    /// # Errors
    ///
    /// `AccessDenied` without `MAP` and the rights of `flags`; see the table.
    pub fn shared(memory: Handle, offset: u64, bytes: usize, flags: MapFlags) -> Result<Mapping> {
        let start = map(memory, offset, bytes, 0, flags)?;
        Ok(Mapping {
            start,
            bytes,
            flags,
            shared: true,
        })
    }

    /// Address of the first byte.
    pub fn address(&self) -> usize {
        self.start
    }

    /// Number of bytes.
    pub fn len(&self) -> usize {
        self.bytes
    }

    /// Whether it has no bytes at all (it never has).
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Changes how the pages may be used.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for write together with execute; `AccessDenied`.
    pub fn protect(&mut self, flags: MapFlags) -> Result<()> {
        self.protect_range(0, self.bytes, flags)?;
        self.flags = flags;
        Ok(())
    }

    /// The bytes, where they may be read and are this process's alone.
    pub fn bytes(&self) -> Option<&[u8]> {
        if self.shared || !self.flags.contains(MapFlags::READ) {
            return None;
        }
        // SAFETY: the range is mapped readable as long as `self` lives, no other process
        // sees it, and `&self` keeps `bytes_mut` away.
        Some(unsafe { core::slice::from_raw_parts(self.start as *const u8, self.bytes) })
    }

    /// The bytes, where they may be written and are this process's alone.
    pub fn bytes_mut(&mut self) -> Option<&mut [u8]> {
        if self.shared || !self.flags.contains(MapFlags::READ | MapFlags::WRITE) {
            return None;
        }
        // SAFETY: as in `bytes`, with `&mut self` for exclusive access.
        Some(unsafe { core::slice::from_raw_parts_mut(self.start as *mut u8, self.bytes) })
    }

    /// The bytes as atomics, where they may be read and written; shared ones too.
    pub fn atomics(&self) -> Option<&[AtomicU8]> {
        if !self.flags.contains(MapFlags::READ | MapFlags::WRITE) {
            return None;
        }
        // SAFETY: mapped readable and writable as long as `self` lives; atomics may
        // be changed by others.
        Some(unsafe { core::slice::from_raw_parts(self.start as *const AtomicU8, self.bytes) })
    }

    /// The same as whole words.
    pub fn atomic_words(&self) -> Option<&[AtomicU64]> {
        if !self.flags.contains(MapFlags::READ | MapFlags::WRITE) {
            return None;
        }
        let words = self.bytes / size_of::<AtomicU64>();
        // SAFETY: as in `atomics`; a mapping starts at a page.
        Some(unsafe { core::slice::from_raw_parts(self.start as *const AtomicU64, words) })
    }

    /// The same as words of 32 bits, which threads can wait for.
    pub fn futex_words(&self) -> Option<&[AtomicU32]> {
        if !self.flags.contains(MapFlags::READ | MapFlags::WRITE) {
            return None;
        }
        let words = self.bytes / size_of::<AtomicU32>();
        // SAFETY: as in `atomic_words`.
        Some(unsafe { core::slice::from_raw_parts(self.start as *const AtomicU32, words) })
    }

    /// Forgets the contents: the pages read as zeros, and are taken anew when touched.
    ///
    /// # Errors
    ///
    /// None that could come up for a mapping of its own.
    pub fn forget(&mut self) -> Result<()> {
        let advice = Advice::DontNeed as u64;
        // SAFETY: no slice of the mapping is borrowed, for `self` is borrowed mutably.
        unsafe { stub::memory_advise(self.start as u64, self.bytes as u64, advice) }.map(|_| ())
    }

    /// Has pages of a file read that are not in memory yet.
    ///
    /// # Errors
    ///
    /// None that could come up for a mapping of its own.
    pub fn will_need(&self) -> Result<()> {
        let advice = Advice::WillNeed as u64;
        // SAFETY: the call changes no contents.
        unsafe { stub::memory_advise(self.start as u64, self.bytes as u64, advice) }.map(|_| ())
    }

    fn protect_range(&mut self, offset: usize, bytes: usize, flags: MapFlags) -> Result<()> {
        let start = self
            .start
            .checked_add(offset)
            .ok_or(Error::InvalidArgument)?;
        // SAFETY: the range lies in this mapping and no slice of it is borrowed, for
        // `self` is borrowed mutably.
        unsafe { stub::memory_protect(start as u64, bytes as u64, u64::from(flags.bits())) }
            .map(|_| ())
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the range is this mapping's, and with it go all borrows of its bytes.
        let _ = unsafe { stub::memory_unmap(self.start as u64, self.bytes as u64) };
    }
}
