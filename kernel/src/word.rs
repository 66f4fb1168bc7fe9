//! The machine word of 64 bits, as a size, an index and parts of it.
//!
//! Addresses and sizes are `u64` where a program, a device or a disk sees them, and
//! `usize` where they index memory. Both have 64 bits on every machine the kernel runs
//! on, so going from one to the other loses nothing. Only here is that taken for granted.
#![forbid(unsafe_code)]

const _: () = assert!(usize::BITS == u64::BITS);

/// A size or an index into memory.
#[expect(
    clippy::cast_possible_truncation,
    reason = "both have 64 bits, which is asserted above"
)]
pub const fn index(value: u64) -> usize {
    value as usize
}

/// The low 32 bits.
pub const fn low_half(value: u64) -> u32 {
    (value & 0xffff_ffff) as u32
}

/// The low 16 bits.
pub const fn low_quarter(value: u64) -> u16 {
    (value & 0xffff) as u16
}

/// A count in 32 bits; the largest number for one that has more.
pub fn count32(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// A count in 16 bits; the largest number for one that has more.
pub fn count16(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}

/// A count in 8 bits; the largest number for one that has more.
pub fn count8(count: usize) -> u8 {
    u8::try_from(count).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_the_low_ones() {
        let value = 0xfedc_ba98_7654_3210;
        assert_eq!(index(value) as u64, value);
        assert_eq!(low_half(value), 0x7654_3210);
        assert_eq!(low_quarter(value), 0x3210);
    }

    #[test]
    fn counts_that_do_not_fit_are_the_largest() {
        assert_eq!((count8(255), count8(256)), (255, 255));
        assert_eq!((count16(0xfffe), count16(0x1_0000)), (0xfffe, 0xffff));
        assert_eq!((count32(7), count32(usize::MAX)), (7, u32::MAX));
    }
}
