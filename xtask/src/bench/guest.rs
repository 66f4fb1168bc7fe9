//! Benchmarks that a program in the machine runs.

use std::io::stderr;
use std::time::Duration;

use anyhow::{Context, bail};

use super::Measurement;
use crate::arguments::{MachineOptions, Profile};
use crate::build::system::System;
use crate::image::disk::{self, Identity};
use crate::image::layout;
use crate::qemu::execution::{self, End};
use crate::qemu::machine::{Console, Disk, LogSink, Machine, WhileIdle, Writes};
use crate::qemu::transcript::Transcript;
use crate::toolchain::emulator::Emulator;

/// Longest time of all benchmarks together.
const LIMIT: Duration = Duration::from_secs(300);

/// Runs `Bench NAME…` in a machine with one CPU and reads its lines.
pub fn measure(
    emulator: &Emulator,
    system: &System,
    names: &[String],
    is_icount: bool,
) -> anyhow::Result<Vec<Measurement>> {
    let cpus = if is_icount { 1 } else { 4 };
    let text = run(emulator, system, cpus, is_icount, &command(names), LIMIT)?;
    read(&text, names)
}

/// What a command writes on a machine with a new disk; an error where it fails.
pub(super) fn run(
    emulator: &Emulator,
    system: &System,
    cpus: u32,
    is_icount: bool,
    command: &str,
    limit: Duration,
) -> anyhow::Result<String> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let image = folder.path().join("disk.img");
    let files = layout::system_files(&system.programs)?;
    disk::create(
        &system.tools,
        &image,
        disk::DEFAULT_SIZE,
        &files,
        Identity::Fixed,
    )?;
    let options = MachineOptions {
        smp: cpus,
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
    if is_icount {
        machine.count_instructions(WhileIdle::Jumps);
    }
    machine.run_commands(command, LogSink::File(folder.path().join("kernel.log")));
    let output = Transcript::default();
    let end = execution::execute(
        emulator,
        &machine,
        Box::new(output.clone()),
        Box::new(stderr()),
        limit,
    )?;
    let text = output.text();
    if end != End::Code(0) {
        let log = std::fs::read_to_string(folder.path().join("kernel.log")).unwrap_or_default();
        bail!("`{command}` ended with {end:?}; it wrote:\n{text}\nthe kernel said:\n{log}");
    }
    Ok(text)
}

fn command(names: &[String]) -> String {
    std::iter::once("Bench")
        .chain(names.iter().map(String::as_str))
        .collect::<Vec<_>>()
        .join(" ")
}

/// The measurements in a program's output.
fn read(output: &str, names: &[String]) -> anyhow::Result<Vec<Measurement>> {
    let measured: Vec<_> = output.lines().filter_map(Measurement::from_line).collect();
    if measured.is_empty() {
        bail!(
            "`{}` wrote no line `bench NAME VALUE UNIT` but:\n{output}",
            command(names)
        );
    }
    Ok(measured)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_without_measurements_is_an_error() {
        assert!(read("nothing\n", &["ipc".to_owned()]).is_err());
        let lines = "loop\nbench a 1 insn\nbench b 2 insn\n";
        assert_eq!(read(lines, &[]).expect("measured").len(), 2);
        assert_eq!(
            command(&["ipc".to_owned(), "fs".to_owned()]),
            "Bench ipc fs"
        );
    }
}
