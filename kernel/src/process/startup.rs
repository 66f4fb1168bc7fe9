//! What a new process finds on its stack.

use alloc::vec::Vec;

use abi::startup::{
    EntryKind, STARTUP_MAGIC, StartupHandle, StartupRecord, entry_size, write_entry,
};
use zerocopy::IntoBytes;

use crate::arch;
use crate::entropy::random_u64;

use super::elf::Loaded;

/// The bytes for the top of a new stack: record, handles and blob.
#[derive(Debug)]
pub(super) struct StackImage {
    /// Address of the first byte; also that of the record, and the first stack pointer.
    pub(super) address: u64,
    handles_at: usize,
    blob_at: usize,
    len: usize,
}

impl StackImage {
    /// Room for `handles` handles and a blob of `blob` bytes that ends at `top`.
    pub(super) fn new(top: u64, handles: usize, blob: usize) -> Option<StackImage> {
        let handles_at = size_of::<StartupRecord>();
        let handle_bytes = handles.checked_mul(size_of::<StartupHandle>())?;
        let blob_at = handles_at.checked_add(handle_bytes)?;
        let len = blob_at.checked_add(blob)?.checked_next_multiple_of(16)?;
        Some(StackImage {
            address: top.checked_sub(len as u64)?,
            handles_at,
            blob_at,
            len,
        })
    }

    /// The bytes; handles and blob are as many and as long as was said.
    pub(super) fn bytes(
        &self,
        stack_low: u64,
        loaded: &Loaded,
        handles: &[StartupHandle],
        blob: &[u8],
    ) -> Option<Vec<u8>> {
        let record = StartupRecord {
            magic: STARTUP_MAGIC,
            abi_version: abi::ABI_VERSION,
            handles: self.address.checked_add(self.handles_at as u64)?,
            handle_count: handles.len() as u64,
            blob: self.address.checked_add(self.blob_at as u64)?,
            blob_len: blob.len() as u64,
            load_offset: loaded.offset,
            program_headers: loaded.headers,
            program_header_count: loaded.header_count,
            stack_low,
            counter_hz: arch::counter_hz(),
            random: [random_u64(), random_u64()],
        };
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(self.len).ok()?;
        bytes.extend_from_slice(record.as_bytes());
        bytes.extend_from_slice(handles.as_bytes());
        bytes.extend_from_slice(blob);
        if bytes.len() > self.len {
            return None;
        }
        bytes.resize(self.len, 0);
        Some(bytes)
    }
}

/// Appends an entry to a start-up blob that the kernel itself puts together.
pub fn write_blob_entry(blob: &mut Vec<u8>, kind: EntryKind, text: &[u8]) -> Option<()> {
    let start = blob.len();
    let size = entry_size(text.len());
    blob.try_reserve(size).ok()?;
    blob.resize(start.checked_add(size)?, 0);
    write_entry(blob.get_mut(start..)?, kind, text).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use abi::Handle;
    use zerocopy::FromBytes;

    #[test]
    fn the_record_points_to_what_follows_it() {
        let loaded = Loaded {
            entry: 0x40_1000,
            offset: 0x40_0000,
            headers: 0x40_0040,
            header_count: 5,
        };
        let handles = [StartupHandle {
            handle: Handle(7),
            tag: 1,
            index: 0,
        }; 3];
        let mut blob = Vec::new();
        write_blob_entry(&mut blob, EntryKind::Argument, b"Name").unwrap();
        let top = 0x7fff_ffff_0000;
        let image = StackImage::new(top, handles.len(), blob.len()).unwrap();
        let low = top - 0x80_0000;
        let bytes = image.bytes(low, &loaded, &handles, &blob).unwrap();
        assert!(image.bytes(low, &loaded, &[handles[0]; 4], &blob).is_none());
        assert_eq!(image.address % 16, 0);
        assert_eq!(image.address + bytes.len() as u64, top);
        let (record, _) = StartupRecord::read_from_prefix(&bytes).unwrap();
        assert_eq!((record.handle_count, record.blob_len), (3, 16));
        let blob_at = (record.blob - image.address) as usize;
        let entries: Vec<_> = abi::startup::Entries::new(&bytes[blob_at..]).collect();
        assert_eq!(entries[0], (1, &b"Name"[..]));
    }
}
