//! Keys of items: 17 bytes that sort as they lie.

/// Length of a key on disk.
pub const KEY_BYTES: usize = 17;

/// What an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum ItemKind {
    /// An inode; the object is its number.
    Inode = 1,
    /// Names of an inode in one directory; the offset is the directory.
    InodeRef = 12,
    /// Extended attribute; reserved.
    Xattr = 24,
    /// An inode to clean up; the offset is its number.
    Orphan = 48,
    /// Entries of a directory with one hash; the offset is the hash.
    Directory = 84,
    /// A part of a file; the offset is the position in bytes.
    Extent = 108,
    /// A subvolume, in the root tree.
    Subvolume = 132,
    /// An allocation group, in the root tree.
    Group = 140,
    /// Root of the refs tree, in the root tree; reserved.
    RefsRoot = 144,
    /// Owners of a shared range, in the refs tree; reserved.
    Refs = 148,
    /// Label of the volume, in the root tree.
    Label = 152,
}

impl ItemKind {
    /// Every kind.
    pub const ALL: [ItemKind; 11] = [
        ItemKind::Inode,
        ItemKind::InodeRef,
        ItemKind::Xattr,
        ItemKind::Orphan,
        ItemKind::Directory,
        ItemKind::Extent,
        ItemKind::Subvolume,
        ItemKind::Group,
        ItemKind::RefsRoot,
        ItemKind::Refs,
        ItemKind::Label,
    ];
}

/// Position of an item in a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// Number of the object.
    pub oid: u64,
    /// An [`ItemKind`] code; any byte may stand on a disk.
    pub kind: u8,
    /// Position within the object, by the kind.
    pub offset: u64,
}

impl Key {
    /// The smallest key.
    pub const MIN: Key = Key {
        oid: 0,
        kind: 0,
        offset: 0,
    };

    /// Makes a key.
    pub const fn new(oid: u64, kind: ItemKind, offset: u64) -> Key {
        Key {
            oid,
            kind: kind as u8,
            offset,
        }
    }

    /// The next key in order; `None` after the last.
    pub fn next(self) -> Option<Key> {
        if let Some(offset) = self.offset.checked_add(1) {
            return Some(Key { offset, ..self });
        }
        if let Some(kind) = self.kind.checked_add(1) {
            return Some(Key {
                kind,
                offset: 0,
                ..self
            });
        }
        Some(Key {
            oid: self.oid.checked_add(1)?,
            kind: 0,
            offset: 0,
        })
    }

    /// Whether it is of this kind.
    pub fn is(&self, kind: ItemKind) -> bool {
        self.kind == kind as u8
    }

    /// The bytes on disk, big-endian.
    pub fn to_bytes(self) -> [u8; KEY_BYTES] {
        let mut bytes = [0; KEY_BYTES];
        bytes[..8].copy_from_slice(&self.oid.to_be_bytes());
        bytes[8] = self.kind;
        bytes[9..].copy_from_slice(&self.offset.to_be_bytes());
        bytes
    }

    /// The key with these bytes.
    pub fn from_bytes(bytes: &[u8; KEY_BYTES]) -> Key {
        let [a, b, c, d, e, f, g, h, kind, i, j, k, l, m, n, o, p] = *bytes;
        Key {
            oid: u64::from_be_bytes([a, b, c, d, e, f, g, h]),
            kind,
            offset: u64::from_be_bytes([i, j, k, l, m, n, o, p]),
        }
    }
}
