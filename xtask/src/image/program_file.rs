//! Programs as they lie on the disk: without debug information.

use anyhow::{Context, ensure};
use object::Endianness;
use object::elf::FileHeader64;
use object::read::elf::{FileHeader, ProgramHeader};

/// Offset of `e_shoff` in the header, and of the three half-words at its end
/// that describe sections (ELF-64 object file format, figure 2).
const SECTION_OFFSET: std::ops::Range<usize> = 40..48;
const SECTION_COUNTS: std::ops::Range<usize> = 58..64;

/// Cuts off everything behind the last segment: sections, symbols, debug information.
pub fn strip(data: &[u8]) -> anyhow::Result<Vec<u8>> {
    let header = FileHeader64::<Endianness>::parse(data)?;
    let endian = header.endian()?;
    let segments = header.program_headers(endian, data)?;
    let end_of_headers = header.e_phoff(endian) + size_of_val(segments) as u64;
    let ends = segments
        .iter()
        .map(|s| s.p_offset(endian).saturating_add(s.p_filesz(endian)));
    let end = usize::try_from(ends.chain([end_of_headers]).max().unwrap_or(0))?;
    ensure!(end <= data.len(), "a segment lies outside the file");
    let mut stripped = data[..end].to_vec();
    stripped
        .get_mut(SECTION_OFFSET)
        .context("no header")?
        .fill(0);
    stripped
        .get_mut(SECTION_COUNTS)
        .context("no header")?
        .fill(0);
    Ok(stripped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stripped_program_still_runs() {
        let original = std::fs::read("/bin/true").expect("a program");
        let mut padded = original.clone();
        padded.extend([0xaa; 100_000]);
        let stripped = strip(&padded).expect("a program");
        assert!(stripped.len() <= original.len());
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("true");
        std::fs::write(&file, stripped).expect("written");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&file, mode).expect("mode");
        assert!(
            std::process::Command::new(&file)
                .status()
                .expect("starts")
                .success()
        );
    }

    #[test]
    fn a_truncated_program_is_refused() {
        let original = std::fs::read("/bin/true").expect("a program");
        assert!(strip(&original[..original.len() / 2]).is_err());
        assert!(strip(&original[..20]).is_err());
        assert!(strip(b"").is_err());
    }
}
