//! PL031 real-time clock (ARM DDI 0224).
#![forbid(unsafe_code)]

use super::mmio::Registers;

/// RTCDR: seconds since 1970-01-01 UTC.
const DATA: u64 = 0;

/// Reads the clock whose registers are at `base`; seconds since 1970-01-01 UTC.
pub fn read_rtc_seconds(base: u64, bytes: u64) -> u64 {
    u64::from(Registers::new(base, bytes).read32(DATA))
}
