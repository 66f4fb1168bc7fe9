//! Whether programs lie at random addresses.
#![forbid(unsafe_code)]

use crate::entropy::random_u64;
use crate::mm::Layout;
use crate::sync::atomic::{AtomicBool, Ordering};

static IS_FIXED: AtomicBool = AtomicBool::new(false);

/// Puts every program from now on at the same addresses.
pub fn use_fixed_addresses() {
    IS_FIXED.store(true, Ordering::Relaxed);
}

/// Where a new program lies.
pub(super) fn new_layout() -> Layout {
    if IS_FIXED.load(Ordering::Relaxed) {
        return Layout::FIXED;
    }
    Layout::random([random_u64(), random_u64(), random_u64()])
}
