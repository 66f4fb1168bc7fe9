//! Sizes as people write them.

use anyhow::{Context, bail};

/// Bytes of a size such as `4096`, `512K`, `64M` or `2G`.
pub fn parse_size(text: &str) -> anyhow::Result<u64> {
    let (digits, shift) = match text.char_indices().next_back() {
        Some((at, 'K' | 'k')) => (text.split_at(at).0, 10),
        Some((at, 'M' | 'm')) => (text.split_at(at).0, 20),
        Some((at, 'G' | 'g')) => (text.split_at(at).0, 30),
        _ => (text, 0),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        bail!("`{text}` is no size; write bytes, or a number with K, M or G");
    }
    let bytes = digits
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(1 << shift));
    bytes.with_context(|| format!("the size {text} is too large"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes_multiply() {
        for (text, bytes) in [
            ("4096", 4096),
            ("16K", 16 << 10),
            ("64m", 64 << 20),
            ("2G", 2 << 30),
        ] {
            assert_eq!(parse_size(text).ok(), Some(bytes));
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "M", "-1M", "1.5G", "64MB", "+5", "99999999999G", "ä"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }
}
