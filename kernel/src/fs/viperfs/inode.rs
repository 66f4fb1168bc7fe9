//! Inodes: what is known about a file or directory.

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, IntoBytes};

use super::error::{Error, Result, corrupt};
use super::layout::inode::{DiskTime, InodeItem, Kind, PROTECTION_MASK};
use super::layout::{BLOCK_BYTES, FILE_BYTES_MAX, ItemKind, Key};
use super::transaction::Need;
use super::volume::Volume;
use crate::block::BlockDevice;

/// What is known about a file or directory. Times are ns since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Number in the volume.
    pub ino: u64,
    /// What it is.
    pub kind: Kind,
    /// Names it has; 0 for a deleted file that is held.
    pub links: u32,
    /// Protection bits, kept as given.
    pub protection: u32,
    /// Length in bytes; entries of a directory.
    pub size: u64,
    /// Bytes of data blocks it takes.
    pub allocated: u64,
    /// When it was made.
    pub birth_ns: u64,
    /// When its contents last changed.
    pub modify_ns: u64,
    /// When anything about it last changed.
    pub change_ns: u64,
    /// When it was last read, as [`Volume::set_attributes`] was told.
    pub access_ns: u64,
    /// Directory that holds a directory; 0 for others.
    pub parent: u64,
}

/// What to change about an inode; `None` leaves it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Protection bits.
    pub protection: Option<u32>,
    /// Time of birth.
    pub birth_ns: Option<u64>,
    /// Time of the last change of contents.
    pub modify_ns: Option<u64>,
    /// Time of the last read.
    pub access_ns: Option<u64>,
}

/// What a change of one inode needs.
const ONE_INODE: Need = Need {
    leaves: 1,
    splits: 0,
    data_blocks: 0,
    frees: false,
};

impl<D: BlockDevice> Volume<D> {
    /// What is known about an inode.
    pub fn stat(&mut self, ino: u64) -> Result<Stat> {
        self.begin_read();
        let item = self.inode(ino)?;
        Ok(Stat {
            ino,
            kind: self.kind_of(ino, &item)?,
            links: item.links.get(),
            protection: item.mode.get() & PROTECTION_MASK,
            size: item.size.get(),
            allocated: item.blocks.get().saturating_mul(BLOCK_BYTES as u64),
            birth_ns: item.birth.to_ns(),
            modify_ns: item.modify.to_ns(),
            change_ns: item.change.to_ns(),
            access_ns: item.access.to_ns(),
            parent: item.parent.get(),
        })
    }

    /// Changes attributes; the change time becomes `now_ns`.
    pub fn set_attributes(&mut self, ino: u64, attributes: Attributes, now_ns: u64) -> Result<()> {
        self.change(ONE_INODE, now_ns, |volume| {
            let mut item = volume.inode(ino)?;
            if let Some(protection) = attributes.protection {
                item.mode = InodeItem::mode(volume.kind_of(ino, &item)?, protection);
            }
            let times = [
                (&mut item.birth, attributes.birth_ns),
                (&mut item.modify, attributes.modify_ns),
                (&mut item.access, attributes.access_ns),
                (&mut item.change, Some(now_ns)),
            ];
            for (time, given) in times {
                *time = given.map_or(*time, DiskTime::from_ns);
            }
            volume.put_inode(ino, &item)
        })
    }

    pub(super) fn inode(&mut self, ino: u64) -> Result<InodeItem> {
        let key = Key::new(ino, ItemKind::Inode, 0);
        let read = |value: &[u8]| InodeItem::read_from_bytes(value).ok();
        match self.store.lookup(&self.files, &key, read)? {
            Some(Some(item)) => Ok(item),
            Some(None) => corrupt(self.files.root.addr0.get(), "an inode has the wrong length"),
            None => Err(Error::NotFound),
        }
    }

    pub(super) fn put_inode(&mut self, ino: u64, item: &InodeItem) -> Result<()> {
        self.store.put(
            &mut self.files,
            &Key::new(ino, ItemKind::Inode, 0),
            item.as_bytes(),
        )
    }

    pub(super) fn kind_of(&self, _ino: u64, item: &InodeItem) -> Result<Kind> {
        let block = self.files.root.addr0.get();
        item.kind().ok_or(Error::Corrupt {
            block,
            why: "an inode has an unknown kind",
        })
    }

    pub(super) fn directory(&mut self, ino: u64) -> Result<InodeItem> {
        let item = self.inode(ino)?;
        match self.kind_of(ino, &item)? {
            Kind::Directory => Ok(item),
            _ => Err(Error::NotDirectory),
        }
    }

    /// The inode of something that has bytes, of a length that can be.
    pub(super) fn file(&mut self, ino: u64) -> Result<InodeItem> {
        let item = self.inode(ino)?;
        match self.kind_of(ino, &item)? {
            Kind::Directory => Err(Error::IsDirectory),
            _ if item.size.get() > FILE_BYTES_MAX => corrupt(
                self.files.root.addr0.get(),
                "a file is longer than any can be",
            ),
            _ => Ok(item),
        }
    }

    /// A new inode item; its number is taken.
    pub(super) fn new_inode(
        &mut self,
        kind: Kind,
        protection: u32,
        parent: u64,
        now_ns: u64,
    ) -> Result<(u64, InodeItem)> {
        let ino = self.next_ino;
        self.next_ino = ino.checked_add(1).ok_or(Error::NoSpace)?;
        let now = DiskTime::from_ns(now_ns);
        let item = InodeItem {
            mode: InodeItem::mode(kind, protection),
            links: U32::new(1),
            birth: now,
            modify: now,
            change: now,
            access: now,
            generation: U64::new(self.store.generation),
            parent: U64::new(if kind == Kind::Directory { parent } else { 0 }),
            ..InodeItem::default()
        };
        Ok((ino, item))
    }
}
