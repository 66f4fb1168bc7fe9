//! The mistake that this process runs with.

use super::std::{env, string::String, sync::OnceLock};

static CHOSEN: OnceLock<Option<String>> = OnceLock::new();

/// Environment variable with the name of the mistake.
pub const VARIABLE: &str = "VIPEROS_PLANT";

fn chosen() -> Option<&'static str> {
    CHOSEN.get_or_init(|| env::var(VARIABLE).ok()).as_deref()
}

/// Whether the mistake of this name is to be made.
pub fn planted(name: &str) -> bool {
    chosen() == Some(name)
}

/// Whether any mistake is to be made.
pub fn is_chosen() -> bool {
    chosen().is_some()
}
