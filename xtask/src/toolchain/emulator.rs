//! QEMU.

use std::path::PathBuf;

use anyhow::Context;

use super::packages;
use crate::command;

/// The program.
pub const PROGRAM: &str = "qemu-system-aarch64";

/// The package it is in.
pub const PACKAGES: &[&str] = &["qemu-system-arm"];

/// Oldest version with everything used here: `dtb-randomness` of the `virt` machine.
pub const OLDEST: (u32, u32) = (7, 2);

/// QEMU on this machine.
#[derive(Clone, Debug)]
pub struct Emulator {
    /// The program.
    pub path: PathBuf,
    /// What `--version` says.
    pub version: String,
}

/// QEMU, when it is there and new enough.
pub fn find() -> Option<Emulator> {
    let path = command::find(PROGRAM)?;
    let version = super::version_line(&path)?;
    (super::version_number(&version)? >= OLDEST).then_some(Emulator { path, version })
}

/// Finds QEMU, or installs it where that is allowed.
pub fn resolve() -> anyhow::Result<Emulator> {
    if let Some(found) = find() {
        return Ok(found);
    }
    let wanted = format!("{PROGRAM} {}.{} or newer", OLDEST.0, OLDEST.1);
    packages::install(PACKAGES).with_context(|| format!("{wanted} is needed"))?;
    find().with_context(|| format!("{wanted} is needed; the distribution's package is older"))
}
