//! Back references from an inode to its names.

use alloc::vec::Vec;

use super::NAME_BYTES_MAX;
use crate::word;

/// Names of an inode in one directory: length byte and name, one after the other.
pub fn names(value: &[u8]) -> impl Iterator<Item = Option<&[u8]>> {
    let mut rest = value;
    core::iter::from_fn(move || {
        let (&len, tail) = rest.split_first()?;
        let name = tail.get(..usize::from(len)).filter(|name| !name.is_empty());
        rest = name
            .and_then(|_| tail.get(usize::from(len)..))
            .unwrap_or(&[]);
        Some(name)
    })
}

/// Adds a name; the caller has checked its length.
pub fn push_name(value: &mut Vec<u8>, name: &[u8]) {
    let len = name.len().min(NAME_BYTES_MAX);
    value.push(word::count8(len));
    value.extend_from_slice(name.get(..len).unwrap_or(&[]));
}

/// The list without one name; `None` when it was not there.
pub fn without_name(value: &[u8], gone: &[u8]) -> Option<Vec<u8>> {
    let mut kept = Vec::with_capacity(value.len());
    let mut found = false;
    for name in names(value).flatten() {
        if !found && name == gone {
            found = true;
        } else {
            push_name(&mut kept, name);
        }
    }
    found.then_some(kept)
}
