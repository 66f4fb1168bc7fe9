//! Case folding of names, by a table that belongs to the format.
//!
//! The hash of a directory entry is taken over the folded name, so the table must
//! never change under a volume: it is version 1, recorded in the superblock, and it
//! does not follow the Unicode version of the compiler. It folds one character to one
//! character in the Latin, Greek and Cyrillic ranges below; all others stand for
//! themselves.

/// Bytes handed on at once; long enough for the names people give.
const CHUNK_BYTES: usize = 64;

/// The character that stands for both cases.
pub fn fold_char(char: char) -> char {
    let code = u32::from(char);
    let even_up = |code: u32| code | 1;
    let odd_up = |code: u32| up(code, 1) & !1;
    let folded = match code {
        0x41..=0x5a => up(code, 0x20),
        0x00..=0xbf => code,
        0xd7 | 0xdf => code,
        0xc0..=0xde => up(code, 0x20),
        // Dotted and dotless i, kra, and the ligature have no simple partner here.
        0x130 | 0x131 | 0x138 | 0x149 | 0x17f => code,
        0x100..=0x137 | 0x14a..=0x177 => even_up(code),
        0x178 => 0xff,
        0x139..=0x148 | 0x179..=0x17e => odd_up(code),
        0x386 => 0x3ac,
        0x388..=0x38a => up(code, 37),
        0x38c => 0x3cc,
        0x38e | 0x38f => up(code, 63),
        0x3a2 => code,
        0x391..=0x3ab => up(code, 0x20),
        0x3c2 => 0x3c3,
        0x400..=0x40f => up(code, 0x50),
        0x410..=0x42f => up(code, 0x20),
        0x460..=0x481 | 0x48a..=0x4bf | 0x4d0..=0x52f => even_up(code),
        _ => code,
    };
    char::from_u32(folded).unwrap_or(char)
}

/// A code this far up; none of the table comes near the end of the numbers.
const fn up(code: u32, distance: u32) -> u32 {
    code.saturating_add(distance)
}

/// The folded characters of a name; bytes that are no UTF-8 fold to U+FFFD.
pub fn folded(name: &[u8]) -> impl Iterator<Item = char> {
    name.utf8_chunks().flat_map(|chunk| {
        let broken = (!chunk.invalid().is_empty()).then_some(char::REPLACEMENT_CHARACTER);
        chunk.valid().chars().map(fold_char).chain(broken)
    })
}

/// Whether two names differ at most in case.
pub fn equal_folded(left: &[u8], right: &[u8]) -> bool {
    folded(left).eq(folded(right))
}

/// Hands on the folded name in UTF-8, piece by piece.
pub fn for_each_folded_chunk(name: &[u8], mut sink: impl FnMut(&[u8])) {
    let mut chunk = [0; CHUNK_BYTES];
    let mut len = 0usize;
    for char in folded(name) {
        let mut encoded = [0; 4];
        let bytes = char.encode_utf8(&mut encoded).as_bytes();
        if len.saturating_add(bytes.len()) > CHUNK_BYTES {
            sink(chunk.get(..len).unwrap_or(&[]));
            len = 0;
        }
        let end = len.saturating_add(bytes.len());
        if let Some(room) = chunk.get_mut(len..end) {
            room.copy_from_slice(bytes);
            len = end;
        }
    }
    sink(chunk.get(..len).unwrap_or(&[]));
}

#[cfg(test)]
mod tests {
    use alloc::string::String;
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn folding_is_idempotent_and_agrees_with_the_language() {
        for code in 0..0x530u32 {
            let Some(char) = char::from_u32(code) else {
                continue;
            };
            let folded = fold_char(char);
            assert_eq!(fold_char(folded), folded, "{code:#x} folds twice");
            if folded != char && char != 'ς' {
                let lower: String = char.to_lowercase().collect();
                assert_eq!(lower.chars().collect::<Vec<_>>(), [folded], "{code:#x}");
            }
        }
    }

    #[test]
    fn names_that_differ_in_case_are_equal() {
        assert!(equal_folded(b"ReadMe", b"readME"));
        assert!(equal_folded("ÄÖÜ Ж Σ".as_bytes(), "äöü ж ς".as_bytes()));
        assert!(!equal_folded(b"readme", b"readme2"));
        assert!(!equal_folded(&[0xff], b"a"));
    }

    #[test]
    fn long_names_arrive_whole() {
        let name = "Äb".repeat(60);
        let mut bytes = Vec::new();
        for_each_folded_chunk(name.as_bytes(), |chunk| bytes.extend_from_slice(chunk));
        assert_eq!(bytes, "äb".repeat(60).into_bytes());
    }
}
