//! The smallest program: an ELF file whose code is `exit(0)`.

use alloc::vec::Vec;

use abi::Syscall;

/// Where it is linked for.
const BASE: u64 = 0x40_0000;
/// Bytes of the ELF header (ELF-64, figure 2).
const HEADER_BYTES: u64 = 64;
/// Bytes of a program header.
const SEGMENT_BYTES: u64 = 56;

/// The file.
pub fn image() -> Vec<u8> {
    // mov x0, #0; mov x8, #exit; svc #0 (ARM ARM C6.2.222, C6.2.365)
    let code = [
        0xd280_0000u32,
        0xd280_0008 | (Syscall::ProcessExit as u32) << 5,
        0xd400_0001,
    ];
    let start = HEADER_BYTES + SEGMENT_BYTES;
    let size = start + size_of_val(&code) as u64;
    let mut file = Vec::new();
    file.extend_from_slice(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    // ET_EXEC, EM_AARCH64, version 1.
    push16(&mut file, &[2, 183]);
    push32(&mut file, &[1]);
    // Entry, program headers, no section headers.
    push64(&mut file, &[BASE + start, HEADER_BYTES, 0]);
    push32(&mut file, &[0]);
    push16(&mut file, &[64, 56, 1, 64, 0, 0]);
    // PT_LOAD, readable and executable: all of the file.
    push32(&mut file, &[1, 5]);
    push64(&mut file, &[0, BASE, BASE, size, size, 4096]);
    push32(&mut file, &code);
    file
}

fn push16(file: &mut Vec<u8>, words: &[u16]) {
    words
        .iter()
        .for_each(|word| file.extend_from_slice(&word.to_le_bytes()));
}

fn push32(file: &mut Vec<u8>, words: &[u32]) {
    words
        .iter()
        .for_each(|word| file.extend_from_slice(&word.to_le_bytes()));
}

fn push64(file: &mut Vec<u8>, words: &[u64]) {
    words
        .iter()
        .for_each(|word| file.extend_from_slice(&word.to_le_bytes()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_have_their_sizes() {
        let file = image();
        assert_eq!(file.len(), 64 + 56 + 12);
        assert!(file.len() <= 1100);
        assert_eq!(file.get(24..32), Some(&(BASE + 120).to_le_bytes()[..]));
    }
}
