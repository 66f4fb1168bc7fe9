//! No exceptions on the host.

use crate::arch::ShortResult;

/// Nobody calls it here.
pub extern "C" fn long_call(_: u64, _: u64, _: u64, _: u64, _: u64, _: u64) -> ShortResult {
    ShortResult {
        error: abi::Error::BadSyscall as u64,
        value: 0,
    }
}

/// Nobody calls it here.
pub extern "C" fn direct_call(_: u64, _: u64, _: u64, _: u64, _: u64, _: u64) -> ShortResult {
    long_call(0, 0, 0, 0, 0, 0)
}

/// Nobody calls it here.
pub extern "C" fn try_call(_: u64, _: u64, _: u64, _: u64, _: u64, _: u64) -> ShortResult {
    long_call(0, 0, 0, 0, 0, 0)
}
