//! The interrupt controller: GICv2 or GICv3 behind one face.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use aarch64_cpu::asm::barrier::{ISHST, dsb};
use aarch64_cpu::registers::{MPIDR_EL1, Readable};
use arm_gic::gicv2::GicV2;
use arm_gic::gicv3::{self, GicCpuInterface, GicV3};
use arm_gic::{IntId, InterruptGroup, Trigger, UniqueMmioPointer};
use spin::mutex::SpinMutex;

use crate::arch::hooks::hooks;
use crate::limits::CPUS_MAX;

use super::cpu::{count_interrupt, cpu_id, irq_restore, irq_save};
use super::timer::TIMER_INTERRUPT;

/// The software interrupt that makes a CPU look at its pending bits.
const WAKE_SGI: u32 = 0;
const PRIORITY: u8 = 0x80;

/// Where the controller is, as kernel addresses of its registers.
#[derive(Clone, Copy, Debug)]
pub enum GicConfig {
    /// Distributor and CPU interface.
    V2 {
        /// Distributor.
        distributor: u64,
        /// CPU interface.
        cpu_interface: u64,
    },
    /// Distributor and redistributors.
    V3 {
        /// Distributor.
        distributor: u64,
        /// First redistributor.
        redistributors: u64,
    },
}

enum Gic {
    None,
    V2 {
        gic: GicV2<'static>,
        distributor: u64,
    },
    V3(GicV3<'static>),
}

static GIC: SpinMutex<Gic> = SpinMutex::new(Gic::None);
static VERSION: AtomicU8 = AtomicU8::new(0);
static AFFINITIES: [AtomicU64; CPUS_MAX] = [const { AtomicU64::new(0) }; CPUS_MAX];

fn with_gic<R>(work: impl FnOnce(&mut Gic) -> R) -> R {
    let state = irq_save();
    let result = work(&mut GIC.lock());
    irq_restore(state);
    result
}

/// Version of the controller in use, 0 before it is set up.
pub fn gic_version() -> u32 {
    u32::from(VERSION.load(Ordering::Relaxed))
}

/// Sets the controller up for `cpus` CPUs, on the boot CPU.
///
/// # Errors
/// Words for a person where the registers are not those of such a controller.
pub fn init_gic(config: GicConfig, cpus: usize) -> Result<(), &'static str> {
    const NOWHERE: &str = "interrupt controller at address 0";
    let gic = match config {
        GicConfig::V2 {
            distributor,
            cpu_interface,
        } => {
            // SAFETY: start-up maps the two register blocks named by the device tree
            // as device memory, once, and hands them only to this driver.
            let mut gic = unsafe { GicV2::new(distributor as *mut _, cpu_interface as *mut _) };
            gic.setup();
            VERSION.store(2, Ordering::Relaxed);
            Gic::V2 { gic, distributor }
        }
        GicConfig::V3 {
            distributor,
            redistributors,
        } => {
            let distributor = NonNull::new(distributor as *mut _).ok_or(NOWHERE)?;
            let redistributors = NonNull::new(redistributors as *mut _).ok_or(NOWHERE)?;
            // SAFETY: as for version 2.
            let gic =
                unsafe { GicV3::new(UniqueMmioPointer::new(distributor), redistributors, cpus) };
            let mut gic = gic.map_err(|_| "the redistributors do not answer as GICv3")?;
            gic.setup(0);
            VERSION.store(3, Ordering::Relaxed);
            Gic::V3(gic)
        }
    };
    with_gic(|slot| *slot = gic);
    enable_cpu_interface();
    Ok(())
}

/// Sets the controller up for the CPU this runs on, which is not the boot CPU.
pub fn init_gic_cpu() {
    let cpu = cpu_id();
    with_gic(|gic| {
        if let Gic::V3(gic) = gic {
            gic.init_cpu(cpu);
            GicCpuInterface::enable_group1(true);
        }
        if let Gic::V2 { gic, .. } = gic {
            // The CPU interface and the private interrupts are banked per CPU.
            gic.setup();
        }
    });
    enable_cpu_interface();
}

fn enable_cpu_interface() {
    AFFINITIES[cpu_id()].store(MPIDR_EL1.get(), Ordering::Relaxed);
    if gic_version() == 3 {
        GicCpuInterface::set_priority_mask(0xff);
    }
    enable_private(WAKE_SGI);
}

fn int_id(number: u32) -> IntId {
    match number {
        0..16 => IntId::sgi(number),
        16..32 => IntId::ppi(number.saturating_sub(16)),
        _ => IntId::spi(number.saturating_sub(32)),
    }
}

/// Lets a private interrupt through on this CPU.
pub(super) fn enable_private(number: u32) {
    let cpu = cpu_id();
    with_gic(|gic| match gic {
        Gic::None => {}
        Gic::V2 { gic, .. } => {
            gic.set_interrupt_priority(int_id(number), PRIORITY);
            let _ = gic.enable_interrupt(int_id(number), true);
        }
        Gic::V3(gic) => {
            let _ = gic.set_interrupt_priority(int_id(number), Some(cpu), PRIORITY);
            let _ = gic.enable_interrupt(int_id(number), Some(cpu), true);
        }
    });
}

/// Lets a device's interrupt through, to the boot CPU.
pub fn enable_line(number: u32, edge: bool) {
    let trigger = if edge { Trigger::Edge } else { Trigger::Level };
    with_gic(|gic| match gic {
        Gic::None => {}
        Gic::V2 { gic, distributor } => {
            gic.set_trigger(int_id(number), trigger);
            gic.set_interrupt_priority(int_id(number), PRIORITY);
            // GICD_ITARGETSR (GICv2 architecture, 4.3.12): one byte for each interrupt.
            let targets = distributor.saturating_add(0x800);
            let target = targets.saturating_add(u64::from(number));
            // SAFETY: inside the mapped distributor; byte accesses are allowed there.
            unsafe { (target as *mut u8).write_volatile(1) };
            let _ = gic.enable_interrupt(int_id(number), true);
        }
        Gic::V3(gic) => {
            let affinity = AFFINITIES[0].load(Ordering::Relaxed);
            let _ = gic.set_trigger(int_id(number), None, trigger);
            let _ = gic.set_interrupt_priority(int_id(number), None, PRIORITY);
            let _ = gic
                .distributor()
                .set_routing(int_id(number), Some(affinity & 0xff_00ff_ffff));
            let _ = gic.enable_interrupt(int_id(number), None, true);
        }
    });
}

/// Makes another CPU look at its pending bits; it sees what was written before.
pub fn send_ipi(cpu: usize) {
    // A write to the controller is not ordered after stores to plain memory by itself, be
    // it a system register or device memory.
    dsb(ISHST);
    let affinity = AFFINITIES[cpu].load(Ordering::Relaxed);
    let byte = |shift: u32| ((affinity >> shift) & 0xff) as u8;
    match gic_version() {
        3 => {
            let target = gicv3::SgiTarget::List {
                affinity3: byte(32),
                affinity2: byte(16),
                affinity1: byte(8),
                target_list: 1 << (affinity & 0xf),
            };
            let _ = GicCpuInterface::send_sgi(
                IntId::sgi(WAKE_SGI),
                target,
                gicv3::SgiTargetGroup::CurrentGroup1,
            );
        }
        2 => with_gic(|gic| {
            if let Gic::V2 { distributor, .. } = gic {
                // GICD_SGIR (4.3.15): target list, group 0.
                let value = (0x1_0000u32 << cpu) | WAKE_SGI;
                let register = distributor.saturating_add(0xf00);
                // SAFETY: inside the mapped distributor.
                unsafe { (register as *mut u32).write_volatile(value) };
            }
        }),
        _ => {}
    }
}

fn acknowledge() -> Option<IntId> {
    match gic_version() {
        3 => GicCpuInterface::get_and_acknowledge_interrupt(InterruptGroup::Group1),
        _ => with_gic(|gic| match gic {
            Gic::V2 { gic, .. } => gic.get_and_acknowledge_interrupt(InterruptGroup::Group0),
            _ => None,
        }),
    }
}

fn end(id: IntId) {
    match gic_version() {
        3 => GicCpuInterface::end_interrupt(id, InterruptGroup::Group1),
        _ => with_gic(|gic| {
            if let Gic::V2 { gic, .. } = gic {
                gic.end_interrupt(id, InterruptGroup::Group0);
            }
        }),
    }
}

/// Handles every interrupt that is pending on this CPU.
pub(super) fn dispatch() {
    let Some(hooks) = hooks() else { return };
    while let Some(id) = acknowledge() {
        count_interrupt();
        // A GICv2 software interrupt carries its sender above bit 9.
        match u32::from(id) & 0x3ff {
            WAKE_SGI => (hooks.ipi)(),
            TIMER_INTERRUPT => (hooks.timer)(),
            number => (hooks.irq)(number),
        }
        end(id);
    }
}
