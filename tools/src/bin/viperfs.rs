//! Looks into a ViperFS image and changes it.
#![forbid(unsafe_code)]

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};
use kernel::fs::viperfs::{Case, Kind, Volume};
use tools::{Access, GuestPath, ImageFile, close, now_ns, open_image, put_bytes, put_file};

/// Bytes read at once.
const CHUNK_BYTES: usize = 1 << 20;

/// Looks into a ViperFS image and changes it. Paths start at the root of the volume,
/// as in /System/C/Dir; case does not matter.
#[derive(Parser, Debug)]
#[command(name = "viperfs", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Lists a folder
    Ls {
        image: PathBuf,
        #[arg(default_value = "/")]
        path: GuestPath,
        /// With everything below it
        #[arg(short, long)]
        recursive: bool,
    },
    /// Writes the content of a file to the standard output
    Cat { image: PathBuf, path: GuestPath },
    /// Shows what is known about a file or folder
    Stat { image: PathBuf, path: GuestPath },
    /// Puts a file of the host (or `-`, the standard input) on the volume; a file of
    /// that name is replaced as a whole
    Put {
        image: PathBuf,
        source: PathBuf,
        path: GuestPath,
    },
    /// Makes a folder and those above it
    Mkdir { image: PathBuf, path: GuestPath },
    /// Removes a file or folder
    Rm {
        image: PathBuf,
        path: GuestPath,
        /// With everything below it
        #[arg(short, long)]
        recursive: bool,
    },
    /// Shows the state of the volume
    Dump { image: PathBuf },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("viperfs: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Ls {
            image,
            path,
            recursive,
        } => {
            let mut volume = open_image(&image, Access::Read)?;
            let folder = path.find(&mut volume)?;
            if folder.kind == Kind::Directory {
                list(&mut volume, folder.ino, &path, recursive)
            } else {
                print_line(&mut volume, folder.ino, &path.to_string())
            }
        }
        Command::Cat { image, path } => cat(&mut open_image(&image, Access::Read)?, &path),
        Command::Stat { image, path } => stat(&mut open_image(&image, Access::Read)?, &path),
        Command::Dump { image } => dump(&open_image(&image, Access::Read)?),
        Command::Put {
            image,
            source,
            path,
        } => change(&image, |volume| put(volume, &source, &path)),
        Command::Mkdir { image, path } => change(&image, |volume| {
            path.make_folder(volume, now_ns()).map(|_| ())
        }),
        Command::Rm {
            image,
            path,
            recursive,
        } => change(&image, |volume| remove(volume, &path, recursive)),
    }
}

fn change(
    image: &Path,
    edit: impl FnOnce(&mut Volume<ImageFile>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut volume = open_image(image, Access::Write)?;
    let outcome = edit(&mut volume);
    let closed = close(volume);
    outcome
        .and(closed)
        .with_context(|| image.display().to_string())
}

/// Entries of a folder with their names in order.
fn entries(volume: &mut Volume<ImageFile>, dir: u64) -> anyhow::Result<Vec<(String, u64, Kind)>> {
    let mut entries = Vec::new();
    volume.read_dir(dir, 0, |entry| {
        let name = String::from_utf8_lossy(entry.name).into_owned();
        entries.push((name, entry.ino, entry.kind));
        true
    })?;
    entries.sort();
    Ok(entries)
}

fn list(
    volume: &mut Volume<ImageFile>,
    dir: u64,
    path: &GuestPath,
    recursive: bool,
) -> anyhow::Result<()> {
    path.refuse_endless()?;
    for (name, ino, kind) in entries(volume, dir).with_context(|| path.to_string())? {
        let below = path.join(&name);
        let shown = if recursive { below.to_string() } else { name };
        print_line(volume, ino, &shown)?;
        if recursive && kind == Kind::Directory {
            list(volume, ino, &below, true)?;
        }
    }
    Ok(())
}

fn print_line(volume: &mut Volume<ImageFile>, ino: u64, name: &str) -> anyhow::Result<()> {
    let stat = volume.stat(ino).with_context(|| name.to_owned())?;
    let (mark, tail) = match stat.kind {
        Kind::File => ('-', ""),
        Kind::Directory => ('d', "/"),
        Kind::Symlink => ('l', "@"),
    };
    write_out(format!("{mark} {:>12} {name}{tail}\n", stat.size).as_bytes())
}

fn cat(volume: &mut Volume<ImageFile>, path: &GuestPath) -> anyhow::Result<()> {
    let found = path.find(volume)?;
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut offset = 0;
    loop {
        let len = volume.read(found.ino, offset, &mut chunk);
        let len = len.with_context(|| format!("{path} at byte {offset}"))?;
        if len == 0 {
            return Ok(());
        }
        write_out(chunk.get(..len).unwrap_or(&[]))?;
        offset += len as u64;
    }
}

fn stat(volume: &mut Volume<ImageFile>, path: &GuestPath) -> anyhow::Result<()> {
    let found = path.find(volume)?;
    let stat = volume.stat(found.ino).with_context(|| path.to_string())?;
    write_out(format!("{path}: {stat:#?}\n").as_bytes())
}

fn dump(volume: &Volume<ImageFile>) -> anyhow::Result<()> {
    let uuid: String = volume
        .uuid()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let text = format!(
        "label {:?}\nuuid {uuid}\n{:#?}\n",
        volume.label(),
        volume.usage()
    );
    write_out(text.as_bytes())
}

fn put(volume: &mut Volume<ImageFile>, source: &Path, path: &GuestPath) -> anyhow::Result<()> {
    if source != Path::new("-") {
        return put_file(volume, source, path, now_ns());
    }
    let mut bytes = Vec::new();
    std::io::stdin()
        .read_to_end(&mut bytes)
        .context("cannot read the standard input")?;
    put_bytes(volume, &bytes, false, path, now_ns())
}

fn remove(volume: &mut Volume<ImageFile>, path: &GuestPath, recursive: bool) -> anyhow::Result<()> {
    path.refuse_endless()?;
    let (folder, name) = path.split()?;
    let dir = folder.find(volume)?.ino;
    let found = path.find(volume)?;
    if found.kind != Kind::Directory {
        let removed = volume.unlink(dir, name.as_bytes(), Case::Any, now_ns());
        return removed.with_context(|| path.to_string());
    }
    let below = entries(volume, found.ino)?;
    if !recursive && !below.is_empty() {
        bail!("{path} is a folder that is not empty; -r removes it with its content");
    }
    for (name, ..) in below {
        remove(volume, &path.join(&name), true)?;
    }
    let removed = volume.remove_dir(dir, name.as_bytes(), Case::Any, now_ns());
    removed.with_context(|| path.to_string())
}

/// Writes to the standard output; that nobody reads it any more is no error to show.
fn write_out(bytes: &[u8]) -> anyhow::Result<()> {
    match std::io::stdout().write_all(bytes) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        outcome => outcome.context("cannot write to the standard output"),
    }
}
