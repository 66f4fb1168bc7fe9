//! Names of files and folders on a volume.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, bail};
use kernel::block::BlockDevice;
use kernel::fs::viperfs::{Case, Error, Found, Kind, NewNode, Volume};

/// Folders in each other beyond which nobody goes on purpose.
const DEPTH_MAX: usize = 1000;
/// Protection of new folders: read, write, execute, delete.
const FOLDER_PROTECTION: u32 = abi::fs::protection::READ
    | abi::fs::protection::WRITE
    | abi::fs::protection::EXECUTE
    | abi::fs::protection::DELETE;

/// A path from the root of a volume, as in `/System/C/Dir`. Parts may differ in case
/// from what is on the volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestPath {
    parts: Vec<String>,
}

impl FromStr for GuestPath {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<GuestPath> {
        let mut parts = Vec::new();
        for part in text
            .split('/')
            .filter(|part| !part.is_empty() && *part != ".")
        {
            if part == ".." {
                bail!("`{text}`: a path on a volume has no `..`");
            }
            parts.push(part.to_owned());
        }
        Ok(GuestPath { parts })
    }
}

impl fmt::Display for GuestPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.parts.is_empty() {
            return out.write_str("/");
        }
        self.parts
            .iter()
            .try_for_each(|part| write!(out, "/{part}"))
    }
}

impl GuestPath {
    /// The path of something in this folder.
    pub fn join(&self, name: &str) -> GuestPath {
        let mut parts = self.parts.clone();
        parts.push(name.to_owned());
        GuestPath { parts }
    }

    /// Fails for a path so deep that folders of a damaged volume must contain each other.
    pub fn refuse_endless(&self) -> anyhow::Result<()> {
        if self.parts.len() > DEPTH_MAX {
            let (folder, _) = self.parts.split_at(3);
            bail!(
                "/{}/... has no end: folders contain each other",
                folder.join("/")
            );
        }
        Ok(())
    }

    /// Folder and name; an error for the root, which has neither.
    pub fn split(&self) -> anyhow::Result<(GuestPath, &str)> {
        let (name, folder) = self
            .parts
            .split_last()
            .context("the root cannot be meant here")?;
        Ok((
            GuestPath {
                parts: folder.to_vec(),
            },
            name,
        ))
    }

    /// What is there.
    pub fn find<D: BlockDevice>(&self, volume: &mut Volume<D>) -> anyhow::Result<Found> {
        let mut found = Found {
            ino: volume.root(),
            kind: Kind::Directory,
            exact: true,
        };
        for part in &self.parts {
            let next = volume.lookup(found.ino, part.as_bytes(), Case::Any);
            found = next.with_context(|| format!("{self}: `{part}`"))?;
        }
        Ok(found)
    }

    /// The folder of this name, made with all above it where they are missing.
    pub fn make_folder<D: BlockDevice>(
        &self,
        volume: &mut Volume<D>,
        now_ns: u64,
    ) -> anyhow::Result<u64> {
        let mut folder = volume.root();
        let new = NewNode {
            kind: Kind::Directory,
            protection: FOLDER_PROTECTION,
            now_ns,
        };
        for part in &self.parts {
            let step = match volume.lookup(folder, part.as_bytes(), Case::Any) {
                Ok(found) if found.kind == Kind::Directory => Ok(found.ino),
                Ok(_) => Err(Error::NotDirectory),
                Err(Error::NotFound) => volume.create(folder, part.as_bytes(), new),
                Err(error) => Err(error),
            };
            folder = step.with_context(|| format!("{self}: `{part}`"))?;
        }
        Ok(folder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normal() {
        let path: GuestPath = "System//C/./Dir/".parse().expect("valid");
        assert_eq!(path.to_string(), "/System/C/Dir");
        assert_eq!(path.split().expect("has a name").1, "Dir");
        assert_eq!("/".parse::<GuestPath>().expect("valid").to_string(), "/");
        assert!("/a/../b".parse::<GuestPath>().is_err());
    }

    #[test]
    fn endless_paths_are_refused() {
        let deep = |depth: usize| "/a".repeat(depth).parse::<GuestPath>().expect("valid");
        assert!(deep(DEPTH_MAX).refuse_endless().is_ok());
        assert!(deep(DEPTH_MAX + 1).refuse_endless().is_err());
    }
}
