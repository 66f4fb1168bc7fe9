//! Starting the other CPUs.

use crate::arch::{self, CpuStart};
use crate::drivers::Machine;
use crate::limits::CPUS_MAX;
use crate::mm::KernelStack;
use crate::sched;
use crate::sync::SpinLock;

/// Stacks of the CPUs: one to begin on, one for reports of an overflow; kept for ever.
static STACKS: SpinLock<[Option<(KernelStack, KernelStack)>; CPUS_MAX]> =
    SpinLock::new([const { None }; CPUS_MAX]);

/// Starts every CPU of the device tree but the one this runs on.
pub(super) fn start_others(machine: &Machine<'_>) {
    for (cpu, affinity) in machine
        .cpus
        .iter()
        .enumerate()
        .take(machine.cpu_count)
        .skip(1)
    {
        let (Ok(first), Ok(emergency)) = (KernelStack::new(), KernelStack::new()) else {
            log::warn!("CPU {cpu} is not started: no memory for its stacks");
            return;
        };
        let start = CpuStart {
            cpu,
            affinity: *affinity,
            stack_top: first.top(),
            emergency_top: emergency.top(),
            entry: secondary,
        };
        if let Some(place) = STACKS.lock().get_mut(cpu) {
            *place = Some((first, emergency));
        }
        if let Err(error) = arch::start_cpu(&start) {
            log::warn!("CPU {cpu} does not start: {error:?}");
        }
    }
}

extern "C" fn secondary() -> ! {
    arch::init_secondary_cpu();
    arch::init_gic_cpu();
    arch::init_timer();
    match sched::start_this_cpu() {
        Ok(never) => match never {},
        Err(_) => {
            log::warn!(
                "CPU {} stays idle: no memory for its thread",
                arch::cpu_id()
            );
            arch::halt_forever()
        }
    }
}
