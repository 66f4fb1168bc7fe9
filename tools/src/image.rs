//! Making and opening images.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, anyhow};
use kernel::fs::viperfs::{FormatOptions, MountOptions, Volume};

use crate::ImageFile;

/// Memory for tree nodes; a host has enough.
const CACHE_BYTES: usize = 64 << 20;

/// How an image is made.
#[derive(Clone, Debug)]
pub struct ImageOptions {
    /// Name of the volume.
    pub label: String,
    /// Bytes of a tree node.
    pub node_bytes: usize,
    /// Makes number, hash key and times follow from this number, so that the same
    /// input gives the same image.
    pub seed: Option<u64>,
}

/// What an image is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Looking only.
    Read,
    /// Changing.
    Write,
}

/// Makes an empty volume of this size in a file; what was in the file is gone.
pub fn make_image(
    path: &Path,
    bytes: u64,
    options: &ImageOptions,
) -> anyhow::Result<Volume<ImageFile>> {
    let (uuid, hash_key) = numbers(options.seed)?;
    let format = FormatOptions {
        label: &options.label,
        node_bytes: options.node_bytes,
        uuid,
        hash_key,
        now_ns: if options.seed.is_some() { 0 } else { now_ns() },
    };
    let file = ImageFile::create(path, bytes)?;
    Volume::format(file, &format)
        .map_err(|error| anyhow!("cannot make a volume of {bytes} bytes: {error}"))
}

/// Mounts the volume in a file.
pub fn open_image(path: &Path, access: Access) -> anyhow::Result<Volume<ImageFile>> {
    let file = match access {
        Access::Read => ImageFile::open(path)?,
        Access::Write => ImageFile::open_for_writing(path)?,
    };
    let options = MountOptions {
        read_only: access == Access::Read,
        cache_bytes: CACHE_BYTES,
        ..MountOptions::default()
    };
    let mounted = Volume::mount(file, &options).map_err(|(_, error)| error);
    mounted.with_context(|| format!("cannot mount {}", path.display()))
}

/// Makes all changes durable and closes an image.
pub fn close(volume: Volume<ImageFile>) -> anyhow::Result<()> {
    volume.unmount().1.context("cannot finish the changes")
}

/// The time now, in ns since 1970-01-01 UTC.
pub fn now_ns() -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}

/// Number of the volume and key of its name hash.
fn numbers(seed: Option<u64>) -> anyhow::Result<([u8; 16], [u8; 16])> {
    let mut both = [[0; 16]; 2];
    match seed {
        Some(seed) => {
            for (index, number) in both.iter_mut().enumerate() {
                let (low, high) = number.split_at_mut(8);
                low.copy_from_slice(&seed.to_le_bytes());
                high.copy_from_slice(&[index as u8 + 1; 8]);
            }
        }
        None => {
            for number in &mut both {
                getrandom::fill(number).map_err(|error| anyhow!("no random numbers: {error}"))?;
            }
        }
    }
    let [uuid, hash_key] = both;
    Ok((uuid, hash_key))
}
