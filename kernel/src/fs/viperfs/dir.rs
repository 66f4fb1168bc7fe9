//! Directories: looking names up, listing them, adding and removing entries.

use alloc::vec::Vec;

use super::btree::{Visit, value_bytes_max};
use super::error::{Error, Result, corrupt};
use super::fold;
use super::layout::directory::{ENTRY_BYTES, EntryRef, SLOTS_MAX, entries, name_hash};
use super::layout::inode::{DiskTime, InodeItem, Kind};
use super::layout::{ItemKind, Key};
use super::name::Case;
use super::volume::Volume;
use crate::block::BlockDevice;

/// What a name leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The inode.
    pub ino: u64,
    /// What it is.
    pub kind: Kind,
    /// Whether the name matched byte for byte.
    pub exact: bool,
}

/// An entry as a listing shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirEntry<'a> {
    /// The inode.
    pub ino: u64,
    /// What it is.
    pub kind: Kind,
    /// The name.
    pub name: &'a [u8],
    /// Where a later listing goes on after this entry; never 0. It stays good while
    /// other entries come and go.
    pub cookie: u64,
}

/// An entry with its own name, for changing its directory.
#[derive(Clone, Debug)]
pub(super) struct OwnedEntry {
    pub ino: u64,
    pub kind: Kind,
    pub name: Vec<u8>,
}

impl<D: BlockDevice> Volume<D> {
    /// Finds a name in a directory.
    pub fn lookup(&mut self, dir: u64, name: &[u8], case: Case) -> Result<Found> {
        self.begin_read();
        match self.find_entry(dir, name, case)? {
            Some(entry) => Ok(Found {
                ino: entry.ino,
                kind: entry.kind,
                exact: entry.name == name,
            }),
            // Only now it matters whether there is such a directory at all.
            None => self.directory(dir).and(Err(Error::NotFound)),
        }
    }

    /// Hands the entries from a cookie on to `sink` (0: from the first); `sink`
    /// returns `false` for an entry it did not take, which ends the listing.
    pub fn read_dir(
        &mut self,
        dir: u64,
        cookie: u64,
        mut sink: impl FnMut(DirEntry<'_>) -> bool,
    ) -> Result<()> {
        self.directory(dir)?;
        // The low byte of a cookie is a slot, which may be any after this position.
        let mut next = Some(Key::new(dir, ItemKind::Directory, cookie & !0xff));
        while let Some(from) = next {
            self.begin_read();
            let mut broken = false;
            let mut stopped = false;
            next = self.store.scan_leaf(&self.files, from, &mut |key, value| {
                if key.oid != dir || !key.is(ItemKind::Directory) {
                    stopped = true;
                    return Visit::Stop;
                }
                let outcome = list_item(key.offset, value, cookie, &mut sink);
                broken |= outcome.is_none();
                match outcome {
                    Some(true) => Visit::Continue,
                    _ => Visit::Stop,
                }
            })?;
            if broken {
                return corrupt(
                    self.files.root.addr0.get(),
                    "a directory entry makes no sense",
                );
            }
            if stopped {
                break;
            }
        }
        Ok(())
    }

    fn entry_key(&self, dir: u64, name: &[u8]) -> Key {
        Key::new(
            dir,
            ItemKind::Directory,
            name_hash(&self.superblock.hash_key, name),
        )
    }

    pub(super) fn find_entry(
        &mut self,
        dir: u64,
        name: &[u8],
        case: Case,
    ) -> Result<Option<OwnedEntry>> {
        let key = self.entry_key(dir, name);
        let found = self
            .store
            .lookup(&self.files, &key, |value| choose(value, name, case))?;
        let block = self.files.root.addr0.get();
        match found {
            None => Ok(None),
            Some(Err(why)) => Err(Error::Corrupt { block, why }),
            Some(Ok(entry)) => Ok(entry),
        }
    }

    /// Adds an entry whose name is not there yet.
    pub(super) fn add_entry(&mut self, dir: u64, name: &[u8], ino: u64, kind: Kind) -> Result<()> {
        let key = self.entry_key(dir, name);
        let mut value = self.store.get(&self.files, &key)?.unwrap_or_default();
        let taken: Vec<u8> = entries(&value).flatten().map(|entry| entry.slot).collect();
        let free = (0..=u8::MAX).find(|slot| !taken.contains(slot));
        let entry = EntryRef {
            ino,
            kind,
            slot: free.ok_or(Error::TooManyAlike)?,
            name,
        };
        let bytes = value.len().saturating_add(entry.encoded_len());
        if bytes > value_bytes_max(self.store.geometry.node_bytes) {
            return Err(Error::TooManyAlike);
        }
        entry.encode(&mut value);
        self.store.put(&mut self.files, &key, &value)
    }

    /// Whether a name could be added beside those that differ from it in case only.
    pub(super) fn has_entry_room(&mut self, dir: u64, name: &[u8]) -> Result<bool> {
        let key = self.entry_key(dir, name);
        let measure = |value: &[u8]| (value.len(), entries(value).count());
        let (bytes, count) = self
            .store
            .lookup(&self.files, &key, measure)?
            .unwrap_or((0, 0));
        let longest = value_bytes_max(self.store.geometry.node_bytes);
        let with_entry = bytes.saturating_add(ENTRY_BYTES).saturating_add(name.len());
        Ok(with_entry <= longest && count < SLOTS_MAX)
    }

    /// Removes an entry by its exact name.
    pub(super) fn remove_entry(&mut self, dir: u64, name: &[u8]) -> Result<()> {
        self.edit_entries(dir, name, |_| None)
    }

    /// Lets an entry lead to another inode.
    pub(super) fn redirect_entry(
        &mut self,
        dir: u64,
        name: &[u8],
        ino: u64,
        kind: Kind,
    ) -> Result<()> {
        self.edit_entries(dir, name, |entry| Some(EntryRef { ino, kind, ..entry }))
    }

    fn edit_entries(
        &mut self,
        dir: u64,
        name: &[u8],
        edit: impl for<'a> Fn(EntryRef<'a>) -> Option<EntryRef<'a>>,
    ) -> Result<()> {
        let key = self.entry_key(dir, name);
        let value = self.store.get(&self.files, &key)?.ok_or(Error::NotFound)?;
        let mut kept = Vec::with_capacity(value.len());
        for entry in entries(&value).flatten() {
            let edited = if entry.name == name {
                edit(entry)
            } else {
                Some(entry)
            };
            if let Some(entry) = edited {
                entry.encode(&mut kept);
            }
        }
        if kept.is_empty() {
            return self.store.remove(&mut self.files, &key);
        }
        self.store.put(&mut self.files, &key, &kept)
    }

    /// Counts a change of a directory's entries.
    pub(super) fn touch_directory(&mut self, dir: u64, more: i64, now_ns: u64) -> Result<()> {
        let mut item = self.directory(dir)?;
        count_entries(&mut item, more, now_ns);
        self.put_inode(dir, &item)
    }
}

/// Notes in a directory's inode that entries came or went.
pub(super) fn count_entries(item: &mut InodeItem, more: i64, now_ns: u64) {
    item.size = item.size.get().saturating_add_signed(more).into();
    item.sequence = item.sequence.get().wrapping_add(1).into();
    item.modify = DiskTime::from_ns(now_ns);
    item.change = item.modify;
}

/// Picks the entry of a name out of an item.
fn choose(
    value: &[u8],
    name: &[u8],
    case: Case,
) -> core::result::Result<Option<OwnedEntry>, &'static str> {
    let mut folded: Option<EntryRef<'_>> = None;
    let mut ambiguous = false;
    for entry in entries(value) {
        let entry = entry.ok_or("a directory entry makes no sense")?;
        if entry.name == name {
            return Ok(Some(own(&entry)));
        }
        if case == Case::Any && fold::equal_folded(entry.name, name) {
            ambiguous |= folded.is_some();
            folded = Some(entry);
        }
    }
    Ok(folded.filter(|_| !ambiguous).map(|entry| own(&entry)))
}

fn own(entry: &EntryRef<'_>) -> OwnedEntry {
    OwnedEntry {
        ino: entry.ino,
        kind: entry.kind,
        name: entry.name.to_vec(),
    }
}

/// Lists the entries of one item that lie at or after a cookie, by slot. `None` when
/// one makes no sense, `Some(false)` when `sink` has enough.
fn list_item(
    hash: u64,
    value: &[u8],
    cookie: u64,
    sink: &mut impl FnMut(DirEntry<'_>) -> bool,
) -> Option<bool> {
    let mut listed: Vec<EntryRef<'_>> = Vec::new();
    for entry in entries(value) {
        listed.push(entry?);
    }
    listed.sort_unstable_by_key(|entry| entry.slot);
    for entry in listed {
        let position = hash & !0xff | u64::from(entry.slot);
        if position < cookie {
            continue;
        }
        let cookie = position.checked_add(1)?;
        if !sink(DirEntry {
            ino: entry.ino,
            kind: entry.kind,
            name: entry.name,
            cookie,
        }) {
            return Some(false);
        }
    }
    Some(true)
}
