//! Phases 2 and 5: the items of the trees.

use alloc::collections::BTreeMap;
use alloc::format;

use zerocopy::FromBytes;

use super::Check;
use super::names::Extents;
use super::trees::Visitor;
use crate::block::BlockDevice;
use crate::fs::viperfs::layout::directory::{entries, name_hash};
use crate::fs::viperfs::layout::extent::{Extent, blocks_of};
use crate::fs::viperfs::layout::group::GroupItem;
use crate::fs::viperfs::layout::inode::InodeItem;
use crate::fs::viperfs::layout::link::names;
use crate::fs::viperfs::layout::subvolume::SubvolumeItem;
use crate::fs::viperfs::layout::{BLOCK_BYTES, FILE_BYTES_MAX, ItemKind, Key, ORPHAN_OID, owner};
use crate::fs::viperfs::read::verify;
use crate::fs::viperfs::space::Run;

/// What the root tree holds.
#[derive(Default)]
pub(super) struct Roots {
    pub groups: BTreeMap<u64, GroupItem>,
    pub subvolume: Option<SubvolumeItem>,
}

impl<D: BlockDevice> Visitor<D> for Roots {
    fn item(&mut self, check: &mut Check<'_, D>, key: &Key, value: &[u8], leaf: u64) {
        let known = if key.is(ItemKind::Group) {
            let item = GroupItem::read_from_bytes(value).ok();
            item.map(|item| self.groups.insert(key.oid, item)).is_some()
        } else if key.is(ItemKind::Subvolume) && key.oid == owner::MAIN_SUBVOLUME {
            self.subvolume = SubvolumeItem::read_from_bytes(value).ok();
            self.subvolume.is_some()
        } else {
            key.is(ItemKind::Label)
        };
        if !known {
            let text = format!(
                "item {}/{} makes no sense in the root tree",
                key.oid, key.kind
            );
            check.report.add(2, Some(leaf), text);
        }
    }
}

/// Takes the items of a subvolume into the facts about its inodes.
struct FileItems;

impl<D: BlockDevice> Check<'_, D> {
    pub(super) fn walk_subvolume(&mut self, roots: &Roots) {
        match &roots.subvolume {
            Some(subvolume) => {
                self.walk(subvolume.root, owner::MAIN_SUBVOLUME, &mut FileItems);
            }
            None => self.report.add(2, None, "the subvolume is missing".into()),
        }
    }
}

impl<D: BlockDevice> Visitor<D> for FileItems {
    fn item(&mut self, check: &mut Check<'_, D>, key: &Key, value: &[u8], leaf: u64) {
        let sound = if key.is(ItemKind::Inode) {
            inode(check, key, value)
        } else if key.is(ItemKind::InodeRef) {
            back_reference(check, key, value)
        } else if key.is(ItemKind::Directory) {
            directory(check, key, value)
        } else if key.is(ItemKind::Extent) {
            extent(check, key, value)
        } else if key.is(ItemKind::Orphan) && key.oid == ORPHAN_OID {
            check.facts.of(key.offset).orphan = true;
            let orphans = &mut check.report.counts.orphans;
            *orphans = orphans.saturating_add(1);
            value.is_empty()
        } else {
            false
        };
        if !sound {
            let text = format!(
                "item {}/{}/{} makes no sense",
                key.oid, key.kind, key.offset
            );
            check.report.add(2, Some(leaf), text);
        }
    }
}

fn inode<D>(check: &mut Check<'_, D>, key: &Key, value: &[u8]) -> bool {
    let Ok(item) = InodeItem::read_from_bytes(value) else {
        return false;
    };
    let facts = check.facts.of(key.oid);
    facts.item = Some(item);
    key.offset == 0 && item.kind().is_some()
}

fn back_reference<D>(check: &mut Check<'_, D>, key: &Key, value: &[u8]) -> bool {
    let mut sound = !value.is_empty();
    for name in names(value) {
        match name {
            Some(name) => check.facts.of(key.oid).refer(key.offset, name),
            None => sound = false,
        }
    }
    sound
}

fn directory<D>(check: &mut Check<'_, D>, key: &Key, value: &[u8]) -> bool {
    let mut sound = !value.is_empty();
    let listed: alloc::vec::Vec<_> = entries(value).collect();
    for (index, entry) in listed.iter().enumerate() {
        let Some(entry) = entry else {
            return false;
        };
        sound &= name_hash(&check.hash_key, entry.name) == key.offset;
        let others = listed.iter().take(index).flatten();
        for other in others {
            sound &= other.slot != entry.slot && other.name != entry.name;
        }
        let entries = &mut check.facts.of(key.oid).entries;
        *entries = entries.saturating_add(1);
        check
            .facts
            .of(entry.ino)
            .name(key.oid, entry.name, entry.kind);
    }
    sound
}

fn extent<D: BlockDevice>(check: &mut Check<'_, D>, key: &Key, value: &[u8]) -> bool {
    let Some(extent) = Extent::decode(value) else {
        return false;
    };
    let aligned = key.offset.is_multiple_of(BLOCK_BYTES as u64) && key.offset < FILE_BYTES_MAX;
    let end = key.offset.saturating_add(extent.covered_bytes());
    let (len, run) = match extent {
        Extent::Inline(bytes) => (bytes.len() as u64, None),
        Extent::Regular { block, sums, .. } => {
            let len = blocks_of(sums);
            let bytes = end.saturating_sub(key.offset);
            (bytes, Some(Run { start: block, len }))
        }
    };
    let facts = check.facts.of(key.oid);
    let blocks = run.map_or(0, Run::blocks);
    let overlaps = key.offset < facts.extents.end;
    facts.extents = Extents {
        end,
        last_byte: key.offset.saturating_add(len),
        blocks: facts.extents.blocks.saturating_add(blocks),
    };
    let inline_elsewhere = run.is_none() && key.offset != 0;
    if let (
        Some(run),
        Extent::Regular {
            sums, generation, ..
        },
    ) = (run, extent)
    {
        let data_blocks = &mut check.report.counts.data_blocks;
        *data_blocks = data_blocks.saturating_add(blocks);
        let own = check.claim(run, "file data");
        if own && check.data {
            verify_data(check, key, run, sums);
        }
        if generation > check.generation {
            return false;
        }
    }
    aligned && !overlaps && !inline_elsewhere
}

/// Phase 5.
fn verify_data<D: BlockDevice>(check: &mut Check<'_, D>, key: &Key, run: Run, sums: &[u8]) {
    let read = check.disk.read(run.start, run.len as usize);
    match read.and_then(|bytes| verify(run.start, &bytes, sums)) {
        Ok(()) => {
            let verified = &mut check.report.counts.verified_blocks;
            *verified = verified.saturating_add(run.blocks());
        }
        Err(error) => {
            let text = format!("inode {} at offset {}: {error}", key.oid, key.offset);
            check.report.add(5, Some(run.start), text);
        }
    }
}
