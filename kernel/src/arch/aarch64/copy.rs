//! Copies to and from programs, checked by the MMU as the program's own accesses.

use core::arch::global_asm;

global_asm!(include_str!("user_copy.S"), options(raw));

unsafe extern "C" {
    fn user_copy_in(destination: *mut u8, source: u64, bytes: usize) -> usize;
    fn user_copy_out(destination: u64, source: *const u8, bytes: usize) -> usize;
    safe fn user_load_u32(address: u64) -> u64;
}

/// Copies from a program; returns the bytes that could not be read.
///
/// The range must lie in user space: the caller has compared it with `USER_END`.
pub fn copy_from_user(destination: &mut [u8], source: u64) -> usize {
    // SAFETY: `destination` is writable for its whole length; a bad source address is
    // caught by the table in user_copy.S.
    unsafe { user_copy_in(destination.as_mut_ptr(), source, destination.len()) }
}

/// Copies to a program; returns the bytes that could not be written.
pub fn copy_to_user(destination: u64, source: &[u8]) -> usize {
    // SAFETY: `source` is readable for its whole length; LDTR and STTR can only reach
    // what the program itself may.
    unsafe { user_copy_out(destination, source.as_ptr(), source.len()) }
}

/// Loads a 32-bit word from an aligned address of a program, in one access.
pub fn load_user_u32(address: u64) -> Option<u32> {
    u32::try_from(user_load_u32(address)).ok()
}

/// One guarded range of user_copy.S.
#[repr(C)]
struct Guarded {
    first: u64,
    end: u64,
    fixup: u64,
}

/// Where to go on when the instruction at `pc` faulted, if it may.
pub(super) fn fixup(pc: u64) -> Option<u64> {
    unsafe extern "C" {
        static __user_copy_table_start: Guarded;
        static __user_copy_table_end: Guarded;
    }
    let start = &raw const __user_copy_table_start;
    let end = &raw const __user_copy_table_end;
    // SAFETY: both symbols bound the section, which holds nothing but such entries.
    let table = unsafe { core::slice::from_raw_parts(start, end.offset_from_unsigned(start)) };
    table
        .iter()
        .find(|entry| (entry.first..entry.end).contains(&pc))
        .map(|entry| entry.fixup)
}
