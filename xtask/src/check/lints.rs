//! Lints by clippy: host crates, and what runs in the machine.

use std::process::Command;

use crate::build::{flags, packages};
use crate::command;
use crate::toolchain::{self, KERNEL_TARGET, Toolchain, USER_TARGET, Way};
use crate::workspace;

use super::Findings;

/// Every warning of clippy.
pub fn findings() -> anyhow::Result<Findings> {
    let mut host = command::host_cargo();
    host.args([
        "clippy",
        "--quiet",
        "--workspace",
        "--all-targets",
        "--",
        "-Dwarnings",
    ]);
    let mut findings = run(&mut host)?;
    let toolchain = Way::ALL.into_iter().find_map(toolchain::find);
    let Some((kernel, programs)) = toolchain
        .as_ref()
        .and_then(|found| Some((guest_clippy(found)?, guest_clippy(found)?)))
    else {
        eprintln!("check: no toolchain for AArch64 with clippy; only host lints ran");
        return Ok(findings);
    };
    findings.extend(run(&mut for_kernel(kernel))?);
    if let Some(mut programs) = for_programs(programs)? {
        findings.extend(run(&mut programs)?);
    }
    Ok(findings)
}

fn for_kernel(mut clippy: Command) -> Command {
    clippy.args([
        "-p",
        "kernel",
        "--lib",
        "--bin",
        "viperos",
        "--features",
        "ktest",
    ]);
    clippy.args(["--target", KERNEL_TARGET, "--", "-Dwarnings"]);
    clippy
}

fn for_programs(mut clippy: Command) -> anyhow::Result<Option<Command>> {
    let packages = packages::all()?;
    let mut names = packages
        .iter()
        .filter(|package| package.name != "kernel" && !package.guest_binaries().is_empty())
        .map(|package| package.name.as_str())
        .peekable();
    if names.peek().is_none() {
        return Ok(None);
    }
    clippy.args(["--bins", "--features", "guest"]);
    for name in names {
        clippy.args(["-p", name]);
    }
    clippy.args(["--target", USER_TARGET, "--", "-Dwarnings"]);
    Ok(Some(clippy))
}

fn guest_clippy(toolchain: &Toolchain) -> Option<Command> {
    let mut clippy = toolchain.clippy()?;
    clippy.args(["--quiet", "--profile", "guest"]);
    clippy.args(toolchain.library_arguments());
    // Its own folder: lints need no machine code, and a build must not wait.
    clippy
        .arg("--target-dir")
        .arg(workspace::target().join("lints"));
    clippy.envs(flags::environment(toolchain));
    Some(clippy)
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
