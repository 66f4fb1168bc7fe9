//! Instructions from reset to the first program and to the prompt.
//!
//! The machine runs under the GDB stub to a hardware breakpoint; QEMU then tells
//! how many instructions it executed. Nothing in the guest helps with it.
//!
//! When a disk answers depends on the host, and an answer that comes late costs the guest
//! a sleep and an interrupt. So the machine is also stopped wherever it begins to wait
//! for the disk: QEMU completes what is under way before it goes on, and a boot costs the
//! same every time.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};

use super::Measurement;
use crate::arguments::{MachineOptions, Profile};
use crate::build::system::System;
use crate::image::disk::{self, Identity};
use crate::image::{kernel_image, layout};
use crate::qemu::gdb_remote::Stub;
use crate::qemu::machine::{Console, Disk, Machine, WhileIdle, Writes};
use crate::qemu::process::Qemu;
use crate::qemu::qmp::Qmp;
use crate::toolchain::emulator::Emulator;

/// Name of the group.
const GROUP: &str = "boot";

/// The machine's reset to the first instruction of the first program.
const TO_INIT: &str = "insn_reset_to_init_entry";

/// Reset to the shell's first wait for input, its prompt written.
const TO_PROMPT: &str = "insn_reset_to_prompt";

/// Kernel function that is called when a terminal with output behind it is first
/// waited on.
const PROMPT_FUNCTION: &str = "terminal_idle_mark";

/// Boots for one measurement, of which the least counts: when the clock goes on while
/// nothing runs is still the host's affair, and an alarm more costs some thousands.
const BOOTS: usize = 9;

/// Kernel function in which a thread waits for the disk.
const DISK_WAIT: &str = "VirtioBlk as kernel::block::device::BlockDevice>::wait";

/// Longest time for one stretch, on a slow and busy host.
const LIMIT: Duration = Duration::from_secs(120);

/// Whether a name or group is measured here.
pub fn is_name(name: &str) -> bool {
    [GROUP, TO_INIT, TO_PROMPT].contains(&name)
}

/// The measurements that `names` asks for, or both.
pub fn measure(
    emulator: &Emulator,
    system: &System,
    names: &[String],
) -> anyhow::Result<Vec<Measurement>> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let machine = machine(system, folder.path())?;
    let stops = [
        (TO_INIT, system.init_entry()?),
        (
            TO_PROMPT,
            kernel_image::function_address(&system.kernel_elf, PROMPT_FUNCTION)?,
        ),
    ];
    let disk_wait = kernel_image::function_address(&system.kernel_elf, DISK_WAIT)?;
    let mut boots = Vec::new();
    for _ in 0..BOOTS {
        boots.push(boot(emulator, &machine, folder.path(), stops, disk_wait)?);
    }
    let mut measured = Vec::new();
    for (index, (name, _)) in stops.into_iter().enumerate() {
        let value = boots
            .iter()
            .map(|boot| boot[index])
            .fold(f64::INFINITY, f64::min);
        if names.is_empty() || names.iter().any(|wanted| wanted == GROUP || wanted == name) {
            let (name, unit) = (name.to_owned(), "insn".to_owned());
            measured.push(Measurement { name, value, unit });
        }
    }
    Ok(measured)
}

/// Boots once; the instructions executed at each stop.
fn boot(
    emulator: &Emulator,
    machine: &Machine,
    folder: &Path,
    stops: [(&str, u64); 2],
    disk_wait: u64,
) -> anyhow::Result<[f64; 2]> {
    // An ended QEMU leaves its sockets; the new one must not be mistaken for it.
    for socket in [gdb_socket(folder), qmp_socket(folder)] {
        let _ = std::fs::remove_file(socket);
    }
    let streams = [Stdio::null(), Stdio::null(), Stdio::inherit()];
    let _qemu = Qemu::start(emulator, machine, streams)?;
    let mut stub = Stub::connect(&gdb_socket(folder))?;
    let mut qmp = Qmp::connect(&qmp_socket(folder))?;
    stub.break_at(disk_wait)?;
    let mut instructions = [0.0; 2];
    for ((name, address), count) in stops.into_iter().zip(&mut instructions) {
        stub.break_at(address)?;
        run_to(&mut stub, address, disk_wait)
            .with_context(|| format!("{name}: stop at {address:#x}"))?;
        stub.unbreak(address)?;
        // Exact below 2^53.
        *count = qmp.instructions()? as f64;
    }
    Ok(instructions)
}

/// Runs to an address, letting the disk answer wherever a thread waits for it.
fn run_to(stub: &mut Stub, address: u64, disk_wait: u64) -> anyhow::Result<()> {
    loop {
        stub.run_to_breakpoint(LIMIT)?;
        match stub.pc()? {
            pc if pc == address => return Ok(()),
            pc if pc == disk_wait => stub.step_over(disk_wait)?,
            pc => bail!("the machine stopped at {pc:#x}"),
        }
    }
}

/// One CPU, 128 MiB, a fresh disk, nothing random.
fn machine(system: &System, folder: &Path) -> anyhow::Result<Machine> {
    let image = folder.join("disk.img");
    let files = layout::system_files(&system.programs)?;
    disk::create(
        &system.tools,
        &image,
        disk::DEFAULT_SIZE,
        &files,
        Identity::Fixed,
    )?;
    let options = MachineOptions {
        smp: 1,
        memory: 128,
        cpu: "cortex-a72".to_owned(),
        gic: 3,
        profile: Profile::Release,
    };
    let mut machine = Machine::new(&options, system.kernel_image.clone(), Console::Pipe);
    machine.disk = Some(Disk {
        image,
        writes: Writes::Discarded,
    });
    machine.count_instructions(WhileIdle::Host);
    machine.gdb = Some(format!(
        "unix:{},server=on,wait=off",
        gdb_socket(folder).display()
    ));
    machine.qmp = Some(qmp_socket(folder));
    Ok(machine)
}

fn gdb_socket(folder: &Path) -> std::path::PathBuf {
    folder.join("gdb")
}

fn qmp_socket(folder: &Path) -> std::path::PathBuf {
    folder.join("qmp")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_and_its_names_are_known() {
        assert!(is_name("boot") && is_name("insn_reset_to_prompt"));
        assert!(!is_name("syscall"));
    }
}
