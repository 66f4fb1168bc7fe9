//! One CPU: its local block, interrupt masking, features.

use core::arch::asm;
use core::mem::offset_of;
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

use aarch64_cpu::registers::{
    CNTKCTL_EL1, CPACR_EL1, DAIF, MIDR_EL1, Readable, SCTLR_EL1, TPIDR_EL1, Writeable,
};

use crate::arch::Context;
use crate::limits::{CPUS_MAX, KERNEL_STACK_BYTES};
use crate::word;

// The bit that vectors.S tests.
const _: () = assert!(KERNEL_STACK_BYTES == 1 << 15);

/// What belongs to one CPU; `TPIDR_EL1` points to it.
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct CpuLocal {
    current: AtomicPtr<Context>,
    pending: AtomicU32,
    id: AtomicU32,
    emergency_top: AtomicU64,
    calls: AtomicU64,
    interrupts: AtomicU64,
    marks: CpuMarks,
}

/// What a CPU says about what it runs, read by the others, so on a cache line of its own.
/// The meaning is that of the modules that write it.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct CpuMarks {
    /// The identifier of the address space (`mm`).
    pub space: AtomicU64,
    /// The domain whose values are read without locks (`sync::epoch`).
    pub domain: AtomicU64,
}

// The offsets in vectors.S.
const _: () = {
    assert!(offset_of!(CpuLocal, current) == 0);
    assert!(offset_of!(CpuLocal, pending) == 8);
    assert!(offset_of!(CpuLocal, emergency_top) == 16);
    assert!(offset_of!(CpuLocal, calls) == 24);
};

impl CpuLocal {
    const fn new() -> Self {
        CpuLocal {
            current: AtomicPtr::new(core::ptr::null_mut()),
            pending: AtomicU32::new(0),
            id: AtomicU32::new(0),
            emergency_top: AtomicU64::new(0),
            calls: AtomicU64::new(0),
            interrupts: AtomicU64::new(0),
            marks: CpuMarks {
                space: AtomicU64::new(0),
                domain: AtomicU64::new(0),
            },
        }
    }
}

#[unsafe(export_name = "boot_cpu_local")]
static BOOT_CPU_LOCAL: CpuLocal = CpuLocal::new();
static OTHER_CPU_LOCALS: [CpuLocal; CPUS_MAX] = [const { CpuLocal::new() }; CPUS_MAX];

/// Bytes of an emergency stack; like a kernel stack it is aligned to twice its size,
/// so that the overflow test of the vectors passes on it.
const EMERGENCY_BYTES: usize = KERNEL_STACK_BYTES;

#[repr(C, align(65536))]
struct EmergencyStack([u8; EMERGENCY_BYTES]);

/// Where the boot CPU reports a stack overflow from.
static mut BOOT_EMERGENCY: EmergencyStack = EmergencyStack([0; EMERGENCY_BYTES]);

fn locals(cpu: usize) -> &'static CpuLocal {
    if cpu == 0 {
        &BOOT_CPU_LOCAL
    } else {
        &OTHER_CPU_LOCALS[cpu]
    }
}

#[inline(always)]
fn local() -> &'static CpuLocal {
    // SAFETY: TPIDR_EL1 is set by boot.S, before any Rust code, to a static CpuLocal.
    unsafe { &*(TPIDR_EL1.get() as *const CpuLocal) }
}

pub(super) fn init_boot_cpu() {
    let bottom = &raw mut BOOT_EMERGENCY as u64;
    let top = bottom.saturating_add(EMERGENCY_BYTES as u64);
    BOOT_CPU_LOCAL.emergency_top.store(top, Ordering::Relaxed);
    init_features();
}

pub(super) fn install_cpu_local(cpu: usize, emergency_top: u64) -> &'static CpuLocal {
    let local = locals(cpu);
    local
        .id
        .store(word::low_half(cpu as u64), Ordering::Relaxed);
    local.emergency_top.store(emergency_top, Ordering::Relaxed);
    local
}

/// Number of the CPU this runs on; with interrupts unmasked it may be old at once.
#[inline(always)]
pub fn cpu_id() -> usize {
    local().id.load(Ordering::Relaxed) as usize
}

/// The place that says whose program this CPU runs.
#[inline(always)]
pub fn running_place() -> &'static AtomicPtr<Context> {
    &local().current
}

/// The CPU this runs on, found once for several uses; right as long as interrupts stay
/// masked.
#[derive(Clone, Copy, Debug)]
pub struct ThisCpu {
    local: &'static CpuLocal,
}

impl ThisCpu {
    /// Its number.
    #[inline(always)]
    pub fn id(self) -> u32 {
        self.local.id.load(Ordering::Relaxed)
    }

    /// The place that says whose program it runs.
    #[inline(always)]
    pub fn running_place(self) -> &'static AtomicPtr<Context> {
        &self.local.current
    }

    /// What it says about what it runs.
    #[inline(always)]
    pub fn marks(self) -> &'static CpuMarks {
        &self.local.marks
    }
}

/// The CPU this runs on. Interrupts are masked.
#[inline(always)]
pub fn this_cpu() -> ThisCpu {
    ThisCpu { local: local() }
}

/// What a CPU says about what it runs; the boot CPU's for a number beyond the last.
pub fn marks_of(cpu: usize) -> &'static CpuMarks {
    let cpu = if cpu < CPUS_MAX { cpu } else { 0 };
    &locals(cpu).marks
}

/// System calls made on a CPU so far, but for those in registers that went straight to
/// another thread; 0 for a CPU that does not exist.
pub fn calls_made(cpu: usize) -> u64 {
    if cpu < CPUS_MAX {
        locals(cpu).calls.load(Ordering::Relaxed)
    } else {
        0
    }
}

/// Counts an interrupt of this CPU, which has them masked.
pub(super) fn count_interrupt() {
    let interrupts = &local().interrupts;
    let sum = interrupts.load(Ordering::Relaxed).wrapping_add(1);
    interrupts.store(sum, Ordering::Relaxed);
}

/// Interrupts a CPU has taken so far; 0 for a CPU that does not exist.
pub fn interrupts_taken(cpu: usize) -> u64 {
    if cpu < CPUS_MAX {
        locals(cpu).interrupts.load(Ordering::Relaxed)
    } else {
        0
    }
}

/// Sets pending bits of this CPU; seen on the way back to a program.
#[inline]
pub fn raise_pending(bits: u32) {
    local().pending.fetch_or(bits, Ordering::Relaxed);
}

/// Takes the pending bits of this CPU.
pub fn take_pending() -> u32 {
    local().pending.swap(0, Ordering::Relaxed)
}

/// The pending bits of this CPU.
pub fn pending() -> u32 {
    local().pending.load(Ordering::Relaxed)
}

/// Whether interrupts were masked, to go back to.
#[derive(Clone, Copy, Debug)]
pub struct IrqState(u64);

/// Masks interrupts; returns what to restore.
#[inline(always)]
pub fn irq_save() -> IrqState {
    let state = DAIF.get();
    irq_disable();
    IrqState(state)
}

/// Goes back to an earlier state.
#[inline(always)]
pub fn irq_restore(state: IrqState) {
    DAIF.set(state.0);
}

/// Masks interrupts.
#[inline(always)]
pub fn irq_disable() {
    // SAFETY: masking interrupts has no effect on memory; no `nomem`, so that the
    // compiler keeps accesses on their side.
    unsafe { asm!("msr daifset, #2", options(nostack, preserves_flags)) };
}

/// Unmasks interrupts.
#[inline(always)]
pub fn irq_enable() {
    // SAFETY: as for `irq_disable`; the caller holds no spin lock.
    unsafe { asm!("msr daifclr, #2", options(nostack, preserves_flags)) };
}

/// Whether interrupts are unmasked.
pub fn irqs_enabled() -> bool {
    DAIF.get() & (1 << 7) == 0
}

/// Waits for an interrupt, masked or not.
pub fn wait_for_interrupt() {
    aarch64_cpu::asm::barrier::dsb(aarch64_cpu::asm::barrier::SY);
    aarch64_cpu::asm::wfi();
}

/// One turn of a wait loop.
#[inline(always)]
pub fn spin_hint() {
    // Not the barrier that `core` has here: where an emulator's CPUs take turns, this one
    // gives way.
    // SAFETY: a hint; no `nomem`, so that what is waited for is loaded again.
    unsafe { asm!("yield", options(nostack, preserves_flags)) };
}

/// Lets this CPU see instructions that were just written to memory.
pub fn synchronize_code() {
    // SAFETY: cache maintenance only; QEMU and Armv8 with coherent caches need no more
    // than the barriers around IC IALLUIS.
    unsafe {
        asm!(
            "dsb ishst",
            "ic ialluis",
            "dsb ish",
            "isb",
            options(nostack, preserves_flags)
        );
    }
}

/// `MIDR_EL1`.
pub fn cpu_model() -> u64 {
    MIDR_EL1.get()
}

bitflags::bitflags! {
    /// What this CPU has beyond the contract of a Cortex-A72.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Features: u32 {
        /// Privileged access never.
        const PAN = 1 << 0;
        /// Random number instruction.
        const RNDR = 1 << 1;
    }
}

fn id_field(register: u64, shift: u32) -> u64 {
    (register >> shift) & 0xf
}

/// The features of this CPU.
pub fn features() -> Features {
    let (mmfr1, isar0): (u64, u64);
    // SAFETY: reading ID registers has no effect.
    unsafe {
        asm!("mrs {}, id_aa64mmfr1_el1", out(reg) mmfr1, options(nomem, nostack));
        asm!("mrs {}, id_aa64isar0_el1", out(reg) isar0, options(nomem, nostack));
    }
    let mut found = Features::empty();
    found.set(Features::PAN, id_field(mmfr1, 20) != 0);
    found.set(Features::RNDR, id_field(isar0, 60) != 0);
    found
}

/// SCTLR_EL1.SPAN: PAN stays as it is when an exception is taken.
const SCTLR_SPAN: u64 = 1 << 23;

/// Sets this CPU's control registers to what the kernel expects.
pub(super) fn init_features() {
    // EL0 traps on FP and SIMD until it uses them; EL1 never does.
    CPACR_EL1.write(CPACR_EL1::FPEN::TrapEl0);
    // Programs may read the virtual counter; no event stream.
    CNTKCTL_EL1.write(CNTKCTL_EL1::EL0VCTEN::SET);
    if features().contains(Features::PAN) {
        SCTLR_EL1.set(SCTLR_EL1.get() & !SCTLR_SPAN);
        // SAFETY: PAN exists; the kernel reaches user memory by LDTR and STTR only.
        unsafe { asm!("msr S0_0_C4_C1_4, xzr", options(nostack)) };
    } else {
        SCTLR_EL1.set(SCTLR_EL1.get() | SCTLR_SPAN);
    }
    init_counters();
    aarch64_cpu::asm::barrier::isb(aarch64_cpu::asm::barrier::SY);
}

/// Counts retired instructions where there is a PMU. Programs may read the counter, and
/// change nothing: the benchmarks under instruction counting use it.
fn init_counters() {
    let dfr0: u64;
    // SAFETY: reading an ID register has no effect.
    unsafe { asm!("mrs {}, id_aa64dfr0_el1", out(reg) dfr0, options(nomem, nostack)) };
    if matches!(id_field(dfr0, 8), 0 | 0xf) {
        return;
    }
    // SAFETY: the PMU exists; its registers touch no memory. Event 8 is INST_RETIRED.
    unsafe {
        asm!(
            "msr pmselr_el0, xzr",
            "isb",
            "msr pmxevtyper_el0, {event}",
            "msr pmcntenset_el0, {counter}",
            "msr pmcr_el0, {enable}",
            "msr pmuserenr_el0, {user}",
            event = in(reg) 8u64,
            counter = in(reg) 1u64,
            enable = in(reg) 1u64,
            // Event and cycle counters, not the control registers (EN stays 0).
            user = in(reg) 0b1100u64,
            options(nostack)
        );
    }
}

/// A random number from the CPU itself, where it has a source.
pub fn hardware_random() -> Option<u64> {
    if !features().contains(Features::RNDR) {
        return None;
    }
    let (value, failed): (u64, u64);
    // SAFETY: RNDR exists; it sets only its result and the flags.
    unsafe {
        asm!("mrs {}, S3_3_C2_C4_0", "cset {}, eq", out(reg) value, out(reg) failed,
            options(nomem, nostack));
    }
    (failed == 0).then_some(value)
}
