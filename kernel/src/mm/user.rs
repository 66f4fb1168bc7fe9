//! Memory of programs: ranges that a caller alleges to be there.
//!
//! Nothing else reaches user memory. A copy checks the range against user space, moves
//! each byte once with the program's own permissions, and has missing pages brought in.
//! No spin lock may be held: bringing in a page can sleep.
#![forbid(unsafe_code)]

use alloc::vec::Vec;

use crate::arch::{self, Access};

use super::address_space::AddressSpace;
use super::frame::Frame;

/// Why a copy stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyError {
    /// An address is not usable.
    Fault,
    /// No memory for the copy.
    NoMemory,
}

/// Faults in a row without a byte moved before an address counts as unusable.
const ATTEMPTS_MAX: u32 = 8;

fn check_range(address: u64, bytes: usize) -> Result<(), CopyError> {
    let end = u64::try_from(bytes)
        .ok()
        .and_then(|bytes| address.checked_add(bytes));
    match end {
        Some(end) if address >= abi::USER_START && end <= abi::USER_END => Ok(()),
        _ if bytes == 0 => Ok(()),
        _ => Err(CopyError::Fault),
    }
}

/// Calls `copy(done)`, which returns how many of `bytes` are left, until none is; brings in
/// the page at which it stopped in between.
fn retry(
    space: &AddressSpace,
    address: u64,
    bytes: usize,
    access: Access,
    mut copy: impl FnMut(usize) -> usize,
) -> Result<(), CopyError> {
    check_range(address, bytes)?;
    let (mut done, mut attempts) = (0usize, 0u32);
    while done < bytes {
        let left = copy(done).min(bytes.saturating_sub(done));
        let now = bytes.saturating_sub(left);
        attempts = match now > done {
            true => 0,
            false => attempts.saturating_add(1),
        };
        done = now;
        if left == 0 {
            break;
        }
        if attempts > ATTEMPTS_MAX {
            return Err(CopyError::Fault);
        }
        space
            .fault(address.saturating_add(done as u64), access)
            .map_err(|_| CopyError::Fault)?;
    }
    Ok(())
}

/// Copies from a program's `address` on into `out` as far as pages are present; returns how
/// many bytes. Never sleeps, so a spin lock may be held.
pub fn copy_present_in(address: u64, out: &mut [u8]) -> usize {
    match check_range(address, out.len()) {
        Ok(()) => out.len().wrapping_sub(arch::copy_from_user(out, address)),
        Err(_) => 0,
    }
}

/// Copies to a program's `address` as far as pages are present; returns how many bytes.
/// Never sleeps, so a spin lock may be held.
pub fn copy_present_out(address: u64, bytes: &[u8]) -> usize {
    match check_range(address, bytes.len()) {
        Ok(()) => bytes.len().wrapping_sub(arch::copy_to_user(address, bytes)),
        Err(_) => 0,
    }
}

fn bring_in(
    space: &AddressSpace,
    address: u64,
    offset: usize,
    access: Access,
) -> Result<(), CopyError> {
    let address = address.saturating_add(offset as u64);
    check_range(address, 1)?;
    space.fault(address, access).map_err(|_| CopyError::Fault)
}

/// Bytes that a program wants read.
#[derive(Clone, Copy, Debug)]
pub struct UserReader<'s> {
    space: &'s AddressSpace,
    address: u64,
    len: usize,
}

impl<'s> UserReader<'s> {
    /// The `len` bytes at `address`; nothing is checked yet.
    pub fn new(space: &'s AddressSpace, address: u64, len: usize) -> Self {
        UserReader {
            space,
            address,
            len,
        }
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is nothing to read.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Copies from `offset` on into all of `out`.
    ///
    /// # Errors
    /// [`CopyError::Fault`]; `out` may be overwritten in part.
    pub fn copy_to(&self, offset: usize, out: &mut [u8]) -> Result<(), CopyError> {
        let end = offset.checked_add(out.len()).ok_or(CopyError::Fault)?;
        if end > self.len {
            return Err(CopyError::Fault);
        }
        let start = self
            .address
            .checked_add(offset as u64)
            .ok_or(CopyError::Fault)?;
        let bytes = out.len();
        retry(self.space, start, bytes, Access::Read, |done| {
            let rest = out.get_mut(done..).unwrap_or(&mut []);
            arch::copy_from_user(rest, start.saturating_add(done as u64))
        })
    }

    /// Brings in the page of the byte at `offset`. May sleep.
    ///
    /// # Errors
    /// [`CopyError::Fault`].
    pub fn bring_in(&self, offset: usize) -> Result<(), CopyError> {
        bring_in(self.space, self.address, offset, Access::Read)
    }

    /// Copies everything into a vector, for lengths up to `max`.
    ///
    /// # Errors
    /// [`CopyError`]; a length above `max` is [`CopyError::NoMemory`].
    pub fn to_vec(&self, max: usize) -> Result<Vec<u8>, CopyError> {
        if self.len > max {
            return Err(CopyError::NoMemory);
        }
        check_range(self.address, self.len)?;
        let mut bytes = Vec::new();
        bytes
            .try_reserve_exact(self.len)
            .map_err(|_| CopyError::NoMemory)?;
        bytes.resize(self.len, 0);
        self.copy_to(0, &mut bytes)?;
        Ok(bytes)
    }

    /// Copies `bytes` from `offset` on into a page of the kernel.
    ///
    /// # Errors
    /// [`CopyError::Fault`].
    pub fn copy_to_frame(
        &self,
        offset: usize,
        frame: &Frame,
        at: usize,
        bytes: usize,
    ) -> Result<(), CopyError> {
        let start = self
            .address
            .checked_add(offset as u64)
            .ok_or(CopyError::Fault)?;
        retry(self.space, start, bytes, Access::Read, |done| {
            let from = start.saturating_add(done as u64);
            frame.copy_from_user(at.saturating_add(done), from, bytes.saturating_sub(done))
        })
    }
}

/// Bytes that a program wants written.
#[derive(Clone, Copy, Debug)]
pub struct UserWriter<'s> {
    space: &'s AddressSpace,
    address: u64,
    len: usize,
}

impl<'s> UserWriter<'s> {
    /// The `len` bytes at `address`; nothing is checked yet.
    pub fn new(space: &'s AddressSpace, address: u64, len: usize) -> Self {
        UserWriter {
            space,
            address,
            len,
        }
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no room.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Copies `bytes` to `offset`.
    ///
    /// # Errors
    /// [`CopyError::Fault`]; a part may have been written.
    pub fn copy_from(&self, offset: usize, bytes: &[u8]) -> Result<(), CopyError> {
        let end = offset.checked_add(bytes.len()).ok_or(CopyError::Fault)?;
        if end > self.len {
            return Err(CopyError::Fault);
        }
        let start = self
            .address
            .checked_add(offset as u64)
            .ok_or(CopyError::Fault)?;
        retry(self.space, start, bytes.len(), Access::Write, |done| {
            let rest = bytes.get(done..).unwrap_or(&[]);
            arch::copy_to_user(start.saturating_add(done as u64), rest)
        })
    }

    /// Brings in the page of the byte at `offset`, to be written. May sleep.
    ///
    /// # Errors
    /// [`CopyError::Fault`].
    pub fn bring_in(&self, offset: usize) -> Result<(), CopyError> {
        bring_in(self.space, self.address, offset, Access::Write)
    }

    /// Copies `bytes` from a page of the kernel to `offset`.
    ///
    /// # Errors
    /// [`CopyError::Fault`].
    pub fn copy_from_frame(
        &self,
        offset: usize,
        frame: &Frame,
        at: usize,
        bytes: usize,
    ) -> Result<(), CopyError> {
        let start = self
            .address
            .checked_add(offset as u64)
            .ok_or(CopyError::Fault)?;
        retry(self.space, start, bytes, Access::Write, |done| {
            let to = start.saturating_add(done as u64);
            frame.copy_to_user(at.saturating_add(done), to, bytes.saturating_sub(done))
        })
    }
}

/// Loads an aligned 32-bit word of a program in one access.
///
/// # Errors
/// [`CopyError::Fault`].
pub fn load_user_u32(space: &AddressSpace, address: u64) -> Result<u32, CopyError> {
    check_range(address, size_of::<u32>())?;
    for _ in 0..ATTEMPTS_MAX {
        if let Some(value) = arch::load_user_u32(address) {
            return Ok(value);
        }
        space
            .fault(address, Access::Read)
            .map_err(|_| CopyError::Fault)?;
    }
    Err(CopyError::Fault)
}

/// As [`load_user_u32`], of a page that can then be written without a fault, unless another
/// thread takes it away at that moment.
///
/// # Errors
/// [`CopyError::Fault`].
pub fn load_to_write_u32(space: &AddressSpace, address: u64) -> Result<u32, CopyError> {
    bring_in(space, address, 0, Access::Write)?;
    load_user_u32(space, address)
}

/// Whether a word at `address` lies where programs have their memory.
#[inline]
pub fn is_user_word(address: u64) -> bool {
    check_range(address, size_of::<u32>()).is_ok()
}

/// As [`load_user_u32`], where its page is present. Never sleeps.
#[inline]
pub fn load_present_u32(address: u64) -> Option<u32> {
    let present = is_user_word(address).then(|| arch::load_user_u32(address));
    present.flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ranges_in_user_space_pass() {
        for (address, bytes, ok) in [
            (abi::USER_START, 1, true),
            (abi::USER_START - 1, 1, false),
            (0, 8, false),
            (0, 0, true),
            (u64::MAX, 0, true),
            (abi::USER_END - 1, 1, true),
            (abi::USER_END - 1, 2, false),
            (abi::USER_END, 1, false),
            (u64::MAX - 3, 8, false),
            (0xffff_8000_0000_0000, 8, false),
            (abi::USER_START, usize::MAX, false),
        ] {
            assert_eq!(
                check_range(address, bytes).is_ok(),
                ok,
                "{address:#x} {bytes}"
            );
        }
    }
}
