//! Upcalls: where a thread goes on at a fault or a break.
//!
//! The kernel writes an [`UpcallRecord`] below the top of the stack given to `upcall_set`
//! and goes on at the entry, with the record's address in `x0` and as stack pointer.
//! Vector registers are left alone. While an upcall runs a second fault ends the process,
//! and breaks wait. `upcall_return` goes on with the registers of a record, sanitised.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

bitflags::bitflags! {
    /// What a thread takes upcalls for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct UpcallKinds: u32 {
        /// Faults of the thread.
        const FAULT = 1 << 0;
        /// Breaks by `process_interrupt`.
        const BREAK = 1 << 1;
    }
}

/// What happened, and the registers of the thread when it did.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct UpcallRecord {
    /// One bit of [`UpcallKinds`].
    pub kind: u32,
    /// [`crate::process::FaultKind`] code of a fault.
    pub fault: u32,
    /// Address of a fault, 0 outside user space; code of a break.
    pub value: u64,
    /// `x0` to `x30`.
    pub registers: [u64; 31],
    /// Stack pointer.
    pub sp: u64,
    /// Program counter.
    pub pc: u64,
    /// Condition flags, as in `SPSR_EL1`.
    pub status: u64,
}

const _: () = assert!(size_of::<UpcallRecord>() == 288);
