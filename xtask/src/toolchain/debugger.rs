//! GDB for AArch64.

use std::path::PathBuf;

use anyhow::Context;

use super::packages;
use crate::command;

/// The package it is in.
pub const PACKAGES: &[&str] = &["gdb-multiarch"];

/// GDB, when it is there.
pub fn find() -> Option<PathBuf> {
    [
        "gdb-multiarch",
        "aarch64-linux-gnu-gdb",
        "aarch64-none-elf-gdb",
    ]
    .into_iter()
    .find_map(command::find)
}

/// Finds GDB, or installs it where that is allowed.
pub fn resolve() -> anyhow::Result<PathBuf> {
    if let Some(found) = find() {
        return Ok(found);
    }
    packages::install(PACKAGES).context("GDB for AArch64 is needed")?;
    find().context("GDB for AArch64 is needed")
}
