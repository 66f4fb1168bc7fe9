//! What scenarios work with: a built system, a folder, a disk of their own.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};

use super::vm::Vm;
use crate::arguments::{MachineOptions, Profile};
use crate::build::system::{self, System};
use crate::command;
use crate::image::disk::{self, Identity};
use crate::image::layout;
use crate::qemu::execution::{self, End};
use crate::qemu::machine::{Console, Disk, LogSink, Machine, Writes};
use crate::qemu::transcript::Transcript;
use crate::toolchain::emulator::{self, Emulator};
use crate::workspace;

/// Longest time of an ordinary run of commands.
pub const LIMIT: Duration = Duration::from_secs(120);

/// The built system that all scenarios share.
#[derive(Debug)]
pub struct Lab {
    /// QEMU.
    pub emulator: Emulator,
    /// What was built.
    pub system: System,
    /// Seed of everything random.
    pub seed: u64,
    /// Everything, not only the share of half an hour.
    pub is_full: bool,
    folder: PathBuf,
}

impl Lab {
    /// Builds the system and a disk to copy.
    pub fn new(seed: u64, is_full: bool) -> anyhow::Result<Lab> {
        let emulator = emulator::resolve()?;
        let system = system::build(Profile::Release)?;
        let folder = workspace::output().join("test");
        workspace::make_folder(&folder)?;
        let lab = Lab {
            emulator,
            system,
            seed,
            is_full,
            folder,
        };
        let files = layout::system_files(&lab.system.programs)?;
        disk::create(
            &lab.system.tools,
            &lab.base_disk(),
            disk::DEFAULT_SIZE,
            &files,
            Identity::Fixed,
        )?;
        Ok(lab)
    }

    fn base_disk(&self) -> PathBuf {
        self.folder.join("base.img")
    }

    /// Folder of a scenario; it is left behind when the scenario fails.
    pub fn folder(&self, name: &str) -> PathBuf {
        self.folder.join(name.replace([' ', ','], "-"))
    }

    /// A place to work for one scenario.
    pub fn rig(&self, name: &str) -> anyhow::Result<Rig<'_>> {
        let folder = self.folder(name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        workspace::make_folder(&folder)?;
        Ok(Rig { lab: self, folder })
    }
}

/// A scenario's place to work.
#[derive(Debug)]
pub struct Rig<'a> {
    /// What all share.
    pub lab: &'a Lab,
    /// The scenario's own folder.
    pub folder: PathBuf,
}

impl Rig<'_> {
    /// The default machine with a fresh disk of its own that keeps what is written.
    pub fn machine(&self) -> anyhow::Result<Machine> {
        let image = self.folder.join("disk.img");
        if !image.exists() {
            workspace::copy(&self.lab.base_disk(), &image)?;
        }
        let mut machine = self.diskless_machine();
        machine.disk = Some(Disk {
            image,
            writes: Writes::Kept,
        });
        Ok(machine)
    }

    /// The default machine without a disk.
    pub fn diskless_machine(&self) -> Machine {
        let options = MachineOptions {
            smp: 4,
            memory: 128,
            cpu: "cortex-a72".to_owned(),
            gic: 3,
            profile: Profile::Release,
        };
        Machine::new(
            &options,
            self.lab.system.kernel_image.clone(),
            Console::Pipe,
        )
    }

    /// The scenario's disk.
    pub fn disk(&self) -> PathBuf {
        self.folder.join("disk.img")
    }

    /// File with the kernel log of the last machine.
    pub fn log(&self) -> PathBuf {
        self.folder.join("kernel.log")
    }

    /// Runs commands in a machine until it powers off.
    pub fn run(&self, machine: Machine, commands: &str) -> anyhow::Result<Outcome> {
        self.run_for(machine, commands, LIMIT)
    }

    /// Runs commands in a machine, at most for the given time.
    pub fn run_for(
        &self,
        mut machine: Machine,
        commands: &str,
        limit: Duration,
    ) -> anyhow::Result<Outcome> {
        machine.run_commands(commands, LogSink::File(self.log()));
        let (output, messages) = (Transcript::default(), Transcript::default());
        let end = execution::execute(
            &self.lab.emulator,
            &machine,
            Box::new(output.clone()),
            Box::new(messages.clone()),
            limit,
        )?;
        let log = std::fs::read(self.log()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log).into_owned() + &messages.text();
        Ok(Outcome {
            end,
            output: output.text(),
            log,
        })
    }

    /// Boots a machine with a person at its console.
    pub fn boot(&self, mut machine: Machine) -> anyhow::Result<Vm> {
        machine.log_to(LogSink::File(self.log()));
        Vm::start(&self.lab.emulator, &machine, self.log())
    }

    /// Boots a machine that runs commands, to watch and perhaps cut it.
    pub fn boot_with(&self, mut machine: Machine, commands: &str) -> anyhow::Result<Vm> {
        machine.run_commands(commands, LogSink::File(self.log()));
        Vm::start(&self.lab.emulator, &machine, self.log())
    }

    /// Checks a volume on the host; an error unless it is clean.
    pub fn fsck(&self, image: &Path) -> anyhow::Result<()> {
        let output = command::output(
            command::program(self.lab.system.tools.fsck())
                .arg("--data")
                .arg(image),
        )?;
        if output.status.code() != Some(0) {
            bail!(
                "fsck.viperfs {}: {}\n{}{}",
                image.display(),
                output.status,
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(())
    }

    /// The bytes of a file on a volume, read on the host.
    pub fn read_file(&self, image: &Path, guest: &str) -> anyhow::Result<Vec<u8>> {
        let mut viperfs = command::program(self.lab.system.tools.viperfs());
        let output = command::output(viperfs.arg("cat").arg(image).arg(guest))?;
        if !output.status.success() {
            let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
            bail!("cannot read {guest} on {}: {complaint}", image.display());
        }
        Ok(output.stdout)
    }

    /// Removes the scenario's files.
    pub fn done(self) -> anyhow::Result<()> {
        std::fs::remove_dir_all(&self.folder)
            .with_context(|| format!("cannot remove {}", self.folder.display()))
    }
}

/// What came of running commands.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// How the machine ended.
    pub end: End,
    /// What the commands wrote.
    pub output: String,
    /// The kernel log.
    pub log: String,
}

impl fmt::Display for Outcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tail: Vec<&str> = self.log.lines().rev().take(30).collect();
        writeln!(out, "  ended with {:?}", self.end)?;
        for line in self.output.lines() {
            writeln!(out, "  output: {line}")?;
        }
        for line in tail.iter().rev() {
            writeln!(out, "  kernel: {line}")?;
        }
        Ok(())
    }
}

impl Outcome {
    /// An error unless the machine ended with this return code.
    pub fn expect_code(&self, code: u8) -> anyhow::Result<&Outcome> {
        if self.end != End::Code(code) {
            bail!("expected return code {code}\n{self}");
        }
        Ok(self)
    }

    /// An error unless the commands wrote exactly this.
    pub fn expect_output(&self, expected: &str) -> anyhow::Result<&Outcome> {
        if self.output != expected {
            bail!(
                "expected the output {expected:?}, not {:?}\n{self}",
                self.output
            );
        }
        Ok(self)
    }

    /// An error unless a line of the output has all these parts.
    pub fn expect_line_with(&self, parts: &[&str]) -> anyhow::Result<&Outcome> {
        if !self
            .output
            .lines()
            .any(|line| parts.iter().all(|part| line.contains(part)))
        {
            bail!("expected a line with {parts:?}\n{self}");
        }
        Ok(self)
    }

    /// An error unless a line of the kernel log has all these parts, in any case.
    pub fn expect_log_with(&self, parts: &[&str]) -> anyhow::Result<&Outcome> {
        let has_all = |line: &str| {
            let line = line.to_lowercase();
            parts.iter().all(|part| line.contains(&part.to_lowercase()))
        };
        if !self.log.lines().any(has_all) {
            bail!("expected a kernel log line with {parts:?}\n{self}");
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expectations_that_do_not_hold_are_errors() {
        let outcome = Outcome {
            end: End::Code(10),
            output: "Type: WORK:missing does not exist\n".into(),
            log: "Disk: No volume\n".into(),
        };
        assert!(outcome.expect_code(10).is_ok() && outcome.expect_code(0).is_err());
        assert!(
            outcome
                .expect_line_with(&["WORK:missing", "not exist"])
                .is_ok()
        );
        assert!(outcome.expect_line_with(&["WORK:other"]).is_err());
        assert!(outcome.expect_output("Type").is_err());
        assert!(outcome.expect_log_with(&["disk", "no volume"]).is_ok());
        assert!(outcome.expect_log_with(&["panic"]).is_err());
    }
}
