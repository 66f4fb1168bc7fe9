//! Makes a ViperFS image.
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use kernel::fs::viperfs::Volume;
use tools::{
    GuestPath, ImageFile, ImageOptions, close, copy_folder, make_image, now_ns, parse_size,
    put_file,
};

/// Makes a ViperFS volume in a file; what was in the file is gone.
#[derive(Parser, Debug)]
#[command(name = "mkfs-viperfs", version)]
struct Arguments {
    /// The image file
    image: PathBuf,
    /// Its size in bytes, or with K, M or G (at least 4M)
    #[arg(value_parser = parse_size)]
    size: u64,
    /// Name of the volume, at most 32 bytes
    #[arg(long, default_value = "")]
    label: String,
    /// Bytes of a tree node: 4096, 8192 or 16384
    #[arg(long, default_value = "4096", value_parser = parse_size)]
    node_size: u64,
    /// Folder of the host whose content becomes that of the root
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// Folder to make; those above it are made too
    #[arg(long, value_name = "PATH")]
    mkdir: Vec<GuestPath>,
    /// File to put on the volume
    #[arg(long, value_name = "SRC:DEST", value_parser = source_and_target)]
    add: Vec<(PathBuf, GuestPath)>,
    /// Number from which everything random follows, for images that are always the same
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

fn source_and_target(text: &str) -> anyhow::Result<(PathBuf, GuestPath)> {
    let (source, target) = text
        .rsplit_once(':')
        .with_context(|| format!("`{text}` is not SRC:DEST"))?;
    Ok((PathBuf::from(source), target.parse()?))
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let existed = arguments.image.exists();
    match make(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mkfs-viperfs: {error:#}");
            if !existed {
                // Half an image helps nobody; there was nothing before.
                let _ = std::fs::remove_file(&arguments.image);
            }
            ExitCode::FAILURE
        }
    }
}

fn make(arguments: &Arguments) -> anyhow::Result<()> {
    let options = ImageOptions {
        label: arguments.label.clone(),
        node_bytes: usize::try_from(arguments.node_size).context("the node size is too large")?,
        seed: arguments.seed,
    };
    let mut volume = make_image(&arguments.image, arguments.size, &options)?;
    let now = if arguments.seed.is_some() {
        0
    } else {
        now_ns()
    };
    fill(&mut volume, arguments, now)?;
    close(volume).with_context(|| arguments.image.display().to_string())
}

fn fill(volume: &mut Volume<ImageFile>, arguments: &Arguments, now: u64) -> anyhow::Result<()> {
    if let Some(folder) = &arguments.from {
        copy_folder(volume, folder, &"/".parse()?, now)?;
    }
    for path in &arguments.mkdir {
        path.make_folder(volume, now)?;
    }
    for (source, target) in &arguments.add {
        put_file(volume, source, target, now)?;
    }
    Ok(())
}
