//! Names: creating, removing and renaming what is in directories.

use super::error::{Error, Result};
use super::layout::inode::{DiskTime, InodeItem, Kind};
use super::layout::link::{push_name, without_name};
use super::layout::{ItemKind, Key, ROOT_INO};
use super::name::{self, Case};
use super::transaction::{Need, REMOVAL};
use super::volume::Volume;
use crate::block::BlockDevice;

/// Directories above one another, beyond which a disk is taken for damaged.
const DEPTH_MAX: usize = 1 << 16;
/// What making a name and its inode needs: entry, inode, back reference, directory.
const CREATION: Need = Need {
    leaves: 4,
    splits: 3,
    data_blocks: 0,
    frees: false,
};
/// What a rename needs: two entries, two directories, what is moved, and the removal of
/// what it replaces.
pub(super) const RENAME: Need = Need {
    leaves: 12,
    splits: 3,
    data_blocks: 0,
    frees: false,
};

/// What a new inode gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewNode {
    /// What it is; the target of a symbolic link is then written as its content.
    pub kind: Kind,
    /// Protection bits.
    pub protection: u32,
    /// Time of birth.
    pub now_ns: u64,
}

/// A name in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The directory.
    pub dir: u64,
    /// The name in it.
    pub name: &'a [u8],
}

/// How to rename.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RenameOptions {
    /// How the old name is compared; the new one is always taken exactly.
    pub case: Case,
    /// Whether an existing file, or an empty directory, makes room.
    pub replace: bool,
}

impl<D: BlockDevice> Volume<D> {
    /// Makes a file, directory or link and returns its number.
    pub fn create(&mut self, dir: u64, name: &[u8], new: NewNode) -> Result<u64> {
        name::check(name)?;
        self.change(CREATION, new.now_ns, |volume| {
            let mut parent = volume.directory(dir)?;
            if parent.links.get() == 0 {
                return Err(Error::NotFound);
            }
            if volume.find_entry(dir, name, Case::Exact)?.is_some() {
                return Err(Error::AlreadyExists);
            }
            if !volume.has_entry_room(dir, name)? {
                return Err(Error::TooManyAlike);
            }
            let (ino, item) = volume.new_inode(new.kind, new.protection, dir, new.now_ns)?;
            if volume.inode(ino).is_ok() {
                let block = volume.files.root.addr0.get();
                return Err(Error::Corrupt {
                    block,
                    why: "a new inode number is in use",
                });
            }
            volume.put_inode(ino, &item)?;
            volume.add_back_reference(ino, dir, name)?;
            volume.add_entry(dir, name, ino, new.kind)?;
            super::dir::count_entries(&mut parent, 1, new.now_ns);
            volume.put_inode(dir, &parent)?;
            volume.inodes = volume.inodes.saturating_add(1);
            Ok(ino)
        })
    }

    /// Removes a name of a file or link. When it was the last, the file goes, or lives
    /// on as long as it is held.
    pub fn unlink(&mut self, dir: u64, name: &[u8], case: Case, now_ns: u64) -> Result<()> {
        let orphan = self.change(REMOVAL, now_ns, |volume| {
            let entry = volume.find_entry(dir, name, case)?;
            let Some(entry) = entry else {
                return volume.directory(dir).and(Err(Error::NotFound));
            };
            if entry.kind == Kind::Directory {
                return Err(Error::IsDirectory);
            }
            let item = volume.file(entry.ino)?;
            volume.directory(dir)?;
            volume.remove_entry(dir, &entry.name)?;
            volume.touch_directory(dir, -1, now_ns)?;
            volume.drop_link(
                entry.ino,
                item,
                Place {
                    dir,
                    name: &entry.name,
                },
                now_ns,
            )
        })?;
        orphan.map_or(Ok(()), |ino| self.reap(ino))
    }

    /// Removes an empty directory.
    pub fn remove_dir(&mut self, dir: u64, name: &[u8], case: Case, now_ns: u64) -> Result<()> {
        let orphan = self.change(REMOVAL, now_ns, |volume| {
            let entry = volume.find_entry(dir, name, case)?;
            let Some(entry) = entry else {
                return volume.directory(dir).and(Err(Error::NotFound));
            };
            let item = volume.directory(entry.ino)?;
            if !volume.is_empty(entry.ino)? {
                return Err(Error::NotEmpty);
            }
            volume.directory(dir)?;
            volume.remove_entry(dir, &entry.name)?;
            volume.touch_directory(dir, -1, now_ns)?;
            volume.drop_link(
                entry.ino,
                item,
                Place {
                    dir,
                    name: &entry.name,
                },
                now_ns,
            )
        })?;
        orphan.map_or(Ok(()), |ino| self.reap(ino))
    }

    /// Gives a file or directory another name, in one step that cannot be seen half
    /// done even after a power cut.
    pub fn rename(
        &mut self,
        from: Place<'_>,
        to: Place<'_>,
        options: RenameOptions,
        now_ns: u64,
    ) -> Result<()> {
        name::check(to.name)?;
        // A rename that replaces frees space, but not before it took some.
        let orphan = self.change(RENAME, now_ns, |volume| {
            volume.rename_now(from, to, options, now_ns)
        })?;
        orphan.map_or(Ok(()), |ino| self.reap(ino))
    }

    fn rename_now(
        &mut self,
        from: Place<'_>,
        to: Place<'_>,
        options: RenameOptions,
        now_ns: u64,
    ) -> Result<Option<u64>> {
        let target_dir = self.directory(to.dir)?;
        if target_dir.links.get() == 0 {
            return Err(Error::NotFound);
        }
        let Some(moved) = self.find_entry(from.dir, from.name, options.case)? else {
            return self.directory(from.dir).and(Err(Error::NotFound));
        };
        let from = Place {
            name: &moved.name,
            ..from
        };
        if from == to {
            return Ok(None);
        }
        let mut item = self.inode(moved.ino)?;
        if moved.kind == Kind::Directory {
            self.refuse_loop(moved.ino, to.dir)?;
        }
        let target = self.find_entry(to.dir, to.name, Case::Exact)?;
        let mut orphan = None;
        match target {
            Some(target) if target.ino == moved.ino => return Ok(None),
            Some(target) => {
                let gone = self.check_replace(&target, moved.kind, options.replace)?;
                self.redirect_entry(to.dir, to.name, moved.ino, moved.kind)?;
                orphan = self.drop_link(target.ino, gone, to, now_ns)?;
            }
            None if self.has_entry_room(to.dir, to.name)? => {
                self.add_entry(to.dir, to.name, moved.ino, moved.kind)?;
                self.touch_directory(to.dir, 1, now_ns)?;
            }
            None => return Err(Error::TooManyAlike),
        }
        self.remove_entry(from.dir, from.name)?;
        self.touch_directory(from.dir, -1, now_ns)?;
        self.remove_back_reference(moved.ino, from)?;
        self.add_back_reference(moved.ino, to.dir, to.name)?;
        item.change = DiskTime::from_ns(now_ns);
        if moved.kind == Kind::Directory {
            item.parent = to.dir.into();
        }
        self.put_inode(moved.ino, &item)?;
        Ok(orphan)
    }

    /// Whether what a rename would replace may go; returns its inode.
    fn check_replace(
        &mut self,
        target: &super::dir::OwnedEntry,
        moved: Kind,
        replace: bool,
    ) -> Result<InodeItem> {
        if !replace {
            return Err(Error::AlreadyExists);
        }
        match (moved == Kind::Directory, target.kind == Kind::Directory) {
            (true, false) => return Err(Error::NotDirectory),
            (false, true) => return Err(Error::IsDirectory),
            (true, true) if !self.is_empty(target.ino)? => return Err(Error::NotEmpty),
            _ => {}
        }
        self.inode(target.ino)
    }

    /// Refuses to move a directory below itself.
    fn refuse_loop(&mut self, moved: u64, into: u64) -> Result<()> {
        let mut at = into;
        for _ in 0..DEPTH_MAX {
            if at == moved {
                return Err(Error::IntoItself);
            }
            if at == ROOT_INO {
                return Ok(());
            }
            at = self.directory(at)?.parent.get();
        }
        let block = self.files.root.addr0.get();
        Err(Error::Corrupt {
            block,
            why: "directories contain each other",
        })
    }

    fn is_empty(&mut self, dir: u64) -> Result<bool> {
        let mut empty = true;
        self.read_dir(dir, 0, |_| {
            empty = false;
            false
        })?;
        Ok(empty)
    }

    /// Takes one name from an inode. Returns it when it is now an orphan that nobody
    /// holds.
    fn drop_link(
        &mut self,
        ino: u64,
        mut item: InodeItem,
        place: Place<'_>,
        now_ns: u64,
    ) -> Result<Option<u64>> {
        self.remove_back_reference(ino, place)?;
        item.links = item.links.get().saturating_sub(1).into();
        item.change = DiskTime::from_ns(now_ns);
        if item.links.get() > 0 {
            self.put_inode(ino, &item)?;
            return Ok(None);
        }
        if !self.held.contains_key(&ino) && self.delete_small(ino, &item)? {
            return Ok(None);
        }
        self.put_inode(ino, &item)?;
        self.put_orphan(ino)?;
        Ok((!self.held.contains_key(&ino)).then_some(ino))
    }

    fn add_back_reference(&mut self, ino: u64, dir: u64, name: &[u8]) -> Result<()> {
        let key = Key::new(ino, ItemKind::InodeRef, dir);
        let mut value = self.store.get(&self.files, &key)?.unwrap_or_default();
        push_name(&mut value, name);
        self.store.put(&mut self.files, &key, &value)
    }

    fn remove_back_reference(&mut self, ino: u64, place: Place<'_>) -> Result<()> {
        let key = Key::new(ino, ItemKind::InodeRef, place.dir);
        let Some(value) = self.store.get(&self.files, &key)? else {
            self.store.needs_check = true;
            return Ok(());
        };
        match without_name(&value, place.name) {
            Some(rest) if rest.is_empty() => self.store.remove(&mut self.files, &key),
            Some(rest) => self.store.put(&mut self.files, &key, &rest),
            None => {
                self.store.needs_check = true;
                Ok(())
            }
        }
    }
}
