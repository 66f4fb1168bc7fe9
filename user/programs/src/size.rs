//! Numbers of bytes for people.

use alloc::format;
use alloc::string::{String, ToString};

/// The units, each 1024 of the one before.
const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];

/// A number of bytes with a fitting unit, such as `1.5 MiB`.
pub fn human(bytes: u64) -> String {
    let mut unit = 0;
    let mut scaled = bytes;
    let mut rest = 0;
    while scaled >= 1024 && unit < UNITS.len().saturating_sub(1) {
        rest = scaled % 1024;
        scaled /= 1024;
        unit = unit.saturating_add(1);
    }
    let name = UNITS.get(unit).copied().unwrap_or("");
    match (unit, scaled) {
        (0, _) => format!("{scaled} {name}"),
        (_, 0..10) => format!("{scaled}.{} {name}", rest.saturating_mul(10) / 1024),
        _ => format!("{scaled} {name}"),
    }
}

/// A number with a blank between each three digits.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        let left = digits.len().saturating_sub(index);
        if index > 0 && left % 3 == 0 {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_and_groups() {
        assert_eq!(human(0), "0 B");
        assert_eq!(human(1023), "1023 B");
        assert_eq!(human(1536), "1.5 KiB");
        assert_eq!(human(128 << 20), "128 MiB");
        assert_eq!(human(u64::MAX), "16777215 TiB");
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(1_234_567), "1 234 567");
        assert_eq!(grouped(123), "123");
    }
}
