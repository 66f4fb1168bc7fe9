//! Images: the kernel's flat image and disks with the system on them.

pub mod disk;
pub mod kernel_image;
pub mod layout;
pub mod program_file;
mod symbol_table;

use anyhow::{Context, bail};

use crate::arguments::ImageOptions;
use crate::build::{guest, host_tools};
use crate::toolchain;
use crate::workspace;

use disk::Identity;

/// Makes a disk image with the system and the files asked for.
pub fn image(options: &ImageOptions) -> anyhow::Result<u8> {
    let mut files = Vec::new();
    for pair in &options.add {
        files.push(layout::File::from_pair(pair)?);
    }
    let size = disk::parse_size(&options.size).with_context(|| {
        format!(
            "--size {}: give a number of bytes, with K, M or G after it",
            options.size
        )
    })?;
    if size < disk::SMALLEST {
        bail!(
            "--size {}: the system needs at least {} MiB",
            options.size,
            disk::SMALLEST >> 20
        );
    }
    let out = std::path::absolute(&options.out)?;
    let tools = host_tools::build()?;
    let programs = guest::programs(&toolchain::resolve()?, options.profile)?;
    let mut system = layout::system_files(&programs)?;
    system.append(&mut files);
    disk::create(&tools, &out, size, &system, Identity::Random)?;
    println!(
        "{}: {} files on {} bytes",
        options.out.display(),
        system.len(),
        size
    );
    println!(
        "host tools: {}",
        workspace::relative(&tools.mkfs()).display()
    );
    println!(
        "            {}",
        workspace::relative(&tools.fsck()).display()
    );
    Ok(0)
}
