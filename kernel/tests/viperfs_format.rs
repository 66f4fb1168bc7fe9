//! The format on disk, held by a golden file.
//!
//! A difference means that volumes made before cannot be read. `UPDATE_GOLDEN=1`
//! writes the file anew.

use core::fmt::Write;
use core::mem::offset_of;

use kernel::fs::viperfs::layout::extent::{
    EXTENT_BLOCKS_MAX, ExtentHeader, ExtentKind, INLINE_BYTES_MAX, SUM_BYTES,
};
use kernel::fs::viperfs::layout::group::{GroupItem, PRISTINE};
use kernel::fs::viperfs::layout::inode::{DiskTime, InodeItem, Kind};
use kernel::fs::viperfs::layout::key::KEY_BYTES;
use kernel::fs::viperfs::layout::node_header::{
    BRANCH_BYTES, ITEM_BYTES, LEVEL_MAX, NODE_MAGIC, NodeHeader,
};
use kernel::fs::viperfs::layout::subvolume::{Quota, SubvolumeItem};
use kernel::fs::viperfs::layout::superblock::{
    FOLD_VERSION, MAGIC, STATE_NEEDS_CHECK, Superblock, VERSION,
};
use kernel::fs::viperfs::layout::{Geometry, ItemKind, Key, NodePointer, directory, owner};
use kernel::fs::viperfs::layout::{NAME_BYTES_MAX, ORPHAN_OID, ROOT_INO, checksum};

/// Lists size and offsets of a record.
macro_rules! record {
    ($out:ident, $type:ident { $($field:ident),+ $(,)? }) => {
        writeln!($out, "{} {} bytes", stringify!($type), size_of::<$type>()).unwrap();
        $( writeln!($out, "  {:4} {}", offset_of!($type, $field), stringify!($field)).unwrap(); )+
    };
}

fn records(out: &mut String) {
    record!(
        out,
        Superblock {
            magic,
            checksum,
            version,
            checksum_kind,
            fold_version,
            uuid,
            hash_key,
            block_bytes,
            node_bytes,
            total_blocks,
            generation,
            root_tree,
            previous,
            log_start,
            log_blocks,
            log_head,
            log_sequence,
            features_compatible,
            features_read_only,
            features_incompatible,
            state,
            healed,
            commit_ns,
            place,
            slot,
            reserved,
        }
    );
    record!(
        out,
        NodePointer {
            addr0,
            addr1,
            generation,
            checksum
        }
    );
    record!(
        out,
        NodeHeader {
            checksum,
            magic,
            uuid32,
            addr0,
            generation,
            owner,
            first_oid,
            level,
            flags,
            count,
            free,
            data_start,
            reserved,
        }
    );
    record!(
        out,
        DiskTime {
            seconds,
            nanoseconds
        }
    );
    record!(
        out,
        InodeItem {
            mode,
            links,
            uid,
            gid,
            size,
            blocks,
            birth,
            modify,
            change,
            access,
            flags,
            generation,
            parent,
            sequence,
            reserved,
        }
    );
    record!(
        out,
        ExtentHeader {
            kind,
            flags,
            compression,
            len,
            generation,
            block
        }
    );
    record!(
        out,
        GroupItem {
            bitmaps,
            checksum,
            generation,
            free,
            largest_run,
            slot,
            flags,
            reserved,
            relocation,
        }
    );
    record!(
        out,
        Quota {
            referenced,
            exclusive,
            inodes
        }
    );
    record!(
        out,
        SubvolumeItem {
            root,
            generation,
            last_snapshot,
            next_ino,
            birth_ns,
            parent_uuid,
            flags,
            reserved,
            cleaner_cursor,
            used,
            limit,
            spare,
        }
    );
}

fn values(out: &mut String) {
    for kind in ItemKind::ALL {
        writeln!(out, "item {kind:?} = {}", kind as u8).unwrap();
    }
    for kind in [Kind::File, Kind::Directory, Kind::Symlink] {
        writeln!(out, "kind {kind:?} = {}", kind as u8).unwrap();
    }
    use ExtentKind::{Hole, Inline, Preallocated, Regular};
    for kind in [Inline, Regular, Preallocated, Hole] {
        writeln!(out, "extent {kind:?} = {}", kind as u8).unwrap();
    }
    let numbers: [(&str, u64); 17] = [
        ("version", VERSION.into()),
        ("fold version", FOLD_VERSION.into()),
        ("checksum xxh64", checksum::XXH64.into()),
        ("node magic", NODE_MAGIC.into()),
        ("level max", LEVEL_MAX.into()),
        ("key bytes", KEY_BYTES as u64),
        ("leaf item bytes", ITEM_BYTES as u64),
        ("branch entry bytes", BRANCH_BYTES as u64),
        ("directory entry bytes", directory::ENTRY_BYTES as u64),
        ("name bytes max", NAME_BYTES_MAX as u64),
        ("inline bytes max", INLINE_BYTES_MAX as u64),
        ("extent blocks max", EXTENT_BLOCKS_MAX as u64),
        ("data sum bytes", SUM_BYTES as u64),
        ("root inode", ROOT_INO),
        ("orphan object", ORPHAN_OID),
        ("state needs check", STATE_NEEDS_CHECK),
        ("group pristine", PRISTINE.into()),
    ];
    for (name, number) in numbers {
        writeln!(out, "{name} = {number:#x}").unwrap();
    }
    let owners = [owner::ROOT_TREE, owner::REFS_TREE, owner::MAIN_SUBVOLUME];
    writeln!(out, "superblock magic = {MAGIC:?}\nowners = {owners:?}").unwrap();
}

/// Values that follow from the code rather than from a type.
fn samples(out: &mut String) {
    for blocks in [1024, 16384, 32768, 65536, 524_288, 268_435_456] {
        let geometry = Geometry::new(blocks, 4096).expect("a volume can have this size");
        let supers: Vec<u64> = (0..3).map(|place| geometry.superblock(place, 0)).collect();
        writeln!(
            out,
            "{blocks} blocks: superblocks {supers:?} +0 +1, log {}+{}, {} groups from {}",
            geometry.log_start, geometry.log_blocks, geometry.groups, geometry.groups_start
        )
        .unwrap();
    }
    let key = Key::new(
        0x0102_0304_0506_0708,
        ItemKind::Extent,
        0x1112_1314_1516_1718,
    );
    writeln!(out, "key bytes {:02x?}", key.to_bytes()).unwrap();
    let hash_key = core::array::from_fn(|index| index as u8);
    for name in ["a", "A", "Ärger", "ärger", "System", "Ωμέγα", "ЖУК"] {
        let hash = directory::name_hash(&hash_key, name.as_bytes());
        writeln!(out, "name hash {name} = {hash:#018x}").unwrap();
    }
    writeln!(
        out,
        "data sum of zeros = {:#010x}",
        checksum::data_sum(&[0; 4096])
    )
    .unwrap();
}

#[test]
fn the_format_is_that_of_the_golden_file() {
    let mut found = String::from("ViperFS format\n");
    records(&mut found);
    values(&mut found);
    samples(&mut found);
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/golden/viperfs_format.txt"
    );
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &found).unwrap();
    }
    let golden = std::fs::read_to_string(path).unwrap();
    for (found, golden) in found.lines().zip(golden.lines()) {
        assert_eq!(
            found, golden,
            "the format has changed; see the head of this test"
        );
    }
    assert_eq!(found, golden);
}
