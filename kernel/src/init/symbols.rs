//! The table of function names behind the image.

use crate::{arch, symbols};

/// Uses the table that the image builder appends to the image, where there is one.
pub(super) fn init() {
    symbols::set_table(arch::image_tail(), arch::image_layout().start);
}
