//! What the toolchain makes: position-independent, never writable and executable.

use std::path::Path;

use anyhow::{Context, bail, ensure};
use object::Endianness;
use object::elf::{EM_AARCH64, FileHeader64, PF_W, PF_X, PT_INTERP, PT_LOAD};
use object::read::elf::{FileHeader, ProgramHeader};

use super::lab::Rig;
use crate::toolchain;

/// The resolved toolchain is new enough, and its output has the form that the
/// kernel and its loader rely on.
pub fn toolchain_test(rig: &Rig<'_>) -> anyhow::Result<()> {
    let system = &rig.lab.system;
    ensure!(
        toolchain::is_new_enough(&system.toolchain.version),
        "{}",
        system.toolchain
    );
    examine(&system.kernel_elf)?;
    ensure!(!system.programs.is_empty(), "no programs");
    for program in &system.programs {
        examine(&program.file)?;
    }
    // What it compiled runs, and says the version it was compiled from.
    let outcome = rig.run(rig.machine()?, "Version")?;
    outcome
        .expect_code(0)?
        .expect_line_with(&[env!("CARGO_PKG_VERSION")])?;
    Ok(())
}

fn examine(elf: &Path) -> anyhow::Result<()> {
    let data = std::fs::read(elf)?;
    examine_bytes(&data).with_context(|| format!("{}", elf.display()))
}

fn examine_bytes(data: &[u8]) -> anyhow::Result<()> {
    let header = FileHeader64::<Endianness>::parse(data)?;
    let endian = header.endian()?;
    ensure!(header.e_machine(endian) == EM_AARCH64, "not for AArch64");
    let segments = header.program_headers(endian, data)?;
    let mut loaded = 0;
    for segment in segments {
        let flags = segment.p_flags(endian);
        match segment.p_type(endian) {
            PT_INTERP => bail!("wants a dynamic linker"),
            PT_LOAD if flags.contains(PF_W) && flags.contains(PF_X) => {
                bail!("a segment is writable and executable")
            }
            PT_LOAD => loaded += 1,
            _ => {}
        }
    }
    ensure!(loaded > 0, "nothing to load");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_for_the_host_is_refused() {
        let data = std::fs::read("/bin/true").expect("a program");
        assert!(examine_bytes(&data).is_err());
    }
}
