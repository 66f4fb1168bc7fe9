//! Lints by clippy: host crates, and what runs in the machine.

use std::path::Path;
use std::process::Command;

use crate::build::{flags, packages};
use crate::command;
use crate::toolchain::{self, KERNEL_TARGET, Toolchain, USER_TARGET, Way};
use crate::workspace;

use super::Findings;

/// Every warning of clippy.
pub fn findings() -> anyhow::Result<Findings> {
    let mut host = command::host_cargo();
    host.args(["clippy", "--quiet", "--all-targets", "--", "-Dwarnings"]);
    let mut findings = run(&mut host)?;
    match guest_toolchain() {
        Some(toolchain) => {
            findings.extend(run(&mut kernel(&toolchain))?);
            if let Some(mut programs) = programs(&toolchain)? {
                findings.extend(run(&mut programs)?);
            }
        }
        None => eprintln!("check: no toolchain for AArch64 with clippy; only host lints ran"),
    }
    Ok(findings)
}

/// A toolchain that compiles for the machine and has clippy beside it.
fn guest_toolchain() -> Option<Toolchain> {
    let toolchain = Way::ALL.into_iter().find_map(toolchain::find)?;
    let has_clippy = match toolchain.way {
        Way::Distribution => Path::new("/usr/bin/clippy-driver").exists(),
        Way::Source | Way::Target => true,
    };
    has_clippy.then_some(toolchain)
}

fn kernel(toolchain: &Toolchain) -> Command {
    let mut cargo = guest_clippy(toolchain);
    cargo.args([
        "-p",
        "kernel",
        "--lib",
        "--bin",
        "viperos",
        "--features",
        "ktest",
    ]);
    cargo.args(["--target", KERNEL_TARGET, "--", "-Dwarnings"]);
    cargo
}

fn programs(toolchain: &Toolchain) -> anyhow::Result<Option<Command>> {
    let mut cargo = guest_clippy(toolchain);
    let packages = packages::all()?;
    let mut names = packages
        .iter()
        .filter(|package| package.name != "kernel" && !package.guest_binaries().is_empty())
        .map(|package| package.name.as_str())
        .peekable();
    if names.peek().is_none() {
        return Ok(None);
    }
    cargo.args(["--bins", "--features", "guest"]);
    for name in names {
        cargo.args(["-p", name]);
    }
    cargo.args(["--target", USER_TARGET, "--", "-Dwarnings"]);
    Ok(Some(cargo))
}

fn guest_clippy(toolchain: &Toolchain) -> Command {
    let mut cargo = toolchain.cargo();
    cargo.args(["clippy", "--quiet", "--profile", "guest"]);
    cargo.args(toolchain.library_arguments());
    // Its own folder: lints need no machine code, and a build must not wait.
    cargo
        .arg("--target-dir")
        .arg(workspace::target().join("lints"));
    cargo.envs(flags::environment(toolchain));
    cargo
}

/// Runs clippy; its complaints when it has any.
fn run(clippy: &mut Command) -> anyhow::Result<Findings> {
    let output = command::output(clippy)?;
    if output.status.success() {
        return Ok(Findings::new());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Ok(text.lines().map(str::to_owned).collect())
}
