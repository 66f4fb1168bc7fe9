//! Installation of packages by the system's package manager.

use std::io::{IsTerminal, Write};
use std::process::Command;

use anyhow::bail;

use crate::command;

/// What a person has to type to get packages.
pub fn install_line(packages: &[&str]) -> String {
    format!(
        "apt-get install --no-install-recommends {}",
        packages.join(" ")
    )
}

/// Installs packages when it may: as root, or after a yes on a terminal.
pub fn install(packages: &[&str]) -> anyhow::Result<()> {
    if command::find("apt-get").is_none() {
        bail!(
            "no apt-get here; install the equivalent of: {}",
            packages.join(" ")
        );
    }
    let is_root = rustix::process::geteuid().is_root();
    if !is_root && !agreed(packages) {
        bail!("not installed; as root: {}", install_line(packages));
    }
    eprintln!("packages: {}", install_line(packages));
    if command::run(&mut apt_get(is_root, packages)).is_ok() {
        return Ok(());
    }
    // A fresh machine has no package lists, or old ones.
    let mut update = apt_get(is_root, &[]);
    command::run(update.arg("update"))?;
    command::run(&mut apt_get(is_root, packages))
}

/// `apt-get`, with an installation of `packages` when there are any.
fn apt_get(is_root: bool, packages: &[&str]) -> Command {
    let mut command = match is_root {
        true => command::program("apt-get"),
        false => {
            let mut sudo = command::program("sudo");
            sudo.arg("apt-get");
            sudo
        }
    };
    // Standard output belongs to the guest's programs.
    command.stdout(std::io::stderr());
    command.env("DEBIAN_FRONTEND", "noninteractive").arg("-q");
    if !packages.is_empty() {
        command
            .args(["install", "--yes", "--no-install-recommends"])
            .args(packages);
    }
    command
}

/// Whether the person at the terminal wants the packages.
fn agreed(packages: &[&str]) -> bool {
    let interactive = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if !interactive || command::find("sudo").is_none() {
        return false;
    }
    eprint!("Install {} with sudo apt-get? [y/N] ", packages.join(", "));
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).is_ok() && answer.trim().eq_ignore_ascii_case("y")
}
