//! Boots on every kind of machine.

use std::time::Duration;

use anyhow::{Context, bail};

use super::lab::Rig;
use crate::qemu::execution::{End, PANIC};
use crate::qemu::machine::Machine;
use crate::qemu::qmp::Qmp;

/// From reset to a prompt that answers.
pub fn kernel_boot(rig: &Rig<'_>) -> anyhow::Result<()> {
    let mut vm = rig.boot(rig.machine()?)?;
    vm.expect("SYS:> ")?;
    let answer = vm.command("Version", "SYS:> ")?;
    if !answer.contains("ViperOS") {
        bail!("Version answers {answer:?}");
    }
    vm.send("Shutdown\r")?;
    match vm.wait_for_end()? {
        0 => Ok(()),
        code => bail!("Shutdown ended with exit code {code}"),
    }
}

/// Four CPUs, and threads that share them.
pub fn scheduler_start(rig: &Rig<'_>) -> anyhow::Result<()> {
    answers(rig, rig.machine()?)?;
    let outcome = rig.run(rig.machine()?, "SelfTest threads")?;
    outcome
        .expect_code(0)?
        .expect_line_with(&[" passed, 0 failed"])?;
    if outcome.output.contains("\n0 passed") {
        bail!("no test of threads ran\n{outcome}");
    }
    Ok(())
}

/// GICv2 and GICv3, the contract's CPU model and the one with everything.
pub fn interrupt_controllers(rig: &Rig<'_>) -> anyhow::Result<()> {
    for (gic, cpu) in [(2, "cortex-a72"), (2, "max"), (3, "cortex-a72"), (3, "max")] {
        let mut machine = rig.machine()?;
        (machine.gic, machine.cpu) = (gic, cpu.to_owned());
        answers(rig, machine).with_context(|| format!("GICv{gic}, {cpu}"))?;
    }
    Ok(())
}

/// Every number of CPUs.
pub fn numbers_of_cpus(rig: &Rig<'_>) -> anyhow::Result<()> {
    for cpus in 1..=8 {
        let mut machine = rig.machine()?;
        machine.cpus = cpus;
        answers(rig, machine).with_context(|| format!("{cpus} CPUs"))?;
    }
    Ok(())
}

/// From the least memory to more than 4 GiB.
pub fn memory_sizes(rig: &Rig<'_>) -> anyhow::Result<()> {
    for mib in [48, 64, 256, 1024, 4096, 8192] {
        let mut machine = rig.machine()?;
        machine.memory_mib = mib;
        answers(rig, machine).with_context(|| format!("{mib} MiB"))?;
    }
    Ok(())
}

/// Entered at EL2, as with a boot loader that leaves the hypervisor's level on.
pub fn from_el2(rig: &Rig<'_>) -> anyhow::Result<()> {
    for (gic, cpu) in [(2, "cortex-a72"), (3, "max")] {
        let mut machine = rig.machine()?;
        (machine.gic, machine.cpu, machine.el2) = (gic, cpu.to_owned(), true);
        answers(rig, machine).with_context(|| format!("EL2, GICv{gic}, {cpu}"))?;
    }
    Ok(())
}

/// The kernel lies elsewhere in each boot, and all of it does; the positive control is that
/// with `noaslr` it lies where it was linked. Idle CPUs tell where they wait.
pub fn random_addresses(rig: &Rig<'_>) -> anyhow::Result<()> {
    /// The image moves by multiples of this.
    const STEP: u64 = 2 << 20;
    let linked = [idle_at(rig, true)?, idle_at(rig, true)?];
    let moved = [idle_at(rig, false)?, idle_at(rig, false)?];
    let all = [linked[0], linked[1], moved[0], moved[1]];
    let fits = |pc: &u64| pc % STEP == linked[0] % STEP;
    let distinct = moved[0] != moved[1] && !moved.contains(&linked[0]);
    if linked[0] != linked[1] || !distinct || !all.iter().all(fits) {
        bail!("idle at {linked:x?} with noaslr, at {moved:x?} without");
    }
    Ok(())
}

/// The instruction at which the machine's only CPU waits behind the prompt.
fn idle_at(rig: &Rig<'_>, is_linked: bool) -> anyhow::Result<u64> {
    let socket = rig.folder.join("qmp");
    let mut machine = rig.machine()?;
    (machine.cpus, machine.qmp) = (1, Some(socket.clone()));
    if is_linked {
        machine.boot_arguments.push("noaslr".to_owned());
    }
    let mut vm = rig.boot(machine)?;
    vm.expect("SYS:> ")?;
    let mut qmp = Qmp::connect(&socket)?;
    let mut last = 0;
    // Where it waits it is found twice in a row.
    for _ in 0..100 {
        let pc = qmp.pc()?;
        if pc == last {
            vm.kill();
            return Ok(pc);
        }
        last = pc;
        std::thread::sleep(Duration::from_millis(20));
    }
    bail!("the CPU does not come to rest at the prompt")
}

/// With less than it needs the kernel says so and stops; it neither hangs nor
/// panics. The positive control is [`memory_sizes`].
pub fn too_little_memory(rig: &Rig<'_>) -> anyhow::Result<()> {
    for mib in [24, 32] {
        let mut machine = rig.machine()?;
        machine.memory_mib = mib;
        let outcome = rig.run(machine, "Version")?;
        if matches!(
            outcome.end,
            End::Code(0 | PANIC) | End::Hang | End::Signal(_)
        ) {
            bail!("{mib} MiB: expected a refusal\n{outcome}");
        }
        outcome
            .expect_log_with(&["memory", "MiB"])
            .with_context(|| format!("{mib} MiB"))?;
    }
    Ok(())
}

/// Whether the booted system runs a command and finds all of the machine.
fn answers(rig: &Rig<'_>, machine: Machine) -> anyhow::Result<()> {
    let (cpus, gic, level) = (machine.cpus, machine.gic, if machine.el2 { 2 } else { 1 });
    let outcome = rig.run(machine, "Version FULL")?;
    outcome
        .expect_code(0)?
        .expect_line_with(&["ViperOS"])?
        .expect_line_with(&["Processors", &format!("{cpus} of {cpus}")])?
        .expect_line_with(&[&format!("GICv{gic}")])?
        .expect_line_with(&[&format!("EL{level}")])?;
    Ok(())
}
