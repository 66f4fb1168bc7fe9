//! What a thread's registers are while it does not run.

use super::atomic::{AtomicU32, AtomicU64, Ordering};
#[cfg(target_os = "none")]
use core::mem::offset_of;

/// Bits of `SPSR_EL1` that are a program's own: N, Z, C, V and BTYPE (ARM ARM C5.2.18).
const STATUS_OF_PROGRAM: u64 = 0xf000_0c00;

/// Where a thread begins in its program; all other registers are zero.
#[derive(Clone, Copy, Debug, Default)]
pub struct Start {
    /// Address of the first instruction.
    pub pc: u64,
    /// The stack pointer.
    pub sp: u64,
    /// What is in `x0`.
    pub argument: u64,
    /// The thread pointer.
    pub tls: u64,
}

/// The registers of a program, saved at its entry into the kernel.
///
/// Values are atomic because a waker on another CPU writes results into the frame
/// of a waiting thread; all orders are relaxed, the run queue's lock publishes them.
#[derive(Debug, Default)]
#[repr(C)]
pub struct UserFrame {
    registers: [AtomicU64; 31],
    sp: AtomicU64,
    pc: AtomicU64,
    status: AtomicU64,
    tls: AtomicU64,
}

impl UserFrame {
    #[inline(always)]
    const fn zeros() -> Self {
        UserFrame {
            registers: [const { AtomicU64::new(0) }; 31],
            sp: AtomicU64::new(0),
            pc: AtomicU64::new(0),
            status: AtomicU64::new(0),
            tls: AtomicU64::new(0),
        }
    }

    /// Puts the registers in with which a thread begins, into a frame of zeros.
    pub fn begin(&self, start: &Start) {
        self.set_register(0, start.argument);
        self.sp.store(start.sp, Ordering::Relaxed);
        self.pc.store(start.pc, Ordering::Relaxed);
        self.tls.store(start.tls, Ordering::Relaxed);
        // SPSR 0: EL0t in AArch64, interrupts unmasked, no single step.
    }

    /// Register `x{index}`; 0 for an index above 30.
    pub fn register(&self, index: usize) -> u64 {
        self.registers
            .get(index)
            .map_or(0, |register| register.load(Ordering::Relaxed))
    }

    /// Sets register `x{index}`; nothing for an index above 30.
    pub fn set_register(&self, index: usize, value: u64) {
        if let Some(register) = self.registers.get(index) {
            register.store(value, Ordering::Relaxed);
        }
    }

    /// Clears the registers that no call returns and that the entry of a call in
    /// registers leaves as they were.
    pub fn clear_lost(&self) {
        for register in self.registers.iter().take(19).skip(11) {
            register.store(0, Ordering::Relaxed);
        }
    }

    /// Gives registers `x1` to `x6` to another frame.
    #[inline]
    pub fn pass_words(&self, to: &UserFrame) {
        for register in 1..=6 {
            if let (Some(from), Some(to)) =
                (self.registers.get(register), to.registers.get(register))
            {
                to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
            }
        }
    }

    /// Takes over every register of another frame.
    pub(super) fn copy_from(&self, other: &UserFrame) {
        for (to, from) in self.registers.iter().zip(&other.registers) {
            to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        for (to, from) in [
            (&self.sp, &other.sp),
            (&self.pc, &other.pc),
            (&self.status, &other.status),
            (&self.tls, &other.tls),
        ] {
            to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }

    #[cfg(target_os = "none")]
    pub(super) fn set_tls(&self, tls: u64) {
        self.tls.store(tls, Ordering::Relaxed);
    }

    /// The program counter.
    pub fn pc(&self) -> u64 {
        self.pc.load(Ordering::Relaxed)
    }

    /// The stack pointer.
    pub fn sp(&self) -> u64 {
        self.sp.load(Ordering::Relaxed)
    }

    /// The condition flags and what else a program may see of its status.
    pub fn status(&self) -> u64 {
        self.status.load(Ordering::Relaxed) & STATUS_OF_PROGRAM
    }

    /// Sets all registers a program may set, as they come from the program itself: of
    /// `status` only what it may choose is taken, so that it stays one in AArch64 at EL0
    /// with interrupts unmasked.
    pub fn restore(&self, registers: &[u64; 31], sp: u64, pc: u64, status: u64) {
        for (place, value) in self.registers.iter().zip(registers) {
            place.store(*value, Ordering::Relaxed);
        }
        self.sp.store(sp, Ordering::Relaxed);
        self.pc.store(pc, Ordering::Relaxed);
        self.status
            .store(status & STATUS_OF_PROGRAM, Ordering::Relaxed);
    }

    /// Goes on at `pc` with a stack and one argument, all else unchanged.
    pub fn divert(&self, pc: u64, sp: u64, argument: u64) {
        self.set_register(0, argument);
        self.sp.store(sp, Ordering::Relaxed);
        self.pc.store(pc, Ordering::Relaxed);
        self.status.store(0, Ordering::Relaxed);
    }

    /// Moves the program counter back to the system call instruction.
    pub fn rewind_instruction(&self) {
        self.pc.store(self.pc().wrapping_sub(4), Ordering::Relaxed);
    }

    /// Moves the program counter past the instruction that trapped.
    pub fn skip_instruction(&self) {
        self.pc.store(self.pc().wrapping_add(4), Ordering::Relaxed);
    }
}

/// `v0`–`v31`, `FPSR` and `FPCR`.
#[derive(Debug)]
#[repr(C, align(16))]
pub struct VectorState {
    words: [AtomicU64; 66],
}

impl VectorState {
    #[inline(always)]
    const fn zeros() -> Self {
        VectorState {
            words: [const { AtomicU64::new(0) }; 66],
        }
    }

    /// Takes over every register.
    pub(super) fn copy_from(&self, other: &VectorState) {
        for (to, from) in self.words.iter().zip(&other.words) {
            to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }
}

impl Default for VectorState {
    fn default() -> Self {
        VectorState::zeros()
    }
}

/// Everything the machine needs to run a thread; the first field of a thread.
///
/// `kernel_sp` is 0 while the thread holds no kernel frames: it then goes on in its
/// program with the registers of `frame`.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Context {
    /// The program's registers.
    pub frame: UserFrame,
    pub(super) kernel_sp: AtomicU64,
    pub(super) stack_top: AtomicU64,
    pub(super) translation: AtomicU64,
    on_cpu: AtomicU32,
    pub(super) vector_live: AtomicU32,
    /// Address of the table of the calls its program may make.
    calls: AtomicU64,
    pub(super) vector: VectorState,
}

impl Context {
    /// A context with a frame of zeros, a kernel stack that ends at `stack_top` and the page
    /// table register value `translation`.
    #[inline(always)]
    pub fn new(stack_top: u64, translation: u64) -> Self {
        Context {
            frame: UserFrame::zeros(),
            kernel_sp: AtomicU64::new(0),
            stack_top: AtomicU64::new(stack_top),
            translation: AtomicU64::new(translation),
            on_cpu: AtomicU32::new(0),
            vector_live: AtomicU32::new(0),
            calls: AtomicU64::new(0),
            vector: VectorState::zeros(),
        }
    }

    /// Whether a CPU still uses the thread's stack.
    pub fn is_on_cpu(&self) -> bool {
        #[cfg(feature = "model")]
        if super::model::baton::forgets_stacks() {
            return false;
        }
        self.on_cpu.load(Ordering::Acquire) != 0
    }

    /// As [`Context::is_on_cpu`], for whoever makes a fence before using what the CPU left.
    #[inline(always)]
    pub fn is_used(&self) -> bool {
        self.on_cpu.load(Ordering::Relaxed) != 0
    }

    /// Marks the thread as in use by a CPU; the switch away from it ends that.
    pub fn set_on_cpu(&self) {
        self.on_cpu.store(1, Ordering::Relaxed);
    }

    /// No CPU uses the thread's stack any more.
    #[cfg(feature = "model")]
    pub(super) fn set_off_cpu(&self) {
        self.on_cpu.store(0, Ordering::Release);
    }

    /// Sets the page table register value to run with.
    pub fn set_translation(&self, translation: u64) {
        self.translation.store(translation, Ordering::Relaxed);
    }

    /// The calls of its program are the usual ones, or those of one that has given some
    /// up; from its next call on.
    pub fn use_calls(&self, is_strict: bool) {
        self.calls
            .store(super::hooks::calls_address(is_strict), Ordering::Relaxed);
    }

    /// Whether its calls are those of a program that has given some up.
    pub fn has_strict_calls(&self) -> bool {
        self.calls.load(Ordering::Relaxed) == super::hooks::calls_address(true)
    }

    /// Whether the thread will go on in its program, with no kernel frames.
    pub fn is_frameless(&self) -> bool {
        self.kernel_sp.load(Ordering::Relaxed) == 0
    }
}

// The offsets in vectors.S.
#[cfg(target_os = "none")]
const _: () = {
    assert!(offset_of!(Context, frame) == 0);
    assert!(offset_of!(UserFrame, sp) == 248);
    assert!(offset_of!(UserFrame, pc) == 256);
    assert!(offset_of!(UserFrame, status) == 264);
    assert!(offset_of!(UserFrame, tls) == 272);
    assert!(offset_of!(Context, kernel_sp) == 280);
    assert!(offset_of!(Context, stack_top) == 288);
    assert!(offset_of!(Context, translation) == 296);
    assert!(offset_of!(Context, on_cpu) == 304);
    assert!(offset_of!(Context, vector_live) == 308);
    assert!(offset_of!(Context, calls) == 312);
    assert!(offset_of!(Context, vector) == 320);
};
