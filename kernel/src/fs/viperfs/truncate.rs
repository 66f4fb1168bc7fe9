//! Cutting and lengthening files.

use alloc::vec;

use super::error::{Error, Result};
use super::extent_map::{Content, FileExtent};
use super::layout::inode::{DiskTime, InodeItem};
use super::layout::{BLOCK_BYTES, FILE_BYTES_MAX, ItemKind, Key};
use super::transaction::Need;
use super::volume::Volume;
use crate::block::BlockDevice;
use crate::word;

const BLOCK: u64 = BLOCK_BYTES as u64;
/// What cutting a file needs: its last block anew, the extents behind it, the inode and an
/// orphan item.
const CUT: Need = Need {
    leaves: 8,
    splits: 2,
    data_blocks: 1,
    frees: true,
};

impl<D: BlockDevice> Volume<D> {
    /// Changes the length of a file: cuts it, or lengthens it with zeros.
    pub fn truncate(&mut self, ino: u64, size: u64, now_ns: u64) -> Result<()> {
        if size > FILE_BYTES_MAX {
            return Err(Error::TooLarge);
        }
        let old_size = self.file(ino)?.size.get();
        let cut = size < old_size;
        let need = Need { frees: cut, ..CUT };
        let rest = self.change(need, now_ns, |volume| {
            let mut item = volume.file(ino)?;
            let mut rest = false;
            if cut {
                volume.zero_tail(ino, &mut item, size)?;
                rest = volume.cut_extents(ino, &mut item, size)?;
            }
            item.size = size.into();
            item.modify = DiskTime::from_ns(now_ns);
            item.change = item.modify;
            if rest {
                volume.put_orphan(ino)?;
            }
            volume.put_inode(ino, &item)?;
            Ok(rest)
        })?;
        if rest {
            self.finish_truncate(ino)
        } else {
            Ok(())
        }
    }

    /// Clears what lies behind the new end in its last block: should the file grow
    /// again, zeros are read there.
    fn zero_tail(&mut self, ino: u64, item: &mut InodeItem, size: u64) -> Result<()> {
        let end = size.next_multiple_of(BLOCK).min(item.size.get());
        if size == end {
            return Ok(());
        }
        let from = size & !(BLOCK - 1);
        let Some(extent) = self.extents(ino, from, from.saturating_add(1), 1)?.pop() else {
            return Ok(());
        };
        match extent.content {
            Content::Blocks { .. } => {
                let bytes = word::index(end.saturating_sub(size));
                self.write_chunk(ino, item, size, &vec![0; bytes])
            }
            Content::Inline(mut bytes) if bytes.len() as u64 > size && size > 0 => {
                bytes.truncate(word::index(size));
                self.put_extent(
                    ino,
                    &FileExtent {
                        offset: 0,
                        content: Content::Inline(bytes),
                    },
                )
            }
            // An empty inline extent does not exist.
            Content::Inline(bytes) if bytes.len() as u64 > size => self
                .store
                .remove(&mut self.files, &Key::new(ino, ItemKind::Extent, 0)),
            Content::Inline(_) => Ok(()),
        }
    }
}
