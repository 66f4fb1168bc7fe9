//! Copying files from the host onto a volume.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use abi::fs::protection;
use anyhow::{Context, bail};
use kernel::block::BlockDevice;
use kernel::fs::viperfs::{Attributes, Case, Error, Kind, NewNode, Place, RenameOptions, Volume};

use crate::GuestPath;
use crate::image::{Access, close, now_ns, open_image};

/// Name under which a file is written before it takes its place.
const UNFINISHED: &[u8] = b".unfinished-copy";
const ELF_MAGIC: &[u8] = b"\x7fELF";

/// Puts files of the host onto the volume in an image: each pair is a file and its
/// path on the volume. A file there is replaced as a whole; the others stay.
pub fn update_image(image: &Path, files: &[(PathBuf, String)]) -> anyhow::Result<()> {
    let mut volume = open_image(image, Access::Write)?;
    for (source, target) in files {
        put_file(&mut volume, source, &target.parse()?, now_ns())?;
    }
    close(volume)
}

/// Puts one file onto a volume; folders above it are made.
pub fn put_file<D: BlockDevice>(
    volume: &mut Volume<D>,
    source: &Path,
    target: &GuestPath,
    now_ns: u64,
) -> anyhow::Result<()> {
    let shown = source.display();
    let bytes = std::fs::read(source).with_context(|| format!("cannot read {shown}"))?;
    let mode = std::fs::metadata(source)
        .map(|data| data.permissions().mode())
        .unwrap_or(0);
    let program = mode & 0o111 != 0 || bytes.starts_with(ELF_MAGIC);
    put_bytes(volume, &bytes, program, target, now_ns)
        .with_context(|| format!("cannot put {shown} at {target}"))
}

/// Puts bytes onto a volume as a file.
pub fn put_bytes<D: BlockDevice>(
    volume: &mut Volume<D>,
    bytes: &[u8],
    program: bool,
    target: &GuestPath,
    now_ns: u64,
) -> anyhow::Result<()> {
    let (folder, name) = target.split()?;
    let dir = folder.make_folder(volume, now_ns)?;
    let execute = if program { protection::EXECUTE } else { 0 };
    let protection = protection::READ | protection::WRITE | protection::DELETE | execute;
    let existing = match volume.lookup(dir, name.as_bytes(), Case::Any) {
        Ok(found) if found.kind == Kind::Directory => bail!("{target} is a folder"),
        Ok(found) => Some(found.ino),
        Err(Error::NotFound) => None,
        Err(error) => return Err(error.into()),
    };
    if let Some(ino) = existing
        && has_content(volume, ino, bytes)?
    {
        let attributes = Attributes {
            protection: Some(protection),
            ..Attributes::default()
        };
        return Ok(volume.set_attributes(ino, attributes, now_ns)?);
    }
    match volume.unlink(dir, UNFINISHED, Case::Exact, now_ns) {
        Ok(()) | Err(Error::NotFound) => {}
        Err(error) => return Err(error.into()),
    }
    let ino = volume.create(
        dir,
        UNFINISHED,
        NewNode {
            kind: Kind::File,
            protection,
            now_ns,
        },
    )?;
    let written = volume.write(ino, 0, bytes, now_ns);
    if !matches!(written, Ok(len) if len == bytes.len()) {
        let _ = volume.unlink(dir, UNFINISHED, Case::Exact, now_ns);
        return Err(written.err().unwrap_or(Error::NoSpace).into());
    }
    // The file keeps the name it has on the volume when only the case differs.
    let kept = existing.and_then(|ino| stored_name(volume, dir, ino));
    let to = Place {
        dir,
        name: kept.as_deref().unwrap_or(name.as_bytes()),
    };
    let options = RenameOptions {
        case: Case::Exact,
        replace: true,
    };
    Ok(volume.rename(
        Place {
            dir,
            name: UNFINISHED,
        },
        to,
        options,
        now_ns,
    )?)
}

/// Copies a folder of the host with all that is in it.
pub fn copy_folder<D: BlockDevice>(
    volume: &mut Volume<D>,
    source: &Path,
    target: &GuestPath,
    now_ns: u64,
) -> anyhow::Result<()> {
    let shown = source.display();
    target.make_folder(volume, now_ns)?;
    let listed = std::fs::read_dir(source).with_context(|| format!("cannot list {shown}"))?;
    let mut entries = listed.collect::<Result<Vec<_>, _>>()?;
    // In order of names, so that the same folder gives the same image.
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        let name = name
            .to_str()
            .with_context(|| format!("a name in {shown} is not UTF-8"))?;
        let (path, target) = (entry.path(), target.join(name));
        if path.is_dir() {
            copy_folder(volume, &path, &target, now_ns)?;
        } else {
            put_file(volume, &path, &target, now_ns)?;
        }
    }
    Ok(())
}

fn has_content<D: BlockDevice>(
    volume: &mut Volume<D>,
    ino: u64,
    bytes: &[u8],
) -> anyhow::Result<bool> {
    if volume.stat(ino)?.size != bytes.len() as u64 {
        return Ok(false);
    }
    let mut found = vec![0; bytes.len()];
    // What cannot be read is replaced, not kept.
    Ok(volume.read(ino, 0, &mut found).is_ok() && found == bytes)
}

fn stored_name<D: BlockDevice>(volume: &mut Volume<D>, dir: u64, ino: u64) -> Option<Vec<u8>> {
    let mut name = None;
    let listed = volume.read_dir(dir, 0, |entry| {
        if entry.ino == ino {
            name = Some(entry.name.to_vec());
        }
        name.is_none()
    });
    listed.ok().and(name)
}
