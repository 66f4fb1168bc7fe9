//! The table of function names behind the kernel image, for backtraces.
//!
//! Layout, numbers little endian: `VSYM`, count (u32); for each function its
//! offset in the image and the offset of its name in the table (u32 each), in
//! the order of the first; then the names, each ended by a zero byte.

use anyhow::{Context, ensure};
use object::read::elf::ElfFile64;
use object::{Endianness, Object, ObjectSymbol, SymbolKind};

const MAGIC: &[u8; 4] = b"VSYM";
const HEADER: usize = 8;
const ENTRY: usize = 8;

/// Longest name, in bytes; generic functions have names longer than their code.
const NAME_MAX: usize = 120;

/// Where an arm64 Image has the size it takes in memory (u64).
const IMAGE_SIZE: std::ops::Range<usize> = 16..24;

/// Offset and name of a function.
type Function = (u32, String);

/// Appends the table of `elf`'s functions to its flat image, behind the memory
/// that the kernel zeroes, and makes the image that much larger.
pub fn append(image: &mut Vec<u8>, elf: &[u8]) -> anyhow::Result<()> {
    let size = image.get(IMAGE_SIZE).context("no Image header")?;
    let size = usize::try_from(u64::from_le_bytes(size.try_into()?))?;
    ensure!(
        image.len() <= size && size <= 64 << 20,
        "the Image header names {size} bytes"
    );
    let table = encode(&functions(elf)?)?;
    image.resize(size, 0);
    image.extend(table);
    // Whole pages, so that nothing else begins in the last one.
    let whole = image.len().next_multiple_of(4096);
    image.resize(whole, 0);
    image[IMAGE_SIZE].copy_from_slice(&(whole as u64).to_le_bytes());
    Ok(())
}

/// The functions of an ELF file by their distance from its lowest address.
fn functions(elf: &[u8]) -> anyhow::Result<Vec<Function>> {
    let file = ElfFile64::<Endianness>::parse(elf)?;
    let start = file
        .symbols()
        .find(|symbol| symbol.name() == Ok("__image_start"));
    let base = start
        .context("the kernel has no symbol __image_start")?
        .address();
    let mut functions: Vec<Function> = file
        .symbols()
        .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.is_definition())
        .filter_map(|symbol| {
            let offset = u32::try_from(symbol.address().checked_sub(base)?).ok()?;
            Some((offset, readable(symbol.name().ok()?)))
        })
        // Labels of the assembler mark no function.
        .filter(|(_, name)| !name.starts_with('$') && !name.starts_with(".L"))
        .collect();
    functions.sort();
    functions.dedup_by_key(|function| function.0);
    Ok(functions)
}

/// A name as it is written in the source, cut to a bearable length.
fn readable(symbol: &str) -> String {
    let mut name = format!("{:#}", rustc_demangle::demangle(symbol)).replace('\0', "");
    if name.len() > NAME_MAX {
        let end = (0..=NAME_MAX)
            .rev()
            .find(|end| name.is_char_boundary(*end))
            .unwrap_or(0);
        name.truncate(end);
    }
    name
}

fn encode(functions: &[Function]) -> anyhow::Result<Vec<u8>> {
    let mut table = MAGIC.to_vec();
    table.extend(u32::try_from(functions.len())?.to_le_bytes());
    let mut name_at = HEADER + ENTRY * functions.len();
    for (offset, name) in functions {
        table.extend(offset.to_le_bytes());
        table.extend(u32::try_from(name_at)?.to_le_bytes());
        name_at += name.len() + 1;
    }
    for (_, name) in functions {
        table.extend(name.as_bytes());
        table.push(0);
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_lead_to_their_names() {
        let functions = [
            (16, "boot".to_owned()),
            (4096, "mm::frame::take".to_owned()),
        ];
        let table = encode(&functions).expect("small");
        let word = |at: usize| {
            u32::from_le_bytes([table[at], table[at + 1], table[at + 2], table[at + 3]])
        };
        assert_eq!((&table[..4], word(4)), (MAGIC.as_slice(), 2));
        for (index, (offset, name)) in functions.iter().enumerate() {
            let at = HEADER + ENTRY * index;
            assert_eq!(word(at), *offset);
            let text = &table[word(at + 4) as usize..];
            let end = text.iter().position(|byte| *byte == 0).expect("ended");
            assert_eq!(&text[..end], name.as_bytes());
        }
    }

    #[test]
    fn names_are_readable_and_bounded() {
        assert_eq!(
            readable("_ZN6kernel2mm5frame4take17h0123456789abcdefE"),
            "kernel::mm::frame::take"
        );
        assert_eq!(readable("boot_primary"), "boot_primary");
        assert_eq!(readable(&"ä".repeat(200)).len(), NAME_MAX);
    }

    #[test]
    fn an_image_that_lies_about_its_size_is_refused() {
        let mut image = vec![0; 128];
        assert!(append(&mut image, b"").is_err(), "smaller than its bytes");
        image[IMAGE_SIZE].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(append(&mut image, b"").is_err(), "absurdly large");
    }
}
