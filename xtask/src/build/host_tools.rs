//! Builds of the file system tools that run on the host.

use std::path::PathBuf;

use crate::command;
use crate::workspace;

/// The tools, ready to run.
#[derive(Clone, Debug)]
pub struct HostTools {
    folder: PathBuf,
}

/// File names in `target/tools`, and the binaries they are copies of.
const NAMES: [(&str, &str); 3] = [
    ("mkfs.viperfs", "mkfs-viperfs"),
    ("fsck.viperfs", "fsck-viperfs"),
    ("viperfs", "viperfs"),
];

/// Builds the tools and leaves them in `target/tools`.
pub fn build() -> anyhow::Result<HostTools> {
    eprintln!("build: file system tools");
    let mut cargo = command::host_cargo();
    cargo.args(["build", "--quiet", "--release", "-p", "tools", "--bins"]);
    command::run(cargo.arg("--target-dir").arg(workspace::target()))?;
    let folder = workspace::target().join("tools");
    for (name, binary) in NAMES {
        let built = workspace::target().join("release").join(binary);
        workspace::copy(&built, &folder.join(name))?;
    }
    Ok(HostTools { folder })
}

impl HostTools {
    /// `mkfs.viperfs`
    pub fn mkfs(&self) -> PathBuf {
        self.folder.join("mkfs.viperfs")
    }

    /// `fsck.viperfs`
    pub fn fsck(&self) -> PathBuf {
        self.folder.join("fsck.viperfs")
    }

    /// `viperfs`
    pub fn viperfs(&self) -> PathBuf {
        self.folder.join("viperfs")
    }
}
