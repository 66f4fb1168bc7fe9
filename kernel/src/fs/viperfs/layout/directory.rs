//! Directory items: all entries of one hash.

use core::hash::Hasher;

use siphasher::sip::SipHasher24;

use super::inode::Kind;
use crate::fs::viperfs::fold;
use crate::word;

/// Bytes of an entry before its name: inode u64, kind u8, slot u8, name length u8.
pub const ENTRY_BYTES: usize = 11;
/// Entries whose folded names hash alike; the low byte of a cookie numbers them.
pub const SLOTS_MAX: usize = 256;

/// Bits of the hash that are used. The top bit stays clear, so that a cookie is never
/// negative for a program that keeps it in a signed number; the low byte is the slot.
const HASH_MASK: u64 = 0x7fff_ffff_ffff_ff00;

/// Position in its directory of every name that folds like this one.
pub fn name_hash(key: &[u8; 16], name: &[u8]) -> u64 {
    let mut hasher = SipHasher24::new_with_key(key);
    fold::for_each_folded_chunk(name, |bytes| hasher.write(bytes));
    hasher.finish() & HASH_MASK
}

/// One entry as it lies in an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryRef<'a> {
    /// Inode it names.
    pub ino: u64,
    /// What the inode is.
    pub kind: Kind,
    /// Number among the entries of this hash; fixed for the life of the entry.
    pub slot: u8,
    /// The name, 1 to 255 bytes.
    pub name: &'a [u8],
}

impl EntryRef<'_> {
    /// Bytes it takes in an item.
    pub fn encoded_len(&self) -> usize {
        ENTRY_BYTES.saturating_add(self.name.len())
    }

    /// Appends its encoding.
    pub fn encode(&self, out: &mut alloc::vec::Vec<u8>) {
        out.extend_from_slice(&self.ino.to_le_bytes());
        out.extend_from_slice(&[self.kind as u8, self.slot, word::count8(self.name.len())]);
        out.extend_from_slice(self.name);
    }
}

fn decode(value: &[u8]) -> Option<(EntryRef<'_>, &[u8])> {
    let (ino, rest) = value.split_first_chunk::<8>()?;
    let (&[kind, slot, len], rest) = rest.split_first_chunk::<3>()?;
    let (name, rest) = rest.split_at_checked(usize::from(len))?;
    let kind = Kind::from_code(kind)?;
    let valid = !name.is_empty() && !name.iter().any(|byte| matches!(byte, 0 | b'/'));
    valid.then_some((
        EntryRef {
            ino: u64::from_le_bytes(*ino),
            kind,
            slot,
            name,
        },
        rest,
    ))
}

/// Entries of an item's value in their order; `None` once where it makes no sense.
pub fn entries(value: &[u8]) -> impl Iterator<Item = Option<EntryRef<'_>>> {
    let mut rest = Some(value);
    core::iter::from_fn(move || {
        let bytes = rest.filter(|bytes| !bytes.is_empty())?;
        let decoded = decode(bytes);
        rest = decoded.map(|(_, tail)| tail);
        Some(decoded.map(|(entry, _)| entry))
    })
}
