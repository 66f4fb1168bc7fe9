//! Making a volume.

use alloc::vec;
use alloc::vec::Vec;

use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U32, U64};

use super::btree::Tree;
use super::commit::{group_key, pristine_item};
use super::disk::Disk;
use super::error::{Error, Result};
use super::layout::checksum::XXH64;
use super::layout::geometry::{GROUP_BITS, PLACES, SLOTS};
use super::layout::inode::{DiskTime, InodeItem, Kind};
use super::layout::superblock::{FOLD_VERSION, MAGIC, Superblock, VERSION};
use super::layout::{BLOCK_BYTES, Geometry, ItemKind, Key, NodePointer, ROOT_INO, owner};
use super::mount::uuid32;
use super::node_cache::NodeCache;
use super::options::FormatOptions;
use super::space::{Group, KEEP_GENERATIONS, Space};
use super::store::{Statistics, Store};
use super::volume::Volume;
use crate::block::BlockDevice;
use crate::word;

/// Longest label in bytes.
pub const LABEL_BYTES_MAX: usize = 32;
/// Protection of the root directory: read, write, execute, delete.
const ROOT_PROTECTION: u32 = 0xf;
/// Nodes in the cache while a volume is made.
const CACHE_NODES: usize = 4096;

impl<D: BlockDevice> Volume<D> {
    /// Makes an empty volume over the whole device and mounts it.
    ///
    /// Everything on the device is lost. `Unsupported` says that no volume can have
    /// this size, `NameTooLong` that the label is too long.
    pub fn format(device: D, options: &FormatOptions<'_>) -> Result<Volume<D>> {
        if options.label.len() > LABEL_BYTES_MAX {
            return Err(Error::NameTooLong);
        }
        let mut disk = Disk::new(device);
        let geometry = Geometry::new(disk.blocks(), options.node_bytes).ok_or(
            Error::Unsupported("at least 4 MiB and nodes of 4096, 8192 or 16384 bytes"),
        )?;
        wipe_superblocks(&mut disk, &geometry)?;
        let mut volume = empty(disk, geometry, options);
        volume.plant_trees(options)?;
        volume.commit()?;
        volume.store.disk.flush()?;
        Ok(volume)
    }

    fn plant_trees(&mut self, options: &FormatOptions<'_>) -> Result<()> {
        let groups = self.store.geometry.groups;
        let per_item = 2 * 4 + 4;
        self.store
            .space
            .reserve(&mut self.store.disk, 4 * per_item, 0, 0)?;
        let roots = [owner::ROOT_TREE, owner::MAIN_SUBVOLUME].map(|owner| (owner, 0));
        for (tree, (owner, level)) in [&mut self.root_tree, &mut self.files]
            .into_iter()
            .zip(roots)
        {
            let node = self.store.empty_node(owner, level);
            tree.root = self.store.create(node)?.1;
        }
        for index in 0..groups {
            self.store
                .space
                .reserve(&mut self.store.disk, 2 * per_item, 0, 0)?;
            let free = self
                .store
                .space
                .groups()
                .get(index)
                .map_or(0, |group| group.free);
            let item = pristine_item(&self.store.geometry, index, free);
            self.store
                .put(&mut self.root_tree, &group_key(index), item.as_bytes())?;
        }
        let mut label = [0; LABEL_BYTES_MAX];
        let bytes = options.label.as_bytes();
        if let Some(room) = label.get_mut(..bytes.len()) {
            room.copy_from_slice(bytes);
        }
        self.store.put(
            &mut self.root_tree,
            &Key::new(0, ItemKind::Label, 0),
            &label,
        )?;
        // The commit only changes items in place; the subvolume's has to be there.
        let subvolume = super::layout::subvolume::SubvolumeItem {
            birth_ns: U64::new(options.now_ns),
            ..Default::default()
        };
        let key = Key::new(owner::MAIN_SUBVOLUME, ItemKind::Subvolume, 0);
        self.store
            .put(&mut self.root_tree, &key, subvolume.as_bytes())?;
        let root = root_inode(options.now_ns);
        self.store.put(
            &mut self.files,
            &Key::new(ROOT_INO, ItemKind::Inode, 0),
            root.as_bytes(),
        )?;
        self.inodes = 1;
        self.changed = true;
        Ok(())
    }
}

fn root_inode(now_ns: u64) -> InodeItem {
    let now = DiskTime::from_ns(now_ns);
    InodeItem {
        mode: InodeItem::mode(Kind::Directory, ROOT_PROTECTION),
        links: U32::new(1),
        birth: now,
        modify: now,
        change: now,
        access: now,
        generation: U64::new(1),
        parent: U64::new(ROOT_INO),
        ..InodeItem::default()
    }
}

/// Takes away every superblock of an earlier volume on the device: one with a higher
/// generation would win over the new one.
fn wipe_superblocks<D: BlockDevice>(disk: &mut Disk<D>, geometry: &Geometry) -> Result<()> {
    for place in 0..PLACES {
        for slot in 0..SLOTS {
            disk.write(geometry.superblock(place, slot), vec![0; BLOCK_BYTES])?;
        }
    }
    disk.flush()
}

fn empty<D: BlockDevice>(
    disk: Disk<D>,
    geometry: Geometry,
    options: &FormatOptions<'_>,
) -> Volume<D> {
    let usable = |group: usize| {
        let fixed = geometry.fixed_bits(group).count();
        Group::pristine(word::count32(GROUP_BITS.saturating_sub(fixed)))
    };
    let groups: Vec<Group> = (0..geometry.groups).map(usable).collect();
    let store = Store {
        disk,
        geometry,
        uuid32: uuid32(&options.uuid),
        cache: NodeCache::new(CACHE_NODES),
        space: Space::new(geometry, groups, KEEP_GENERATIONS),
        generation: 1,
        read_only: false,
        needs_check: false,
        changes: 0,
        statistics: Statistics::default(),
    };
    Volume {
        store,
        root_tree: Tree {
            root: NodePointer::default(),
            owner: owner::ROOT_TREE,
        },
        files: Tree {
            root: NodePointer::default(),
            owner: owner::MAIN_SUBVOLUME,
        },
        superblock: first_superblock(&geometry, options),
        next_ino: ROOT_INO + 1,
        inodes: 0,
        label: options.label.into(),
        held: Default::default(),
        height: 0,
        orphans_left: false,
        changed: false,
        now_ns: options.now_ns,
    }
}

/// What all superblocks of the volume have in common.
fn first_superblock(geometry: &Geometry, options: &FormatOptions<'_>) -> Superblock {
    let zero = U64::new(0);
    Superblock {
        magic: MAGIC,
        checksum: zero,
        version: U32::new(VERSION),
        checksum_kind: U16::new(XXH64),
        fold_version: U16::new(FOLD_VERSION),
        uuid: options.uuid,
        hash_key: options.hash_key,
        block_bytes: U32::new(word::count32(BLOCK_BYTES)),
        node_bytes: U32::new(word::count32(geometry.node_bytes)),
        total_blocks: U64::new(geometry.total_blocks),
        generation: zero,
        root_tree: NodePointer::default(),
        previous: [NodePointer::default(); 2],
        log_start: U64::new(geometry.log_start),
        log_blocks: U64::new(geometry.log_blocks),
        log_head: zero,
        log_sequence: zero,
        features_compatible: zero,
        features_read_only: zero,
        features_incompatible: zero,
        state: zero,
        healed: zero,
        commit_ns: U64::new(options.now_ns),
        place: 0,
        slot: 0,
        reserved: [0; 254],
    }
}
