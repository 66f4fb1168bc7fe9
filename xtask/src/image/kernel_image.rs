//! The flat arm64 `Image` of a kernel's ELF file.
//!
//! QEMU hands the device tree only to a kernel in this form (Linux boot
//! protocol, Documentation/arch/arm64/booting): the loadable bytes as they lie
//! in memory, beginning with a 64-byte header that the kernel's own start-up
//! code contains.

use std::path::Path;

use anyhow::{Context, bail, ensure};
use object::elf::{FileHeader64, PF_X, PT_LOAD};
use object::read::elf::{ElfFile64, FileHeader, ProgramHeader};
use object::{Endianness, Object, ObjectSymbol};

use super::symbol_table;
use crate::workspace;

/// Where the header has its magic.
const MAGIC_OFFSET: usize = 56;
const MAGIC: &[u8] = b"ARM\x64";

/// Largest image that is written, in bytes: what the kernel's first page tables map.
const LARGEST: u64 = 32 << 20;

/// Writes the flat image of `elf` to `image`, with the names of its functions.
pub fn write(elf: &Path, image: &Path) -> anyhow::Result<()> {
    let data = std::fs::read(elf).with_context(|| format!("cannot read {}", elf.display()))?;
    let mut flat = flatten(&data).with_context(|| format!("{} is no kernel", elf.display()))?;
    symbol_table::append(&mut flat, &data)
        .with_context(|| format!("cannot name the functions of {}", elf.display()))?;
    workspace::write(image, flat)
}

/// The loadable bytes of an ELF file, each segment at its physical distance.
fn flatten(data: &[u8]) -> anyhow::Result<Vec<u8>> {
    let header = FileHeader64::<Endianness>::parse(data)?;
    let endian = header.endian()?;
    let segments: Vec<_> = header
        .program_headers(endian, data)?
        .iter()
        .filter(|segment| segment.p_type(endian) == PT_LOAD && segment.p_filesz(endian) > 0)
        .collect();
    let base = segments.iter().map(|segment| segment.p_paddr(endian)).min();
    let base = base.context("it has no loadable segment")?;
    let mut flat = Vec::new();
    for segment in segments {
        let bytes = segment
            .data(endian, data)
            .ok()
            .context("a segment lies outside the file")?;
        let start = segment.p_paddr(endian) - base;
        let end = start
            .checked_add(bytes.len() as u64)
            .context("a segment overflows")?;
        ensure!(end <= LARGEST, "it is larger than {} MiB", LARGEST >> 20);
        let (start, end) = (start as usize, end as usize);
        flat.resize(flat.len().max(end), 0);
        flat[start..end].copy_from_slice(bytes);
        if start == 0 && !segment.p_flags(endian).contains(PF_X) {
            bail!("it does not begin with code");
        }
    }
    let magic = flat.get(MAGIC_OFFSET..MAGIC_OFFSET + MAGIC.len());
    ensure!(
        magic == Some(MAGIC),
        "it does not begin with an arm64 Image header"
    );
    Ok(flat)
}

/// Address of the function with this name in an ELF file, whatever module it is in.
pub fn function_address(elf: &Path, name: &str) -> anyhow::Result<u64> {
    let data = std::fs::read(elf).with_context(|| format!("cannot read {}", elf.display()))?;
    let file = ElfFile64::<Endianness>::parse(&*data)?;
    let symbol = file
        .symbols()
        .find(|symbol| symbol.name().is_ok_and(|full| is_named(full, name)));
    Ok(symbol
        .with_context(|| format!("{} has no function {name}", elf.display()))?
        .address())
}

/// Whether a symbol is the function `name`: plain, or the last part of a Rust path.
fn is_named(symbol: &str, name: &str) -> bool {
    let path = format!("{:#}", rustc_demangle::demangle(symbol));
    path.strip_suffix(name)
        .is_some_and(|before| before.is_empty() || before.ends_with("::"))
}

/// Address of the first instruction in an ELF file, as linked.
pub fn entry_address(elf: &Path) -> anyhow::Result<u64> {
    let data = std::fs::read(elf).with_context(|| format!("cannot read {}", elf.display()))?;
    Ok(ElfFile64::<Endianness>::parse(&*data)?.entry())
}

/// Whether an ELF file is position independent (`ET_DYN`).
pub fn is_position_independent(elf: &Path) -> anyhow::Result<bool> {
    let data = std::fs::read(elf).with_context(|| format!("cannot read {}", elf.display()))?;
    let header = FileHeader64::<Endianness>::parse(&*data)?;
    Ok(header.e_type(header.endian()?) == object::elf::ET_DYN)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An ELF file with two segments: 64 bytes of code at `first`, 4 bytes at `second`.
    fn elf(first: u64, second: u64, magic: &[u8]) -> Vec<u8> {
        let mut file = vec![0; 64];
        file[..8].copy_from_slice(b"\x7fELF\x02\x01\x01\x00");
        put(&mut file, 16, &2u16.to_le_bytes());
        put(&mut file, 18, &183u16.to_le_bytes());
        put(&mut file, 20, &1u32.to_le_bytes());
        put(&mut file, 32, &64u64.to_le_bytes());
        put(&mut file, 52, &64u16.to_le_bytes());
        put(&mut file, 54, &56u16.to_le_bytes());
        put(&mut file, 56, &2u16.to_le_bytes());
        for (flags, offset, address, size) in [(5u32, 256u64, first, 64u64), (6, 320, second, 4)] {
            file.extend(1u32.to_le_bytes());
            file.extend(flags.to_le_bytes());
            for word in [offset, address, address, size, size, 1] {
                file.extend(word.to_le_bytes());
            }
        }
        file.resize(324, 0);
        put(&mut file, 256 + MAGIC_OFFSET, magic);
        put(&mut file, 320, b"data");
        file
    }

    fn put(file: &mut [u8], at: usize, bytes: &[u8]) {
        file[at..at + bytes.len()].copy_from_slice(bytes);
    }

    #[test]
    fn segments_keep_their_distance() {
        let flat = flatten(&elf(0x8000_0000, 0x8000_1000, MAGIC)).expect("a kernel");
        assert_eq!(flat.len(), 0x1004);
        assert_eq!(&flat[MAGIC_OFFSET..60], MAGIC);
        assert_eq!(&flat[0x1000..], b"data");
        assert!(flat[64..0x1000].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn functions_are_found_by_their_own_name() {
        assert!(is_named(
            "_ZN6kernel7console18terminal_idle_mark17h0123456789abcdefE",
            "terminal_idle_mark"
        ));
        assert!(is_named("kernel_entry", "kernel_entry"));
        assert!(!is_named("another_kernel_entry", "kernel_entry"));
    }

    #[test]
    fn what_is_no_kernel_is_refused() {
        assert!(flatten(&elf(0x8000_0000, 0x8000_1000, b"nope")).is_err());
        assert!(flatten(&elf(0, LARGEST, MAGIC)).is_err());
        assert!(flatten(&elf(0x1000, 0, MAGIC)).is_err(), "data first");
        assert!(flatten(b"no ELF file").is_err());
        assert!(flatten(&elf(0, 0x1000, MAGIC)[..300]).is_err(), "cut off");
    }
}
