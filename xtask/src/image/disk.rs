//! Disk images, made and updated by the host tools.
//!
//! The default disk outlives builds: only system files whose bytes changed are
//! put on it again. What was put is remembered in a file beside the image, so a
//! file that the user changed stays until its source changes.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use rustix::fs::{FlockOperation, fcntl_lock};

use super::layout::{FOLDERS, File};
use super::program_file;
use crate::build::host_tools::HostTools;
use crate::command;
use crate::workspace;

/// Bytes of the default disk.
pub const DEFAULT_SIZE: u64 = 64 << 20;

/// Fewest bytes a disk with the system on it can have.
pub const SMALLEST: u64 = 16 << 20;

/// Hash of what was put under each guest name.
type Contents = BTreeMap<String, u64>;

/// Which volume a new one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// One of its own.
    Random,
    /// Always the same, down to its times: measurements repeat.
    Fixed,
}

/// Makes a disk image; what was there is gone.
pub fn create(
    tools: &HostTools,
    image: &Path,
    size: u64,
    files: &[File],
    identity: Identity,
) -> anyhow::Result<()> {
    refuse_if_in_use(image)?;
    let staging = Staging::new(files)?;
    // Made under another name, so that a failure leaves no half-made disk.
    let unfinished = beside(image, ".new");
    let mut mkfs = command::program(tools.mkfs());
    mkfs.arg(&unfinished)
        .arg(size.to_string())
        .args(["--label", "ViperOS"]);
    for folder in FOLDERS {
        mkfs.args(["--mkdir", folder]);
    }
    if identity == Identity::Fixed {
        mkfs.args(["--seed", "1"]);
    }
    for (file, staged) in files.iter().zip(&staging.files) {
        mkfs.arg("--add").arg(pair(staged, &file.guest)?);
    }
    let _ = std::fs::remove_file(&unfinished);
    command::capture(&mut mkfs).with_context(|| format!("cannot make {}", image.display()))?;
    std::fs::rename(&unfinished, image)
        .with_context(|| format!("cannot write {}", image.display()))?;
    remember(image, &staging.contents)
}

/// Brings the system files on an existing disk up to date; everything else stays.
pub fn update(tools: &HostTools, image: &Path, files: &[File]) -> anyhow::Result<()> {
    refuse_if_in_use(image)?;
    let staging = Staging::new(files)?;
    let known = recall(image);
    let mut changed = 0;
    for (file, staged) in files.iter().zip(&staging.files) {
        if known.get(&file.guest) == staging.contents.get(&file.guest) {
            continue;
        }
        let mut put = command::program(tools.viperfs());
        put.arg("put").arg(image).arg(staged).arg(&file.guest);
        command::capture(&mut put).with_context(|| {
            format!(
                "cannot update {} on {}; --fresh makes the disk anew",
                file.guest,
                image.display()
            )
        })?;
        changed += 1;
    }
    if changed > 0 {
        eprintln!(
            "disk: {changed} system files replaced on {}",
            image.display()
        );
    }
    remember(image, &staging.contents)
}

/// Files ready to be put on a disk: programs without debug information.
struct Staging {
    files: Vec<PathBuf>,
    contents: Contents,
    _folder: tempfile::TempDir,
}

impl Staging {
    fn new(files: &[File]) -> anyhow::Result<Staging> {
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        let mut staging = Staging {
            files: Vec::new(),
            contents: Contents::new(),
            _folder: folder,
        };
        for (index, file) in files.iter().enumerate() {
            let mut bytes = std::fs::read(&file.host)
                .with_context(|| format!("cannot read {}", file.host.display()))?;
            if file.is_program {
                bytes = program_file::strip(&bytes)
                    .with_context(|| format!("{} is no program", file.host.display()))?;
            }
            let staged = staging._folder.path().join(index.to_string());
            workspace::write(&staged, &bytes)?;
            staging.contents.insert(file.guest.clone(), hash(&bytes));
            staging.files.push(staged);
        }
        Ok(staging)
    }
}

fn pair(host: &Path, guest: &str) -> anyhow::Result<String> {
    let host = host
        .to_str()
        .context("the temporary folder's name is not UTF-8")?;
    Ok(format!("{host}:{guest}"))
}

/// A hash for noticing changes; stable for one build of this program, which is
/// enough: after a change of it everything is put again.
fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

fn beside(image: &Path, suffix: &str) -> PathBuf {
    let mut name = image.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn recall(image: &Path) -> Contents {
    let text = std::fs::read_to_string(beside(image, ".contents.json")).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

fn remember(image: &Path, contents: &Contents) -> anyhow::Result<()> {
    workspace::write(
        &beside(image, ".contents.json"),
        serde_json::to_string_pretty(contents)?,
    )
}

/// An error when a machine runs on this image: QEMU holds locks on the file.
pub fn refuse_if_in_use(image: &Path) -> anyhow::Result<()> {
    let Ok(file) = std::fs::File::options().read(true).write(true).open(image) else {
        return Ok(());
    };
    if fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        bail!(
            "{} is in use by a running machine; end that first",
            image.display()
        );
    }
    Ok(())
}

/// Reads a size such as `64M`.
pub fn parse_size(text: &str) -> Option<u64> {
    let (digits, shift) = match text.strip_suffix(['K', 'k']) {
        Some(digits) => (digits, 10),
        None => match text.strip_suffix(['M', 'm']) {
            Some(digits) => (digits, 20),
            None => match text.strip_suffix(['G', 'g']) {
                Some(digits) => (digits, 30),
                None => (text, 0),
            },
        },
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_suffixes() {
        assert_eq!(parse_size("64M"), Some(64 << 20));
        assert_eq!(parse_size("2g"), Some(2 << 30));
        assert_eq!(parse_size("4096"), Some(4096));
        assert_eq!(parse_size("16K"), Some(16 << 10));
        for wrong in ["", "M", "-1M", "1.5G", "99999999999G", "64MB"] {
            assert_eq!(parse_size(wrong), None, "{wrong}");
        }
    }
}
