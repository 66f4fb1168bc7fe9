//! Places in the project: sources, build output, disks.

use std::path::{Path, PathBuf};

use anyhow::Context;

/// The folder of the workspace.
pub fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_path_buf()
}

/// Build output of host binaries and everything below.
pub fn target() -> PathBuf {
    root().join("target")
}

/// Build output of what runs in the machine.
pub fn guest_target() -> PathBuf {
    target().join("guest")
}

/// Kernel image, disks, logs.
pub fn output() -> PathBuf {
    target().join("viperos")
}

/// The disk of `run`.
pub fn default_disk() -> PathBuf {
    output().join("disk.img")
}

/// `path` as seen from the workspace's folder, for messages.
pub fn relative(path: &Path) -> PathBuf {
    path.strip_prefix(root()).unwrap_or(path).to_path_buf()
}

/// Makes a folder and those above it.
pub fn make_folder(path: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(path).with_context(|| format!("cannot make folder {}", path.display()))
}

/// Reads a file as text.
pub fn read_text(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Writes a file.
pub fn write(path: &Path, bytes: impl AsRef<[u8]>) -> anyhow::Result<()> {
    std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

/// Copies a file in one step: who reads the old one keeps it.
pub fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    if let Some(folder) = to.parent() {
        make_folder(folder)?;
    }
    let mut unfinished = to.as_os_str().to_owned();
    unfinished.push(".new");
    std::fs::copy(from, &unfinished).with_context(|| format!("cannot copy {}", from.display()))?;
    std::fs::rename(&unfinished, to).with_context(|| format!("cannot write {}", to.display()))
}

/// Every file below `folder` with this extension, sorted.
pub fn files_with_extension(folder: &Path, extension: &str) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    if folder.is_dir() {
        collect(folder, &mut |path| {
            if path.extension().is_some_and(|found| found == extension) {
                files.push(path);
            }
        })?;
    }
    files.sort();
    Ok(files)
}

/// Every file below `folder`, sorted.
pub fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    if folder.is_dir() {
        collect(folder, &mut |path| files.push(path))?;
    }
    files.sort();
    Ok(files)
}

fn collect(folder: &Path, found: &mut dyn FnMut(PathBuf)) -> anyhow::Result<()> {
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("cannot list folder {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, found)?;
        } else {
            found(path);
        }
    }
    Ok(())
}
