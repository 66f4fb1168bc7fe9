//! Boots on every kind of machine.

use anyhow::{Context, bail};

use super::lab::Rig;
use crate::qemu::execution::{End, PANIC};
use crate::qemu::machine::Machine;

/// From reset to a prompt that answers.
pub fn kernel_boot(rig: &Rig<'_>) -> anyhow::Result<()> {
    let mut vm = rig.boot(rig.machine()?)?;
    vm.expect("> ")?;
    let answer = vm.command("Version", "> ")?;
    if !answer.contains("ViperOS") {
        bail!("Version answers {answer:?}");
    }
    vm.send("Shutdown\r")?;
    match vm.wait_for_end()? {
        0 => Ok(()),
        code => bail!("Shutdown ended with exit code {code}"),
    }
}

/// Four CPUs that all take threads.
pub fn scheduler_start(rig: &Rig<'_>) -> anyhow::Result<()> {
    let outcome = rig.run(rig.machine()?, "Status CPU")?;
    outcome.expect_code(0)?;
    // One row for each CPU, its number first.
    let rows = outcome
        .output
        .lines()
        .filter(|line| {
            line.split_whitespace()
                .next()
                .is_some_and(|word| word.parse::<u32>().is_ok())
        })
        .count();
    if rows != 4 {
        bail!("expected a row for each of 4 CPUs, not {rows}\n{outcome}");
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

/// Whether the booted system runs a command.
fn answers(rig: &Rig<'_>, machine: Machine) -> anyhow::Result<()> {
    let outcome = rig.run(machine, "Version")?;
    outcome.expect_code(0)?.expect_line_with(&["ViperOS"])?;
    Ok(())
}
