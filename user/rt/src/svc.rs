//! The instruction that enters the kernel.
//!
//! One function for each number of arguments, so that a call loads no register
//! it does not need. Convention: documentation of the `abi` crate.
#![allow(unsafe_code, reason = "the system call instruction itself")]

/// What comes back in `x0`–`x3`: the error code (0 for none) and the values.
pub(crate) type Registers = [u64; 4];

/// Executes `svc #0` with the operands given; every caller-saved register that is
/// no operand comes back as zero (`abi` crate) and is declared lost.
#[cfg(target_os = "none")]
macro_rules! svc {
    ($number:ident, $($operands:tt)*) => {
        core::arch::asm!(
            "svc #0",
            inlateout("x8") $number => _,
            $($operands)*,
            lateout("x6") _, lateout("x7") _, lateout("x9") _, lateout("x10") _,
            lateout("x11") _, lateout("x12") _, lateout("x13") _, lateout("x14") _,
            lateout("x15") _, lateout("x16") _, lateout("x17") _, lateout("x18") _,
            options(nostack),
        )
    };
}

/// Enters the kernel with 0 arguments.
///
/// # Safety
///
/// Addresses among the arguments must be valid for what the call does with them.
#[cfg(target_os = "none")]
#[inline(always)]
pub(crate) unsafe fn call0(number: u64) -> Registers {
    let (r0, r1, r2, r3): (u64, u64, u64, u64);
    // SAFETY: the operands list every register the kernel may change; what the
    // addresses allow is the caller's promise.
    unsafe {
        svc!(number,
            lateout("x0") r0, lateout("x1") r1, lateout("x2") r2,
            lateout("x3") r3, lateout("x4") _, lateout("x5") _
        );
    }
    [r0, r1, r2, r3]
}

/// The host has no kernel to enter.
///
/// # Safety
///
/// None is needed; the signature is that of the real entry.
#[cfg(not(target_os = "none"))]
pub(crate) unsafe fn call0(_: u64) -> Registers {
    ABSENT
}

/// Enters the kernel with 1 argument.
///
/// # Safety
///
/// Addresses among the arguments must be valid for what the call does with them.
#[cfg(target_os = "none")]
#[inline(always)]
pub(crate) unsafe fn call1(number: u64, a: u64) -> Registers {
    let (r0, r1, r2, r3): (u64, u64, u64, u64);
    // SAFETY: the operands list every register the kernel may change; what the
    // addresses allow is the caller's promise.
    unsafe {
        svc!(number,
            inlateout("x0") a => r0, lateout("x1") r1, lateout("x2") r2,
            lateout("x3") r3, lateout("x4") _, lateout("x5") _
        );
    }
    [r0, r1, r2, r3]
}

/// The host has no kernel to enter.
///
/// # Safety
///
/// None is needed; the signature is that of the real entry.
#[cfg(not(target_os = "none"))]
pub(crate) unsafe fn call1(_: u64, _: u64) -> Registers {
    ABSENT
}

/// Enters the kernel with 2 arguments.
///
/// # Safety
///
/// Addresses among the arguments must be valid for what the call does with them.
#[cfg(target_os = "none")]
#[inline(always)]
pub(crate) unsafe fn call2(number: u64, a: u64, b: u64) -> Registers {
    let (r0, r1, r2, r3): (u64, u64, u64, u64);
    // SAFETY: the operands list every register the kernel may change; what the
    // addresses allow is the caller's promise.
    unsafe {
        svc!(number,
            inlateout("x0") a => r0, inlateout("x1") b => r1, lateout("x2") r2,
            lateout("x3") r3, lateout("x4") _, lateout("x5") _
        );
    }
    [r0, r1, r2, r3]
}

/// The host has no kernel to enter.
///
/// # Safety
///
/// None is needed; the signature is that of the real entry.
#[cfg(not(target_os = "none"))]
pub(crate) unsafe fn call2(_: u64, _: u64, _: u64) -> Registers {
    ABSENT
}

/// Enters the kernel with 3 arguments.
///
/// # Safety
///
/// Addresses among the arguments must be valid for what the call does with them.
#[cfg(target_os = "none")]
#[inline(always)]
pub(crate) unsafe fn call3(number: u64, a: u64, b: u64, c: u64) -> Registers {
    let (r0, r1, r2, r3): (u64, u64, u64, u64);
    // SAFETY: the operands list every register the kernel may change; what the
    // addresses allow is the caller's promise.
    unsafe {
        svc!(number,
            inlateout("x0") a => r0, inlateout("x1") b => r1, inlateout("x2") c => r2,
            lateout("x3") r3, lateout("x4") _, lateout("x5") _
        );
    }
    [r0, r1, r2, r3]
}

/// The host has no kernel to enter.
///
/// # Safety
///
/// None is needed; the signature is that of the real entry.
#[cfg(not(target_os = "none"))]
pub(crate) unsafe fn call3(_: u64, _: u64, _: u64, _: u64) -> Registers {
    ABSENT
}

/// Enters the kernel with 4 arguments.
///
/// # Safety
///
/// Addresses among the arguments must be valid for what the call does with them.
#[cfg(target_os = "none")]
#[inline(always)]
pub(crate) unsafe fn call4(number: u64, a: u64, b: u64, c: u64, d: u64) -> Registers {
    let (r0, r1, r2, r3): (u64, u64, u64, u64);
    // SAFETY: the operands list every register the kernel may change; what the
    // addresses allow is the caller's promise.
    unsafe {
        svc!(number,
            inlateout("x0") a => r0, inlateout("x1") b => r1, inlateout("x2") c => r2,
            inlateout("x3") d => r3, lateout("x4") _, lateout("x5") _
        );
    }
    [r0, r1, r2, r3]
}

/// The host has no kernel to enter.
///
/// # Safety
///
/// None is needed; the signature is that of the real entry.
#[cfg(not(target_os = "none"))]
pub(crate) unsafe fn call4(_: u64, _: u64, _: u64, _: u64, _: u64) -> Registers {
    ABSENT
}

/// Enters the kernel with 5 arguments.
///
/// # Safety
///
/// Addresses among the arguments must be valid for what the call does with them.
#[cfg(target_os = "none")]
#[inline(always)]
pub(crate) unsafe fn call5(number: u64, a: u64, b: u64, c: u64, d: u64, e: u64) -> Registers {
    let (r0, r1, r2, r3): (u64, u64, u64, u64);
    // SAFETY: the operands list every register the kernel may change; what the
    // addresses allow is the caller's promise.
    unsafe {
        svc!(number,
            inlateout("x0") a => r0, inlateout("x1") b => r1, inlateout("x2") c => r2,
            inlateout("x3") d => r3, inlateout("x4") e => _, lateout("x5") _
        );
    }
    [r0, r1, r2, r3]
}

/// The host has no kernel to enter.
///
/// # Safety
///
/// None is needed; the signature is that of the real entry.
#[cfg(not(target_os = "none"))]
pub(crate) unsafe fn call5(_: u64, _: u64, _: u64, _: u64, _: u64, _: u64) -> Registers {
    ABSENT
}

/// Enters the kernel with 6 arguments.
///
/// # Safety
///
/// Addresses among the arguments must be valid for what the call does with them.
#[cfg(target_os = "none")]
#[inline(always)]
pub(crate) unsafe fn call6(
    number: u64,
    a: u64,
    b: u64,
    c: u64,
    d: u64,
    e: u64,
    f: u64,
) -> Registers {
    let (r0, r1, r2, r3): (u64, u64, u64, u64);
    // SAFETY: the operands list every register the kernel may change; what the
    // addresses allow is the caller's promise.
    unsafe {
        svc!(number,
            inlateout("x0") a => r0, inlateout("x1") b => r1, inlateout("x2") c => r2,
            inlateout("x3") d => r3, inlateout("x4") e => _, inlateout("x5") f => _
        );
    }
    [r0, r1, r2, r3]
}

/// The host has no kernel to enter.
///
/// # Safety
///
/// None is needed; the signature is that of the real entry.
#[cfg(not(target_os = "none"))]
pub(crate) unsafe fn call6(_: u64, _: u64, _: u64, _: u64, _: u64, _: u64, _: u64) -> Registers {
    ABSENT
}

/// What every call answers where there is no kernel.
#[cfg(not(target_os = "none"))]
const ABSENT: Registers = [abi::Error::NotSupported as u64, 0, 0, 0];

/// What a call in registers takes and gives: `x0`, the words `x1`–`x6`, and `x7`, `x9`,
/// `x10`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) first: u64,
    pub(crate) words: [u64; 6],
    pub(crate) handle: u64,
    pub(crate) ninth: u64,
    pub(crate) tenth: u64,
}

/// Enters the kernel for a call whose arguments and results are registers `x0` to `x10`.
#[cfg(target_os = "none")]
#[inline(always)]
pub(crate) fn call_in_registers(number: u64, call: Call) -> Call {
    let [w1, w2, w3, w4, w5, w6] = call.words;
    let (r0, r1, r2, r3, r4): (u64, u64, u64, u64, u64);
    let (r5, r6, r7, r9, r10): (u64, u64, u64, u64, u64);
    // SAFETY: the operands list every register the kernel may change; no operand is an
    // address.
    unsafe {
        core::arch::asm!(
            "svc #0",
            inlateout("x8") number => _,
            inlateout("x0") call.first => r0,
            inlateout("x1") w1 => r1, inlateout("x2") w2 => r2, inlateout("x3") w3 => r3,
            inlateout("x4") w4 => r4, inlateout("x5") w5 => r5, inlateout("x6") w6 => r6,
            inlateout("x7") call.handle => r7, inlateout("x9") call.ninth => r9,
            inlateout("x10") call.tenth => r10,
            lateout("x11") _, lateout("x12") _, lateout("x13") _, lateout("x14") _,
            lateout("x15") _, lateout("x16") _, lateout("x17") _, lateout("x18") _,
            options(nostack),
        );
    }
    Call {
        first: r0,
        words: [r1, r2, r3, r4, r5, r6],
        handle: r7,
        ninth: r9,
        tenth: r10,
    }
}

/// The host has no kernel to enter.
#[cfg(not(target_os = "none"))]
pub(crate) fn call_in_registers(_: u64, call: Call) -> Call {
    let [first, ..] = ABSENT;
    Call { first, ..call }
}
