//! Phase 4: inodes, names, counts and directories.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::vec::Vec;
use core::hash::Hasher;

use siphasher::sip::SipHasher13;

use super::Check;
use super::items::Roots;
use crate::fs::viperfs::layout::inode::{InodeItem, Kind};
use crate::fs::viperfs::layout::{BLOCK_BYTES, ROOT_INO};

/// What the items say about one inode.
#[derive(Default)]
pub(super) struct InodeFacts {
    pub item: Option<InodeItem>,
    /// Entries, when it is a directory.
    pub entries: u64,
    /// Whether an orphan item names it.
    pub orphan: bool,
    pub extents: Extents,
    /// Entries that name it, and a sum over them.
    names: u64,
    name_sum: u64,
    /// Back references it has, and the same sum over them.
    refs: u64,
    ref_sum: u64,
    /// Directory of the last entry that names it.
    named_in: u64,
    /// Kind the entries say, when they agree.
    named_kind: Option<Kind>,
    kinds_differ: bool,
}

/// Extents of one inode in the order of keys.
#[derive(Clone, Copy, Default)]
pub(super) struct Extents {
    pub end: u64,
    pub last_byte: u64,
    pub blocks: u64,
}

impl InodeFacts {
    /// An entry of a directory names the inode.
    pub fn name(&mut self, dir: u64, name: &[u8], kind: Kind) {
        self.names = self.names.saturating_add(1);
        self.name_sum = self.name_sum.wrapping_add(name_sum(dir, name));
        self.named_in = dir;
        self.kinds_differ |= self.named_kind.is_some_and(|other| other != kind);
        self.named_kind = Some(kind);
    }

    /// The inode says that a directory has a name for it.
    pub fn refer(&mut self, dir: u64, name: &[u8]) {
        self.refs = self.refs.saturating_add(1);
        self.ref_sum = self.ref_sum.wrapping_add(name_sum(dir, name));
    }
}

/// A number for a name in a directory; sums of them compare sets without keeping them.
fn name_sum(dir: u64, name: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(dir, 0x5649_5045_5246_5321);
    hasher.write(name);
    hasher.finish()
}

/// Facts about all inodes.
#[derive(Default)]
pub(super) struct Facts {
    inodes: BTreeMap<u64, InodeFacts>,
}

impl Facts {
    pub fn of(&mut self, ino: u64) -> &mut InodeFacts {
        self.inodes.entry(ino).or_default()
    }
}

impl<D> Check<'_, D> {
    pub(super) fn compare_names(&mut self, roots: &Roots) {
        let facts = core::mem::take(&mut self.facts);
        let mut present = 0u64;
        for (ino, inode) in &facts.inodes {
            let Some(item) = &inode.item else {
                self.complain(*ino, "is referred to and does not exist");
                continue;
            };
            present = present.saturating_add(1);
            let counts = &mut self.report.counts;
            counts.inodes = counts.inodes.saturating_add(1);
            let kind = item.kind();
            let directory = u64::from(kind == Some(Kind::Directory));
            counts.directories = counts.directories.saturating_add(directory);
            self.compare_links(*ino, inode, item);
            if kind == Some(Kind::Directory) {
                self.compare_directory(*ino, inode, item);
            } else {
                self.compare_extents(*ino, inode, item);
            }
        }
        self.find_unreachable(&facts);
        let Some(subvolume) = &roots.subvolume else {
            return;
        };
        if subvolume.used.inodes.get() != present {
            let text = format!(
                "{} inodes are counted, not {present}",
                subvolume.used.inodes
            );
            self.report.add(4, None, text);
        }
        let last = facts.inodes.keys().next_back().copied().unwrap_or(0);
        if subvolume.next_ino.get() <= last {
            self.complain(last, "is not below the next inode number");
        }
    }

    fn compare_links(&mut self, ino: u64, inode: &InodeFacts, item: &InodeItem) {
        let links = u64::from(item.links.get());
        let root = ino == ROOT_INO;
        if links != inode.names.saturating_add(u64::from(root)) {
            let text = format!("says it has {links} names and has {}", inode.names);
            self.complain(ino, &text);
        }
        if (inode.names, inode.name_sum) != (inode.refs, inode.ref_sum) {
            self.complain(ino, "has back references that differ from its names");
        }
        if inode.kinds_differ
            || inode
                .named_kind
                .is_some_and(|kind| item.kind() != Some(kind))
        {
            self.complain(ino, "is of another kind than its names say");
        }
        if links == 0 && !inode.orphan {
            self.complain(ino, "has no name and is not marked as an orphan");
        }
    }

    fn compare_directory(&mut self, ino: u64, inode: &InodeFacts, item: &InodeItem) {
        if item.size.get() != inode.entries {
            let text = format!("counts {} entries and has {}", item.size, inode.entries);
            self.complain(ino, &text);
        }
        if inode.extents.end > 0 {
            self.complain(ino, "is a directory with file data");
        }
        let named_in = if ino == ROOT_INO {
            ROOT_INO
        } else {
            inode.named_in
        };
        if inode.names > 1 || inode.names == 1 && item.parent.get() != named_in {
            self.complain(ino, "is a directory with a wrong parent");
        }
    }

    fn compare_extents(&mut self, ino: u64, inode: &InodeFacts, item: &InodeItem) {
        if inode.entries > 0 {
            self.complain(ino, "is no directory and has entries");
        }
        if item.blocks.get() != inode.extents.blocks {
            let text = format!(
                "counts {} blocks and has {}",
                item.blocks, inode.extents.blocks
            );
            self.complain(ino, &text);
        }
        let size = item.size.get();
        // Blocks reach to the end of the last block, an inline extent to the last byte.
        let last_block = size
            .checked_next_multiple_of(BLOCK_BYTES as u64)
            .unwrap_or(u64::MAX);
        let inline = inode.extents.blocks == 0;
        let beyond = inode.extents.end > last_block || inline && inode.extents.last_byte > size;
        if beyond && !inode.orphan {
            self.complain(ino, "has data behind its end");
        }
    }

    /// Directories that no way leads to from the root.
    fn find_unreachable(&mut self, facts: &Facts) {
        let parent_of = |ino: u64| facts.inodes.get(&ino).filter(|inode| inode.names > 0);
        let mut good: BTreeSet<u64> = BTreeSet::from([ROOT_INO]);
        if !facts.inodes.contains_key(&ROOT_INO) {
            self.complain(ROOT_INO, "is the root and does not exist");
        }
        for (ino, inode) in &facts.inodes {
            if inode.item.and_then(|item| item.kind()) != Some(Kind::Directory) || inode.orphan {
                continue;
            }
            let mut way: Vec<u64> = Vec::new();
            let mut at = *ino;
            let mut seen: BTreeSet<u64> = BTreeSet::new();
            while !good.contains(&at) && seen.insert(at) {
                way.push(at);
                match parent_of(at) {
                    Some(inode) => at = inode.named_in,
                    None => break,
                }
            }
            if good.contains(&at) {
                good.extend(way);
            } else {
                self.complain(*ino, "cannot be reached from the root");
            }
        }
    }

    fn complain(&mut self, ino: u64, text: &str) {
        self.report.add(4, None, format!("inode {ino} {text}"));
    }
}
