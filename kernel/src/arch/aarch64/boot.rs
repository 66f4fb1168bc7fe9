//! The way in: what boot.S hands over, and starting the other CPUs.

use core::arch::global_asm;

use super::cpu::{CpuLocal, install_cpu_local};
use super::mmu;
use crate::arch::image_slide;

global_asm!(include_str!("boot.S"), options(raw));

/// What the boot protocol and boot.S leave for the kernel.
#[derive(Clone, Copy, Debug)]
pub struct BootInfo {
    /// Physical address of the device tree.
    pub device_tree: u64,
    /// Physical address of the kernel image.
    pub image: u64,
    /// Exception level at entry, 1 or 2.
    pub entry_level: u64,
}

impl BootInfo {
    /// Largest device tree that is read.
    const TREE_BYTES_MAX: usize = 2 << 20;

    /// The device tree as bytes; empty where there is none.
    pub fn device_tree_blob(&self) -> &'static [u8] {
        /// First word of a tree, big endian; its size follows.
        const MAGIC: u32 = 0xd00d_feed;
        let pointer = mmu::phys_to_virt(self.device_tree);
        if self.device_tree == 0 || !self.device_tree.is_multiple_of(8) {
            return &[];
        }
        // SAFETY: the boot tables map the GiB of the tree, which the boot loader has put
        // into memory that nobody else uses; the size is bounded before it is believed.
        unsafe {
            let magic = u32::from_be(pointer.cast::<u32>().read());
            let size = u32::from_be(pointer.cast::<u32>().add(1).read()) as usize;
            if magic != MAGIC || size > Self::TREE_BYTES_MAX {
                return &[];
            }
            core::slice::from_raw_parts(pointer, size)
        }
    }
}

unsafe extern "Rust" {
    /// The kernel proper; defined by the binary.
    safe fn kernel_main(info: BootInfo) -> !;
    /// A random number for the address of the kernel, unless it is to stay where it was
    /// linked; defined by the binary. It leaves no address in a static.
    safe fn kernel_place(info: BootInfo) -> Option<u64>;
}

/// Called at the linked address; returns the slide, 0 to stay. See `boot_map_again` for
/// what it has to be.
#[unsafe(no_mangle)]
extern "C" fn kernel_choose_slide(device_tree: u64, image: u64, entry_level: u64) -> u64 {
    let info = BootInfo {
        device_tree,
        image,
        entry_level,
    };
    kernel_place(info).map_or(0, image_slide)
}

#[unsafe(no_mangle)]
extern "C" fn kernel_entry(device_tree: u64, image: u64, entry_level: u64) -> ! {
    mmu::set_image(image);
    super::cpu::init_boot_cpu();
    kernel_main(BootInfo {
        device_tree,
        image,
        entry_level,
    })
}

/// What a secondary CPU needs before it can run Rust; read by boot.S with the MMU off.
#[derive(Debug, Default)]
#[repr(C, align(64))]
struct SecondaryArguments {
    translation: u64,
    stack_top: u64,
    cpu_local: u64,
    entry: u64,
    image: u64,
}

/// Why a CPU did not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartError(pub smccc::psci::error::Error);

/// What is needed to start one more CPU.
#[derive(Clone, Copy, Debug)]
pub struct CpuStart {
    /// Its number in the kernel.
    pub cpu: usize,
    /// Its affinity, `MPIDR_EL1` form.
    pub affinity: u64,
    /// Top of the stack it begins on.
    pub stack_top: u64,
    /// Top of its emergency stack.
    pub emergency_top: u64,
    /// What it runs; interrupts are masked.
    pub entry: extern "C" fn() -> !,
}

/// Starts a CPU by PSCI.
///
/// # Errors
/// What the firmware answers.
pub fn start_cpu(start: &CpuStart) -> Result<(), StartError> {
    unsafe extern "C" {
        static boot_secondary: u8;
    }
    let local: &'static CpuLocal = install_cpu_local(start.cpu, start.emergency_top);
    let arguments = SecondaryArguments {
        translation: mmu::kernel_translation(),
        stack_top: start.stack_top,
        cpu_local: core::ptr::from_ref(local) as u64,
        entry: start.entry as usize as u64,
        image: mmu::image_layout().start,
    };
    // The new CPU reads the block after this function returned: it lies at the
    // bottom of its emergency stack, which nobody else uses until then.
    let place = start.emergency_top.saturating_sub(4096);
    // SAFETY: the emergency stack is mapped, larger than 4096 bytes, aligned to 16,
    // and not in use before the CPU runs.
    unsafe { (place as *mut SecondaryArguments).write(arguments) };
    mmu::clean_to_memory(place, size_of::<SecondaryArguments>());
    let entry = mmu::image_to_phys(&raw const boot_secondary as u64);
    let argument = mmu::kernel_virt_to_phys(place);
    super::power::cpu_on(start.affinity, entry, argument).map_err(StartError)
}

/// Finishes the control registers of a CPU that was just started.
pub fn init_secondary_cpu() {
    super::cpu::init_features();
    mmu::secondary_protection();
}
