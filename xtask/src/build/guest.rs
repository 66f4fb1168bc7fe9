//! Builds of the kernel and of the programs.

use std::path::PathBuf;

use anyhow::bail;

use super::{flags, packages};
use crate::arguments::Profile;
use crate::command;
use crate::toolchain::{KERNEL_TARGET, Toolchain, USER_TARGET};
use crate::workspace;

/// The kernel as it is booted, or with the tests inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// Boots the system.
    Normal,
    /// Runs its tests and ends.
    Tests,
    /// Boots the system, checks itself, and changes its schedule by a seed. Its profile is
    /// always the same.
    Fuzzed,
}

/// The cargo profile of a kernel that checks itself.
const CHECKED: &str = "guest-checked";

/// A program for the machine.
#[derive(Clone, Debug)]
pub struct Program {
    /// Package it is in.
    pub package: String,
    /// Name of the binary.
    pub binary: String,
    /// Place in the system that its manifest asks for.
    pub installed_as: Option<String>,
    /// The ELF file, with debug information.
    pub file: PathBuf,
}

impl Profile {
    /// Name of the cargo profile.
    pub const fn cargo_name(self) -> &'static str {
        match self {
            Profile::Dev => "guest-dev",
            Profile::Release => "guest",
        }
    }
}

/// Builds the kernel; the value is its ELF file.
pub fn kernel(toolchain: &Toolchain, profile: Profile, kind: Kernel) -> anyhow::Result<PathBuf> {
    let (features, suffix) = match kind {
        Kernel::Normal => ("guest", ""),
        Kernel::Tests => ("guest,ktest", "-tests"),
        Kernel::Fuzzed => ("guest,sched-fuzz", "-fuzzed"),
    };
    let profile = match kind {
        Kernel::Fuzzed => CHECKED,
        _ => profile.cargo_name(),
    };
    eprintln!("build: kernel{suffix}, {profile}");
    let mut cargo = toolchain.cargo();
    cargo
        .args([
            "build",
            "-p",
            "kernel",
            "--bin",
            "viperos",
            "--features",
            features,
        ])
        .args(["--target", KERNEL_TARGET, "--profile", profile])
        .args(toolchain.library_arguments())
        .arg("--target-dir")
        .arg(workspace::guest_target())
        .envs(flags::environment(toolchain));
    command::run(&mut cargo)?;
    let folder = workspace::guest_target().join(KERNEL_TARGET).join(profile);
    // Cargo gives every set of features the same file name; the copy has its own.
    let elf = workspace::output().join(format!("kernel{suffix}-{profile}.elf"));
    workspace::copy(&folder.join("viperos"), &elf)?;
    Ok(elf)
}

/// Builds every program of the workspace.
pub fn programs(toolchain: &Toolchain, profile: Profile) -> anyhow::Result<Vec<Program>> {
    let folder = workspace::guest_target()
        .join(USER_TARGET)
        .join(profile.cargo_name());
    let mut programs = Vec::new();
    let mut cargo = toolchain.cargo();
    cargo.args(["build", "--bins", "--features", "guest"]);
    for package in packages::all()?
        .iter()
        .filter(|package| package.name != "kernel")
    {
        let binaries = package.guest_binaries();
        if !binaries.is_empty() {
            cargo.args(["-p", &package.name]);
        }
        programs.extend(binaries.into_iter().map(|binary| Program {
            package: package.name.clone(),
            binary: binary.to_owned(),
            installed_as: package.installed_as(binary).map(str::to_owned),
            file: folder.join(binary),
        }));
    }
    if programs.is_empty() {
        bail!("no package has a binary with required-features = [\"guest\"]; no program to build");
    }
    cargo
        .args(["--target", USER_TARGET, "--profile", profile.cargo_name()])
        .args(toolchain.library_arguments())
        .arg("--target-dir")
        .arg(workspace::guest_target())
        .envs(flags::environment(toolchain));
    eprintln!(
        "build: {} programs, {}",
        programs.len(),
        profile.cargo_name()
    );
    command::run(&mut cargo)?;
    Ok(programs)
}
