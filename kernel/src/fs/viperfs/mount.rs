//! Mounting a volume: which superblock holds, and what it leads to.
//!
//! All six superblock slots are read. The newest valid one whose root tree and whose
//! roots of subvolumes can be read is taken; older ones are the way back when the
//! newest state is damaged. Bitmaps and the trees below are read when needed.

use alloc::string::String;
use alloc::vec::Vec;

use zerocopy::FromBytes;

use super::btree::{Tree, Visit};
use super::disk::Disk;
use super::error::{Error, Result, corrupt};
use super::layout::geometry::{PLACES, SLOTS};
use super::layout::group::GroupItem;
use super::layout::node_header::LEVEL_MAX;
use super::layout::superblock::{STATE_NEEDS_CHECK, Superblock, Unusable};
use super::layout::{BLOCK_BYTES, Geometry, ItemKind, Key, NodePointer, owner};
use super::node_cache::NodeCache;
use super::options::MountOptions;
use super::space::{Group, Space};
use super::store::{Statistics, Store};
use super::volume::Volume;
use crate::block::BlockDevice;
use crate::word;

/// Highest generation that is mounted: no volume lives long enough to get there.
const GENERATION_MAX: u64 = 1 << 62;
/// Least number of nodes in the cache: some ways from root to leaf.
const CACHE_NODES_MIN: usize = 64;

impl<D: BlockDevice> Volume<D> {
    /// Mounts the volume on a device; an error gives the device back.
    pub fn mount(device: D, options: &MountOptions) -> core::result::Result<Volume<D>, (D, Error)> {
        let mut disk = Disk::new(device);
        let candidates = match find_superblocks(&mut disk) {
            Ok(candidates) => candidates,
            Err(error) => return Err((disk.into_device(), error)),
        };
        let newest = candidates
            .first()
            .map_or(0, |superblock| superblock.generation.get());
        let mut first_error = Error::NotViperFs;
        let skipped = usize::from(options.rollback.min(1));
        for (index, superblock) in candidates.into_iter().enumerate().skip(skipped) {
            match open(disk, superblock, newest, options) {
                Ok(mut volume) => {
                    // A state that was not the newest is written to only when the
                    // newest was beyond use.
                    volume.store.read_only |= skipped > 0;
                    volume.store.needs_check |= index > skipped;
                    return match volume.finish_mount() {
                        Ok(()) => Ok(volume),
                        Err(error) => Err((volume.store.disk.into_device(), error)),
                    };
                }
                // A device that does not answer now may do so later; going back to an
                // older state would lose what was acknowledged.
                Err((back, error @ Error::Io { .. })) => return Err((back.into_device(), error)),
                Err((back, error)) => {
                    disk = back;
                    if first_error == Error::NotViperFs {
                        first_error = error;
                    }
                }
            }
        }
        Err((disk.into_device(), first_error))
    }

    fn finish_mount(&mut self) -> Result<()> {
        if self.store.read_only {
            return Ok(());
        }
        // Damage in the way of the clean-up leaves the orphans for the next mount.
        match self.reap_orphans() {
            Err(Error::Corrupt { .. } | Error::NoSpace) => {
                self.store.needs_check = true;
                Ok(())
            }
            outcome => outcome,
        }
    }
}

/// Valid superblocks, the newest first, one for each generation.
pub(super) fn find_superblocks<D: BlockDevice>(disk: &mut Disk<D>) -> Result<Vec<Superblock>> {
    let mut found: Vec<Superblock> = Vec::new();
    let mut unsupported = false;
    let mut unreadable = None;
    let blocks = disk.blocks();
    for place in 0..PLACES {
        // A superblock says where the later places are; without one, the size of the
        // device does.
        let total = found
            .first()
            .map_or(blocks, |superblock| superblock.total_blocks.get());
        let Some(geometry) = Geometry::new(total, BLOCK_BYTES) else {
            continue;
        };
        let first = geometry.superblock(place, 0);
        let bytes = match disk.read(first, word::index(SLOTS)) {
            Ok(bytes) => bytes,
            Err(error) => {
                unreadable = unreadable.or(Some(error));
                continue;
            }
        };
        for block in bytes.chunks(BLOCK_BYTES) {
            match Superblock::decode(block) {
                Ok(superblock) if superblock.geometry(blocks).is_ok() => found.push(superblock),
                Err(Unusable::Unsupported) => unsupported = true,
                _ => {}
            }
        }
    }
    if let (true, Some(error)) = (found.is_empty(), unreadable) {
        return Err(error);
    }
    if found.is_empty() && unsupported {
        return Err(Error::Unsupported("a newer version of this system"));
    }
    if found.is_empty() {
        return Err(Error::NotViperFs);
    }
    found.sort_by_key(|superblock| core::cmp::Reverse(superblock.generation.get()));
    found.dedup_by_key(|superblock| superblock.generation.get());
    Ok(found)
}

fn new_cache(options: &MountOptions, geometry: &Geometry) -> NodeCache {
    let nodes = options.cache_bytes.checked_div(geometry.node_bytes);
    NodeCache::new(nodes.unwrap_or(0).max(CACHE_NODES_MIN))
}

/// Opens the state a superblock describes.
fn open<D: BlockDevice>(
    disk: Disk<D>,
    superblock: Superblock,
    newest: u64,
    options: &MountOptions,
) -> core::result::Result<Volume<D>, (Disk<D>, Error)> {
    let Ok(geometry) = superblock.geometry(disk.blocks()) else {
        return Err((disk, Error::NotViperFs));
    };
    let mounted = superblock.generation.get();
    if newest > GENERATION_MAX {
        let (block, why) = (0, "the generation cannot be");
        return Err((disk, Error::Corrupt { block, why }));
    }
    // Never write into the slot of the state that was mounted.
    let odd = u64::from((newest ^ mounted) & 1 == 1);
    let next = newest.saturating_add(1).saturating_add(odd);
    let read_only =
        options.read_only || disk.is_read_only() || superblock.features_read_only.get() != 0;
    let mut store = Store {
        disk,
        geometry,
        uuid32: uuid32(&superblock.uuid),
        cache: new_cache(options, &geometry),
        space: Space::new(geometry, Vec::new(), options.keep_generations),
        generation: next,
        read_only,
        needs_check: superblock.state.get() & STATE_NEEDS_CHECK != 0,
        changes: 0,
        statistics: Statistics::default(),
    };
    let root_tree = Tree {
        root: superblock.root_tree,
        owner: owner::ROOT_TREE,
    };
    let opened = read_root_tree(&mut store, &root_tree, options);
    let label = match opened {
        Ok(label) => label,
        Err(error) => return Err((store.disk, error)),
    };
    let mut volume = Volume {
        store,
        root_tree,
        files: Tree {
            root: NodePointer::default(),
            owner: owner::MAIN_SUBVOLUME,
        },
        superblock,
        next_ino: 0,
        inodes: 0,
        label,
        held: Default::default(),
        height: 0,
        orphans_left: false,
        changed: false,
        now_ns: superblock.commit_ns.get(),
    };
    match volume.open_subvolume() {
        Ok(()) => {
            // A root that cannot be read shows when it is needed.
            let height = volume.store.height(&volume.files);
            volume.height = height.unwrap_or(usize::from(LEVEL_MAX));
            Ok(volume)
        }
        Err(error) => Err((volume.store.disk, error)),
    }
}

/// First bytes of a volume's number, as they stand in its nodes.
pub(super) fn uuid32(uuid: &[u8; 16]) -> u32 {
    let [a, b, c, d, ..] = *uuid;
    u32::from_le_bytes([a, b, c, d])
}

/// Reads groups and label.
fn read_root_tree<D: BlockDevice>(
    store: &mut Store<D>,
    root_tree: &Tree,
    options: &MountOptions,
) -> Result<String> {
    let geometry = store.geometry;
    let mut groups = Vec::new();
    let mut label = String::new();
    let mut broken = false;
    store.scan(root_tree, Key::MIN, |key, value| {
        if key.is(ItemKind::Group) {
            let item = GroupItem::read_from_bytes(value).ok();
            let group = item.as_ref().and_then(Group::from_item);
            match group {
                Some(group) if key.oid == groups.len() as u64 => groups.push(group),
                _ => broken = true,
            }
        } else if key.is(ItemKind::Label) {
            let end = value
                .iter()
                .position(|byte| *byte == 0)
                .unwrap_or(value.len());
            label = String::from_utf8_lossy(value.get(..end).unwrap_or(&[])).into_owned();
        }
        if broken || groups.len() > geometry.groups {
            Visit::Stop
        } else {
            Visit::Continue
        }
    })?;
    if broken || groups.len() != geometry.groups {
        return corrupt(root_tree.root.addr0.get(), "the list of groups is wrong");
    }
    store.space = Space::new(geometry, groups, options.keep_generations);
    Ok(label)
}

impl<D: BlockDevice> Volume<D> {
    fn open_subvolume(&mut self) -> Result<()> {
        let block = self.root_tree.root.addr0.get();
        let item = self.subvolume_item()?;
        let item = item.ok_or(Error::Corrupt {
            block,
            why: "the subvolume is missing",
        })?;
        self.files.root = item.root;
        self.next_ino = item.next_ino.get();
        self.inodes = item.used.inodes.get();
        if self.next_ino <= super::layout::ROOT_INO {
            return corrupt(block, "the subvolume has a wrong next inode");
        }
        self.store.height(&self.files)?;
        Ok(())
    }
}
