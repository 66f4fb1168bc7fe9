//! Deliberate misuse of the machine and the kernel, for tests and benchmarks.
//!
//! What a hostile program would do, in forms that cannot break the memory safety
//! of the program that does it: faults that end the process, system calls with
//! addresses that are bad by construction, vector registers full of patterns.
#![allow(unsafe_code, reason = "misuses the machine on purpose")]

use abi::syscall::ArgKind;
use abi::{Error, SYSCALLS, Syscall};

use crate::stub;

/// An address that no program may hand to the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadAddress {
    /// The first byte of the address space, never mapped.
    Null,
    /// User space without a mapping.
    Unmapped,
    /// The last bytes of user space; buffers reach beyond it.
    EndOfUser,
    /// Between user space and the kernel.
    NonCanonical,
    /// The kernel's own memory.
    Kernel,
    /// The last bytes of all; buffers wrap around to 0.
    WrapAround,
    /// The program's code: may be read, not written.
    ReadOnly,
}

impl BadAddress {
    /// All that are bad for reading and writing.
    pub const FOR_ALL: [BadAddress; 6] = [
        BadAddress::Null,
        BadAddress::Unmapped,
        BadAddress::EndOfUser,
        BadAddress::NonCanonical,
        BadAddress::Kernel,
        BadAddress::WrapAround,
    ];

    /// The address.
    pub fn value(self) -> u64 {
        match self {
            BadAddress::Null => 0,
            // Far above the heap and below the stack of every program; it is only ever
            // given to the kernel, which must look for itself.
            BadAddress::Unmapped => 0x1234_5678_9000,
            BadAddress::EndOfUser => abi::USER_END - 1,
            BadAddress::NonCanonical => 0x00ff_0000_0000_1000,
            BadAddress::Kernel => 0xffff_8000_0008_0000,
            BadAddress::WrapAround => u64::MAX - 1,
            BadAddress::ReadOnly => call as *const () as u64,
        }
    }
}

/// One argument of a probing call.
#[derive(Debug)]
pub enum Argument<'a> {
    /// A number where the table wants no address.
    Number(u64),
    /// A bad address where the table wants one.
    Bad(BadAddress),
    /// A good address where the table wants one.
    Buffer(&'a mut [u8]),
}

/// Least size of a [`Argument::Buffer`], which takes any fixed record of the table.
pub const BUFFER_BYTES_MIN: usize = 320;
/// Upper bound of the size of one element of an array argument.
const ELEMENT_BYTES_MAX: u64 = 64;

/// Why a probe was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused(pub &'static str);

/// Makes a system call with arguments that may be bad.
///
/// # Errors
///
/// The outer error: the call could harm the caller itself (ends it, changes its mappings,
/// starts a thread), or an argument is not of the kind in the table. The inner one is the
/// kernel's.
pub fn call(
    number: u64,
    arguments: &mut [Argument<'_>],
) -> Result<Result<stub::Values, Error>, Refused> {
    let mut registers = [0u64; 6];
    let harmful = [
        Syscall::ProcessExit,
        Syscall::ThreadExit,
        Syscall::MemoryUnmap,
        Syscall::MemoryProtect,
    ];
    if harmful.iter().any(|call| *call as u64 == number) {
        return Err(Refused("the call would harm the caller"));
    }
    let row = usize::try_from(number)
        .ok()
        .and_then(|index| SYSCALLS.get(index));
    let kinds = row.map_or(&[] as &[_], |row| row.args);
    for (index, argument) in arguments.iter_mut().enumerate() {
        let kind = kinds.get(index).map(|arg| arg.kind);
        let register = registers
            .get_mut(index)
            .ok_or(Refused("more than six arguments"))?;
        *register = match (argument, kind) {
            (Argument::Number(_), Some(ArgKind::In | ArgKind::Out)) => {
                return Err(Refused("a number in place of an address"));
            }
            (Argument::Number(value), _) => *value,
            (Argument::Bad(bad), _) => bad.value(),
            (Argument::Buffer(_), _) if number == Syscall::ThreadCreate as u64 => {
                return Err(Refused("a buffer as the description of a thread"));
            }
            (Argument::Buffer(_), _) if number == Syscall::ProcessRestrict as u64 => {
                return Err(Refused("calls to give up"));
            }
            (Argument::Buffer(buffer), Some(ArgKind::In | ArgKind::Out)) => {
                if buffer.len() < BUFFER_BYTES_MIN {
                    return Err(Refused("a buffer too small for a record"));
                }
                buffer.as_mut_ptr() as u64
            }
            (Argument::Buffer(_), _) => return Err(Refused("a buffer in place of a number")),
        };
    }
    check_lengths(arguments, kinds)?;
    // SAFETY: every address is that of a live buffer with its length checked, or one that
    // is not writable by this process; calls that change mappings are refused above.
    Ok(unsafe { stub::any(number, registers) })
}

/// Refuses lengths beyond the end of the buffers before them.
fn check_lengths(arguments: &[Argument<'_>], kinds: &[abi::syscall::Arg]) -> Result<(), Refused> {
    for (pair, kinds) in arguments.windows(2).zip(kinds.windows(2)) {
        let ([Argument::Buffer(buffer), Argument::Number(count)], [_, kind]) = (pair, kinds) else {
            continue;
        };
        let bytes = match kind.kind {
            ArgKind::Length => *count,
            ArgKind::Count => count.saturating_mul(ELEMENT_BYTES_MAX),
            _ => continue,
        };
        if bytes > buffer.len() as u64 {
            return Err(Refused("a length beyond the end of the buffer"));
        }
    }
    Ok(())
}

/// Counts down from `count` to 0: exactly two instructions for each.
#[inline(always)]
pub fn count_down(count: u64) {
    #[cfg(target_os = "none")]
    if count > 0 {
        // SAFETY: changes nothing but its operand and the flags.
        unsafe {
            core::arch::asm!("2:", "subs {0}, {0}, #1", "b.ne 2b", inout(reg) count => _,
                options(nomem, nostack));
        }
    }
    #[cfg(not(target_os = "none"))]
    core::hint::black_box(count);
}

/// The word at an address, or what a fault handler puts into `x2` before it goes on behind
/// the load; `fallback` lies there already.
#[cfg(target_os = "none")]
#[inline(never)]
pub fn load_or(address: u64, fallback: u64) -> u64 {
    let value: u64;
    // SAFETY: a load without a mapping ends the program, or goes to its fault handler.
    unsafe {
        core::arch::asm!("ldr x2, [x1]", in("x1") address, inout("x2") fallback => value,
            options(nostack, readonly));
    }
    value
}

/// There is nothing to load on the host.
#[cfg(not(target_os = "none"))]
pub fn load_or(_address: u64, fallback: u64) -> u64 {
    fallback
}

/// The condition flags after a load that faults, when they were `flags` before it.
#[cfg(target_os = "none")]
#[inline(never)]
pub fn flags_over_fault(flags: u64) -> u64 {
    let after: u64;
    // SAFETY: as in `load_or`; the flags and the register are declared as changed.
    unsafe {
        core::arch::asm!("msr nzcv, {flags}", "ldr x2, [x1]", "mrs {after}, nzcv",
            flags = in(reg) flags, after = out(reg) after, in("x1") 0u64, out("x2") _,
            options(nostack));
    }
    after
}

/// There are no flags to look at on the host.
#[cfg(not(target_os = "none"))]
pub fn flags_over_fault(flags: u64) -> u64 {
    flags
}

/// Ends an upcall with a record that may be bad.
///
/// # Errors
///
/// Always: with a good record the call would not come back, and only records that a program
/// may not go on with are taken, those whose program counter is misaligned or the kernel's.
pub fn return_with(record: &abi::upcall::UpcallRecord) -> Result<(), Error> {
    if record.pc < abi::USER_END && record.pc.is_multiple_of(4) {
        return Err(Error::NotSupported);
    }
    let address = core::ptr::from_ref(record) as u64;
    // SAFETY: the kernel only reads the record, and refuses it.
    unsafe { stub::upcall_return(address) }.map(|_| ())
}

/// Enters the kernel and comes back; the shortest system call there is.
#[inline(always)]
pub fn null_call() {
    // SAFETY: the call takes no address. It cannot fail.
    let _ = unsafe { stub::null() };
}

/// Enters the kernel to read the time into a buffer of 16 bytes in user memory.
#[inline(always)]
pub fn clock_call(out: &mut [u64; 2]) {
    // SAFETY: the call takes no address.
    if let Ok([ns, ..]) = unsafe { stub::time_now() } {
        *out = [ns / 1_000_000_000, ns % 1_000_000_000];
    }
}

/// Number of 64-bit words in the vector registers `v0`–`v31`.
pub const VECTOR_WORDS: usize = 64;

/// Fills `v0`–`v31` from `pattern`, yields `rounds` times, and returns what they hold then.
#[cfg(target_os = "none")]
pub fn vectors_over_yields(pattern: &[u64; VECTOR_WORDS], rounds: u64) -> [u64; VECTOR_WORDS] {
    let mut out = [0u64; VECTOR_WORDS];
    // SAFETY: reads 512 bytes of `pattern`, writes 512 bytes of `out`, declares every
    // register it changes.
    unsafe {
        core::arch::asm!(
            "ld1 {{v0.2d, v1.2d, v2.2d, v3.2d}}, [x20], #64",
            "ld1 {{v4.2d, v5.2d, v6.2d, v7.2d}}, [x20], #64",
            "ld1 {{v8.2d, v9.2d, v10.2d, v11.2d}}, [x20], #64",
            "ld1 {{v12.2d, v13.2d, v14.2d, v15.2d}}, [x20], #64",
            "ld1 {{v16.2d, v17.2d, v18.2d, v19.2d}}, [x20], #64",
            "ld1 {{v20.2d, v21.2d, v22.2d, v23.2d}}, [x20], #64",
            "ld1 {{v24.2d, v25.2d, v26.2d, v27.2d}}, [x20], #64",
            "ld1 {{v28.2d, v29.2d, v30.2d, v31.2d}}, [x20], #64",
            "2:",
            "cbz x21, 3f",
            "mov x8, {number}",
            "svc #0",
            "sub x21, x21, #1",
            "b 2b",
            "3:",
            "st1 {{v0.2d, v1.2d, v2.2d, v3.2d}}, [x22], #64",
            "st1 {{v4.2d, v5.2d, v6.2d, v7.2d}}, [x22], #64",
            "st1 {{v8.2d, v9.2d, v10.2d, v11.2d}}, [x22], #64",
            "st1 {{v12.2d, v13.2d, v14.2d, v15.2d}}, [x22], #64",
            "st1 {{v16.2d, v17.2d, v18.2d, v19.2d}}, [x22], #64",
            "st1 {{v20.2d, v21.2d, v22.2d, v23.2d}}, [x22], #64",
            "st1 {{v24.2d, v25.2d, v26.2d, v27.2d}}, [x22], #64",
            "st1 {{v28.2d, v29.2d, v30.2d, v31.2d}}, [x22], #64",
            number = const Syscall::ThreadYield as u64,
            inout("x20") pattern.as_ptr() => _,
            inout("x21") rounds => _,
            inout("x22") out.as_mut_ptr() => _,
            clobber_abi("C"),
            out("v8") _, out("v9") _, out("v10") _, out("v11") _,
            out("v12") _, out("v13") _, out("v14") _, out("v15") _,
        );
    }
    out
}

/// The host keeps its vector registers to itself.
#[cfg(not(target_os = "none"))]
pub fn vectors_over_yields(pattern: &[u64; VECTOR_WORDS], _: u64) -> [u64; VECTOR_WORDS] {
    *pattern
}

/// What `v0`–`v31` hold now. The compiler may have used some of them; whatever else is
/// in them came from elsewhere.
#[inline(never)]
pub fn vectors_now() -> [u64; VECTOR_WORDS] {
    let mut out = [0u64; VECTOR_WORDS];
    #[cfg(target_os = "none")]
    // SAFETY: writes 512 bytes of `out`; only reads the vector registers.
    unsafe {
        core::arch::asm!(
            "st1 {{v0.2d, v1.2d, v2.2d, v3.2d}}, [{out}], #64",
            "st1 {{v4.2d, v5.2d, v6.2d, v7.2d}}, [{out}], #64",
            "st1 {{v8.2d, v9.2d, v10.2d, v11.2d}}, [{out}], #64",
            "st1 {{v12.2d, v13.2d, v14.2d, v15.2d}}, [{out}], #64",
            "st1 {{v16.2d, v17.2d, v18.2d, v19.2d}}, [{out}], #64",
            "st1 {{v20.2d, v21.2d, v22.2d, v23.2d}}, [{out}], #64",
            "st1 {{v24.2d, v25.2d, v26.2d, v27.2d}}, [{out}], #64",
            "st1 {{v28.2d, v29.2d, v30.2d, v31.2d}}, [{out}], #64",
            out = inout(reg) out.as_mut_ptr() => _,
            options(nostack),
        );
    }
    core::hint::black_box(&mut out);
    out
}

/// Writes to address 0, which ends the process.
pub fn write_null() -> ! {
    #[cfg(target_os = "none")]
    // SAFETY: address 0 is never mapped (`USER_START`), so the store changes nothing.
    unsafe {
        core::arch::asm!("str xzr, [{}]", in(reg) 0u64, options(nostack));
    }
    survived()
}

/// Jumps into pages that may not be executed, which ends the process.
pub fn execute_data() -> ! {
    #[cfg(target_os = "none")]
    {
        // `ret` would come back here, were the page executable.
        static DATA: [u32; 1] = [0xd65f_03c0];
        // SAFETY: either the jump faults, or the instruction returns at once.
        unsafe {
            core::arch::asm!("blr {}", in(reg) DATA.as_ptr(), clobber_abi("C"));
        }
    }
    survived()
}

/// Executes an instruction that does not exist, which ends the process.
pub fn execute_undefined() -> ! {
    #[cfg(target_os = "none")]
    // SAFETY: `udf` is permanently undefined (ARM ARM C6.2.387): it only faults.
    unsafe {
        core::arch::asm!("udf #0", options(nostack));
    }
    survived()
}

/// What is left to do where a fault did not end the process.
fn survived() -> ! {
    panic!("the fault did not end the program")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_no_address() {
        let write = Syscall::StreamWrite as u64;
        let mut arguments = [
            Argument::Number(1),
            Argument::Number(0x1000),
            Argument::Number(1),
        ];
        assert!(call(write, &mut arguments).is_err());
    }

    #[test]
    fn a_length_beyond_the_buffer_is_refused_and_one_within_is_not() {
        let read = Syscall::StreamRead as u64;
        let mut buffer = [0; BUFFER_BYTES_MIN];
        let mut too_long = [
            Argument::Number(1),
            Argument::Buffer(&mut buffer),
            Argument::Number(BUFFER_BYTES_MIN as u64 + 1),
        ];
        assert!(call(read, &mut too_long).is_err());
        too_long[2] = Argument::Number(8);
        assert_eq!(call(read, &mut too_long), Ok(Err(Error::NotSupported)));
    }

    #[test]
    fn calls_that_end_the_caller_are_refused() {
        assert!(call(Syscall::ProcessExit as u64, &mut []).is_err());
        assert!(call(Syscall::Null as u64, &mut []).is_ok());
    }
}
