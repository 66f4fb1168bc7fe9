//! A directory as an object.

use abi::fs::{NodeKind, OpenFlags, RemoveFlags, RenameFlags, Stat};
use abi::{ObjectKind, Signals};

use crate::cap::{KernelObject, ObjectBase};
use crate::fs::viperfs::{Case, Kind, NewNode, Place, RenameOptions};
use crate::sync::{AllocError, Ref};

use super::error::Error;
use super::file::File;
use super::node::{Node, kind_of};
use super::path::walk;
use super::volume::MountedVolume;

/// An open directory.
#[derive(Debug)]
pub struct Directory {
    base: ObjectBase,
    node: Ref<Node>,
}

/// What [`Directory::open`] opened.
#[derive(Debug)]
pub enum OpenedNode {
    /// A file.
    File(Ref<File>),
    /// A directory.
    Directory(Ref<Directory>),
}

/// One entry of a listing.
#[derive(Clone, Copy, Debug)]
pub struct Listed<'a> {
    /// Number of the node.
    pub node: u64,
    /// What it is.
    pub kind: NodeKind,
    /// Its name.
    pub name: &'a [u8],
    /// Where a later listing goes on.
    pub cookie: u64,
}

/// Protection of what is newly made.
const NEW_PROTECTION: u32 = abi::fs::protection::READ
    | abi::fs::protection::WRITE
    | abi::fs::protection::EXECUTE
    | abi::fs::protection::DELETE;

fn case(any: bool) -> Case {
    if any { Case::Any } else { Case::Exact }
}

impl Directory {
    /// An object for a directory node.
    ///
    /// # Errors
    /// [`AllocError`] where there is no memory.
    pub fn new(node: Ref<Node>) -> Result<Ref<Directory>, AllocError> {
        Ref::new(Directory {
            base: ObjectBase::new(Signals::empty()),
            node,
        })
    }

    /// The root directory of a volume.
    ///
    /// # Errors
    /// As the engine reports.
    pub fn root_of(volume: &Ref<MountedVolume>) -> Result<Ref<Directory>, Error> {
        let root = volume.root();
        Ok(Directory::new(volume.node(volume, root)?)?)
    }

    /// The volume it is on.
    pub fn volume(&self) -> &Ref<MountedVolume> {
        self.node.volume()
    }

    /// Opens what a path leads to, or makes it.
    ///
    /// # Errors
    /// As `directory_open` says.
    pub fn open(&self, path: &[u8], flags: OpenFlags) -> Result<OpenedNode, Error> {
        let any_case = case(flags.contains(OpenFlags::ANY_CASE));
        let walked = walk(&self.node, path, any_case)?;
        let volume = self.volume();
        let Some(name) = walked.name else {
            return self.opened(volume.node(volume, walked.parent)?, flags);
        };
        let found = volume.engine(|engine| engine.lookup(walked.parent, name, any_case));
        let ino = match found {
            Ok(found) if flags.contains(OpenFlags::CREATE | OpenFlags::EXCLUSIVE) => {
                let _ = found;
                return Err(Error::AlreadyExists);
            }
            Ok(found) => found.ino,
            Err(error) => {
                let error = Error::from(error);
                if error != Error::NotFound || !flags.contains(OpenFlags::CREATE) {
                    return Err(error);
                }
                let directory = flags.contains(OpenFlags::DIRECTORY);
                let kind = if directory {
                    Kind::Directory
                } else {
                    Kind::File
                };
                let now_ns = MountedVolume::now();
                let new = NewNode {
                    kind,
                    protection: NEW_PROTECTION,
                    now_ns,
                };
                volume.engine(|engine| engine.create(walked.parent, name, new))?
            }
        };
        self.opened(volume.node(volume, ino)?, flags)
    }

    fn opened(&self, node: Ref<Node>, flags: OpenFlags) -> Result<OpenedNode, Error> {
        let any = flags.contains(OpenFlags::ANY_KIND);
        match node.kind() {
            NodeKind::Directory if any || flags.contains(OpenFlags::DIRECTORY) => {
                Ok(OpenedNode::Directory(Directory::new(node)?))
            }
            NodeKind::Directory => Err(Error::IsDirectory),
            NodeKind::File if any || !flags.contains(OpenFlags::DIRECTORY) => {
                if flags.contains(OpenFlags::TRUNCATE) {
                    node.truncate(0)?;
                }
                let append = flags.contains(OpenFlags::APPEND);
                Ok(OpenedNode::File(File::new(node, append)?))
            }
            NodeKind::File => Err(Error::NotDirectory),
            NodeKind::Symlink => Err(Error::NotSupported),
        }
    }

    /// What is known about what a path leads to.
    ///
    /// # Errors
    /// As `directory_stat` says.
    pub fn stat(&self, path: &[u8], any_case: bool) -> Result<Stat, Error> {
        let walked = walk(&self.node, path, case(any_case))?;
        let volume = self.volume();
        let ino = match walked.name {
            None => walked.parent,
            Some(name) => {
                volume
                    .engine(|engine| engine.lookup(walked.parent, name, case(any_case)))?
                    .ino
            }
        };
        volume.node(volume, ino)?.stat()
    }

    /// Hands entries from `cookie` on to `sink`, until it returns false.
    ///
    /// # Errors
    /// As the engine reports.
    pub fn list(&self, cookie: u64, mut sink: impl FnMut(Listed<'_>) -> bool) -> Result<(), Error> {
        let ino = self.node.ino();
        self.volume().engine(|engine| {
            engine.read_dir(ino, cookie, |entry| {
                sink(Listed {
                    node: entry.ino,
                    kind: kind_of(entry.kind),
                    name: entry.name,
                    cookie: entry.cookie,
                })
            })
        })?;
        Ok(())
    }

    /// Removes a name.
    ///
    /// # Errors
    /// As `directory_remove` says.
    pub fn remove(&self, path: &[u8], flags: RemoveFlags) -> Result<(), Error> {
        let any_case = case(flags.contains(RemoveFlags::ANY_CASE));
        let walked = walk(&self.node, path, any_case)?;
        let name = walked.name.ok_or(Error::BadName)?;
        let volume = self.volume();
        let now = MountedVolume::now();
        let (parent, any) = (walked.parent, flags.contains(RemoveFlags::ANY_KIND));
        let ino = volume.engine(|engine| {
            let found = engine.lookup(parent, name, any_case)?;
            let directory = found.kind == Kind::Directory;
            if directory && (any || flags.contains(RemoveFlags::DIRECTORY)) {
                engine.remove_dir(parent, name, any_case, now)?;
            } else if !directory && flags.contains(RemoveFlags::DIRECTORY) && !any {
                return Err(crate::fs::viperfs::Error::NotDirectory);
            } else {
                engine.unlink(parent, name, any_case, now)?;
            }
            Ok(found.ino)
        })?;
        volume.unlinked(ino);
        Ok(())
    }

    /// Renames what `from` names, below this directory, to `to` below `target`.
    ///
    /// # Errors
    /// As `directory_rename` says.
    pub fn rename(
        &self,
        from: &[u8],
        target: &Directory,
        to: &[u8],
        flags: RenameFlags,
    ) -> Result<(), Error> {
        if !self.volume().same(target.volume()) {
            return Err(Error::CrossVolume);
        }
        let any_case = case(flags.contains(RenameFlags::ANY_CASE));
        let old = walk(&self.node, from, any_case)?;
        let new = walk(&target.node, to, any_case)?;
        let old_place = Place {
            dir: old.parent,
            name: old.name.ok_or(Error::BadName)?,
        };
        let new_place = Place {
            dir: new.parent,
            name: new.name.ok_or(Error::BadName)?,
        };
        let replace = flags.contains(RenameFlags::REPLACE);
        let options = RenameOptions {
            case: any_case,
            replace,
        };
        let now = MountedVolume::now();
        // The data of the moved file goes first: a rename that survives a power cut must
        // not lead to an empty file.
        let found = self
            .volume()
            .engine(|engine| engine.lookup(old_place.dir, old_place.name, any_case))?;
        let node = self.volume().node(self.volume(), found.ino)?;
        node.write_back()?;
        let replaced = self.volume().engine(|engine| {
            let replaced = engine
                .lookup(new_place.dir, new_place.name, Case::Exact)
                .ok();
            engine.rename(old_place, new_place, options, now)?;
            Ok::<_, crate::fs::viperfs::Error>(replaced)
        })?;
        if let Some(replaced) = replaced.filter(|replaced| replaced.ino != found.ino) {
            self.volume().unlinked(replaced.ino);
        }
        Ok(())
    }
}

impl KernelObject for Directory {
    fn kind(&self) -> ObjectKind {
        ObjectKind::Directory
    }

    fn base(&self) -> &ObjectBase {
        &self.base
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Directory>().saturating_add(size_of::<Node>())
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        self.node.volume().forget_if_held_by(&self.node, 2);
    }
}
