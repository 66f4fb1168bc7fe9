//! The bytes a parent hands to a new process.

use alloc::vec::Vec;

use abi::process::SPAWN_BLOB_MAX;
use abi::startup::{EntryKind, entry_size, write_entry};

/// A blob under construction.
#[derive(Debug, Default)]
pub struct StartupBlob {
    bytes: Vec<u8>,
}

impl StartupBlob {
    /// Appends one entry.
    ///
    /// # Errors
    ///
    /// `LimitReached` beyond [`SPAWN_BLOB_MAX`] bytes.
    pub fn push(&mut self, kind: EntryKind, text: &str) -> Result<(), abi::Error> {
        let start = self.bytes.len();
        let end = start.saturating_add(entry_size(text.len()));
        if end > SPAWN_BLOB_MAX {
            return Err(abi::Error::LimitReached);
        }
        self.bytes.resize(end, 0);
        let room = self.bytes.get_mut(start..).unwrap_or(&mut []);
        write_entry(room, kind, text.as_bytes()).ok_or(abi::Error::LimitReached)?;
        Ok(())
    }

    /// The finished blob.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use abi::startup::Entries;

    #[test]
    fn entries_come_back_in_order() {
        let mut blob = StartupBlob::default();
        blob.push(EntryKind::Argument, "Dir").unwrap();
        blob.push(EntryKind::Variable, "A=b").unwrap();
        let all: Vec<_> = Entries::new(blob.bytes()).collect();
        let argument = EntryKind::Argument as u32;
        assert_eq!(
            all,
            [
                (argument, &b"Dir"[..]),
                (EntryKind::Variable as u32, &b"A=b"[..])
            ]
        );
    }

    #[test]
    fn too_much_is_an_error_and_leaves_the_rest_whole() {
        let mut blob = StartupBlob::default();
        blob.push(EntryKind::Argument, "x").unwrap();
        let long = "y".repeat(SPAWN_BLOB_MAX);
        assert_eq!(
            blob.push(EntryKind::Argument, &long),
            Err(abi::Error::LimitReached)
        );
        assert_eq!(Entries::new(blob.bytes()).count(), 1);
    }
}
