//! The mistake that this process runs with.

use super::std::{env, string::String, sync::OnceLock};

static CHOSEN: OnceLock<Option<String>> = OnceLock::new();

/// Environment variable with the name of the mistake.
pub const VARIABLE: &str = "VIPEROS_PLANT";

/// Whether the mistake of this name is to be made.
pub fn planted(name: &str) -> bool {
    let chosen = CHOSEN.get_or_init(|| env::var(VARIABLE).ok());
    chosen.as_deref() == Some(name)
}
