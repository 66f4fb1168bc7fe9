//! Instructions from reset to the first program and to the prompt.
//!
//! The machine runs under the GDB stub to a hardware breakpoint; QEMU then tells
//! how many instructions it executed. Nothing in the guest helps with it, and
//! the figure is exact.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;

use super::Measurement;
use crate::arguments::{MachineOptions, Profile};
use crate::build::system::System;
use crate::image::disk::{self, Identity};
use crate::image::{kernel_image, layout};
use crate::qemu::gdb_remote::Stub;
use crate::qemu::machine::{Console, Disk, Machine, Writes};
use crate::qemu::process::Qemu;
use crate::qemu::qmp::Qmp;
use crate::toolchain::emulator::Emulator;

/// Name of the group.
const GROUP: &str = "boot";

/// The machine's reset to the first instruction of the first program.
const TO_INIT: &str = "insn_reset_to_init_entry";

/// Reset to the shell's first wait for input, its prompt written.
const TO_PROMPT: &str = "insn_reset_to_prompt";

/// Kernel symbol that is passed when a terminal with output behind it is first
/// waited on.
const PROMPT_SYMBOL: &str = "terminal_idle_mark";

/// Longest time for one stretch, on a slow and busy host.
const LIMIT: Duration = Duration::from_secs(120);

/// Whether a name or group is measured here.
pub fn is_name(name: &str) -> bool {
    [GROUP, TO_INIT, TO_PROMPT].contains(&name)
}

/// Boots once; the measurements that `names` asks for, or both.
pub fn measure(
    emulator: &Emulator,
    system: &System,
    names: &[String],
) -> anyhow::Result<Vec<Measurement>> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let machine = machine(system, folder.path())?;
    let streams = [Stdio::null(), Stdio::null(), Stdio::inherit()];
    let _qemu = Qemu::start(emulator, &machine, streams)?;
    let mut stub = Stub::connect(&gdb_socket(folder.path()))?;
    let mut qmp = Qmp::connect(&qmp_socket(folder.path()))?;
    let mut measured = Vec::new();
    let stops = [
        (TO_INIT, system.init_entry()?),
        (
            TO_PROMPT,
            kernel_image::symbol_address(&system.kernel_elf, PROMPT_SYMBOL)?,
        ),
    ];
    for (name, address) in stops {
        stub.break_at(address)?;
        stub.run_to_breakpoint(LIMIT)
            .with_context(|| format!("{name}: breakpoint {address:#x}"))?;
        stub.unbreak(address)?;
        let instructions = qmp.instructions()?;
        if names.is_empty() || names.iter().any(|wanted| wanted == GROUP || wanted == name) {
            // Exact below 2^53.
            let value = instructions as f64;
            measured.push(Measurement {
                name: name.to_owned(),
                value,
                unit: "insn".to_owned(),
            });
        }
    }
    Ok(measured)
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
        writes: Writes::Kept,
    });
    machine.count_instructions();
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
