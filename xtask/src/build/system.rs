//! The whole system, built: kernel image, programs, tools.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::guest::{self, Kernel, Program};
use super::host_tools::{self, HostTools};
use crate::arguments::Profile;
use crate::image::disk::{self, Identity};
use crate::image::{kernel_image, layout};
use crate::toolchain::{self, Toolchain};
use crate::workspace;

/// Everything a machine needs.
#[derive(Clone, Debug)]
pub struct System {
    /// What compiled it.
    pub toolchain: Toolchain,
    /// The kernel with symbols.
    pub kernel_elf: PathBuf,
    /// The kernel for QEMU.
    pub kernel_image: PathBuf,
    /// Every program.
    pub programs: Vec<Program>,
    /// Makers and checkers of disks.
    pub tools: HostTools,
}

/// Builds what is stale.
pub fn build(profile: Profile) -> anyhow::Result<System> {
    let toolchain = toolchain::resolve()?;
    eprintln!("toolchain: {toolchain}");
    let kernel_elf = guest::kernel(&toolchain, profile, Kernel::Normal)?;
    let programs = guest::programs(&toolchain, profile)?;
    let tools = host_tools::build()?;
    let kernel_image = flat_image(&kernel_elf)?;
    Ok(System {
        toolchain,
        kernel_elf,
        kernel_image,
        programs,
        tools,
    })
}

/// Writes the flat image beside a kernel's ELF file.
pub fn flat_image(elf: &Path) -> anyhow::Result<PathBuf> {
    let image = elf.with_extension("image");
    kernel_image::write(elf, &image)?;
    Ok(image)
}

impl System {
    /// The program installed at a place in the system.
    pub fn program(&self, binary: &str) -> Option<&Program> {
        self.programs
            .iter()
            .find(|program| program.binary.eq_ignore_ascii_case(binary))
    }

    /// Makes the default disk, or brings the system files on it up to date.
    pub fn default_disk(&self, is_fresh: bool) -> anyhow::Result<PathBuf> {
        let image = workspace::default_disk();
        let files = layout::system_files(&self.programs)?;
        if is_fresh || !image.exists() {
            disk::create(
                &self.tools,
                &image,
                disk::DEFAULT_SIZE,
                &files,
                Identity::Random,
            )?;
        } else {
            disk::update(&self.tools, &image, &files)?;
        }
        Ok(image)
    }

    /// A disk of the user's own: made when asked for, else left as it is.
    pub fn own_disk(&self, image: &Path, is_fresh: bool) -> anyhow::Result<()> {
        if is_fresh {
            let files = layout::system_files(&self.programs)?;
            return disk::create(
                &self.tools,
                image,
                disk::DEFAULT_SIZE,
                &files,
                Identity::Random,
            );
        }
        if !image.exists() {
            bail!("disk {} is not there; --fresh makes it", image.display());
        }
        Ok(())
    }
}

/// Address programs that are position independent are loaded at.
const PROGRAM_BASE: u64 = 0x40_0000;

impl System {
    /// Address of the first program's first instruction in the machine.
    pub fn init_entry(&self) -> anyhow::Result<u64> {
        let init = self.program("init").context("there is no program init")?;
        entry_in_machine(&init.file)
    }
}

/// Address of a program's first instruction in the machine.
pub fn entry_in_machine(elf: &Path) -> anyhow::Result<u64> {
    Ok(kernel_image::entry_address(elf)? + load_offset(elf)?)
}

/// Where a program lies in the machine, minus where it was linked for.
pub fn load_offset(elf: &Path) -> anyhow::Result<u64> {
    Ok(if kernel_image::is_position_independent(elf)? {
        PROGRAM_BASE
    } else {
        0
    })
}
