//! Names of the kernel's functions, for backtraces.
//!
//! `cargo xtask` appends the table to the image after linking: magic `VSYM`, count, then
//! for each function its offset in the image and the offset of its name, sorted by
//! address, and the names. An image without a table shows bare addresses.
use crate::arch;
use crate::sync::Once;

const MAGIC: &[u8; 4] = b"VSYM";
const HEADER: usize = 8;
const ENTRY: usize = 8;

#[derive(Clone, Copy, Debug)]
struct Table {
    bytes: &'static [u8],
    base: u64,
}

static TABLE: Once<Table> = Once::new();

/// Uses the table that the image builder appends to the image, where there is one.
pub(super) fn init() {
    set_table(arch::image_tail(), arch::image_layout().start);
}

/// Uses a table for addresses from `base` on; anything malformed is ignored.
fn set_table(bytes: &'static [u8], base: u64) {
    if bytes.starts_with(MAGIC) {
        TABLE.call_once(|| Table { bytes, base });
    }
}

impl Table {
    fn word(&self, at: usize) -> Option<u32> {
        let bytes = self.bytes.get(at..at.checked_add(4)?)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?))
    }

    fn entry(&self, index: usize) -> Option<(u32, u32)> {
        let at = index.checked_mul(ENTRY)?.checked_add(HEADER)?;
        Some((self.word(at)?, self.word(at.checked_add(4)?)?))
    }

    fn find(&self, address: u64) -> Option<(&'static str, u64)> {
        let offset = u32::try_from(address.checked_sub(self.base)?).ok()?;
        let (mut low, mut high) = (0, self.word(4)? as usize);
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.entry(middle)?.0 <= offset {
                low = middle.saturating_add(1);
            } else {
                high = middle;
            }
        }
        let (start, name) = self.entry(low.checked_sub(1)?)?;
        let text = self.bytes.get(name as usize..)?;
        let end = text.iter().position(|byte| *byte == 0)?;
        let name = core::str::from_utf8(text.get(..end)?).ok()?;
        Some((name, u64::from(offset.saturating_sub(start))))
    }
}

/// The function that contains an address, and how far into it the address is.
pub(super) fn find(address: u64) -> Option<(&'static str, u64)> {
    TABLE.get()?.find(address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn table(symbols: &[(u32, &str)]) -> Table {
        let mut bytes = Vec::from(*MAGIC);
        bytes.extend((symbols.len() as u32).to_le_bytes());
        let mut name = HEADER + symbols.len() * ENTRY;
        for (offset, text) in symbols {
            bytes.extend(offset.to_le_bytes());
            bytes.extend((name as u32).to_le_bytes());
            name += text.len() + 1;
        }
        for (_, text) in symbols {
            bytes.extend(text.as_bytes());
            bytes.push(0);
        }
        Table {
            bytes: bytes.leak(),
            base: 0x1000,
        }
    }

    #[test]
    fn an_address_belongs_to_the_function_before_it() {
        let table = table(&[(0x10, "first"), (0x40, "second")]);
        assert_eq!(table.find(0x1008), None);
        assert_eq!(table.find(0x1010), Some(("first", 0)));
        assert_eq!(table.find(0x103f), Some(("first", 0x2f)));
        assert_eq!(table.find(0x2000), Some(("second", 0xfc0)));
        assert_eq!(table.find(0), None);
    }

    #[test]
    fn a_damaged_table_finds_nothing() {
        let whole = table(&[(0x10, "first"), (0x40, "second")]);
        for len in 0..whole.bytes.len() {
            let cut = Table {
                bytes: &whole.bytes[..len],
                base: 0x1000,
            };
            assert_ne!(cut.find(0x1050).map(|found| found.0), Some("first"));
        }
    }
}
