//! Names of directory entries.

use super::error::{Error, Result};
use super::layout::NAME_BYTES_MAX;

/// How a name is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// Byte for byte.
    Exact,
    /// Byte for byte, or else the only entry that differs in case.
    Any,
}

/// Accepts what may become a name in a directory.
pub(super) fn check(name: &[u8]) -> Result<()> {
    if name.len() > NAME_BYTES_MAX {
        return Err(Error::NameTooLong);
    }
    let forbidden = |byte: &u8| matches!(byte, 0 | b'/' | b':');
    let bad = matches!(name, b"" | b"." | b"..")
        || name.iter().any(forbidden)
        || core::str::from_utf8(name).is_err();
    if bad { Err(Error::BadName) } else { Ok(()) }
}
