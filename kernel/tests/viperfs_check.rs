//! The checker finds what it is there to find: one planted fault for each of its rules.

mod support;

use core::mem::offset_of;

use kernel::fs::viperfs::check::{CheckOptions, Report, check};
use kernel::fs::viperfs::layout::checksum::block_sum;
use kernel::fs::viperfs::layout::extent::ExtentHeader;
use kernel::fs::viperfs::layout::group::GroupItem;
use kernel::fs::viperfs::layout::inode::{InodeItem, Kind};
use kernel::fs::viperfs::layout::subvolume::{Quota, SubvolumeItem};
use kernel::fs::viperfs::layout::{ItemKind, Key};
use support::fixture::{self, MIB};
use support::forge::{Forge, page, page_mut};
use support::overlay::{BLOCK, Blocks, Overlay};

/// Numbers of what is on the volume.
struct Numbers {
    dir: u64,
    below: u64,
    small: u64,
    large: u64,
    other: u64,
}

fn image() -> (Vec<u8>, Numbers) {
    let mut volume = fixture::volume(8 * MIB, BLOCK);
    let root = volume.root();
    let dir = volume.create(root, b"dir", fixture::new_dir(1)).unwrap();
    let below = volume.create(dir, b"below", fixture::new_dir(1)).unwrap();
    let small = volume.create(dir, b"small", fixture::new_file(1)).unwrap();
    volume.write(small, 0, b"some bytes", 1).unwrap();
    let large = volume
        .create(below, b"large", fixture::new_file(1))
        .unwrap();
    volume.write(large, 0, &[1; 20_000], 1).unwrap();
    let other = volume.create(root, b"other", fixture::new_file(1)).unwrap();
    volume.write(other, 0, &[2; 20_000], 1).unwrap();
    let (disk, outcome) = volume.unmount();
    outcome.unwrap();
    (
        disk.into_bytes(),
        Numbers {
            dir,
            below,
            small,
            large,
            other,
        },
    )
}

fn report(image: &[u8], data: bool) -> Report {
    check(&Overlay::new(image, Blocks::new()), &CheckOptions { data }).expect("there is a volume")
}

/// Plants a fault in an item and sees whether the checker says the right thing.
fn finds(
    text: &str,
    kind: ItemKind,
    oid: impl Fn(&Numbers) -> u64,
    change: impl FnOnce(&mut [u8], &Numbers),
) {
    let (mut image, numbers) = image();
    let clean = report(&image, true);
    assert!(clean.is_clean(), "before the fault: {clean}");
    let oid = oid(&numbers);
    let found = Forge::new(&image).edit(
        &mut image,
        |key, _| key.is(kind) && key.oid == oid,
        |value| change(value, &numbers),
    );
    assert!(found, "{text}: there is such an item");
    says(&report(&image, true), text);
}

fn says(report: &Report, text: &str) {
    let found = report
        .problems
        .iter()
        .any(|problem| problem.text.contains(text));
    assert!(found, "`{text}` is not among: {report}");
}

fn put(value: &mut [u8], at: usize, number: u64) {
    value[at..at + 8].copy_from_slice(&number.to_le_bytes());
}

#[test]
fn wrong_inodes_are_found() {
    let links = offset_of!(InodeItem, links);
    let size = offset_of!(InodeItem, size);
    let blocks = offset_of!(InodeItem, blocks);
    let parent = offset_of!(InodeItem, parent);
    let inode = ItemKind::Inode;
    finds(
        "says it has 2 names and has 1",
        inode,
        |n| n.small,
        |v, _| v[links] = 2,
    );
    finds(
        "has no name and is not marked",
        inode,
        |n| n.small,
        |v, _| v[links] = 0,
    );
    finds(
        "counts 5 entries and has 2",
        inode,
        |n| n.dir,
        |v, _| v[size] = 5,
    );
    finds(
        "counts 9 blocks and has 5",
        inode,
        |n| n.large,
        |v, _| v[blocks] = 9,
    );
    finds(
        "has data behind its end",
        inode,
        |n| n.large,
        |v, _| put(v, size, 4096),
    );
    finds(
        "has data behind its end",
        inode,
        |n| n.small,
        |v, _| put(v, size, 3),
    );
    finds(
        "directory with a wrong parent",
        inode,
        |n| n.below,
        |v, _| put(v, parent, 2),
    );
    finds(
        "is of another kind than its names say",
        inode,
        |n| n.small,
        |v, _| v[3] = 3,
    );
    finds("makes no sense", inode, |n| n.small, |v, _| v[3] = 77);
}

#[test]
fn wrong_names_are_found() {
    let entry = ItemKind::Directory;
    finds(
        "is referred to and does not exist",
        entry,
        |n| n.below,
        |v, _| put(v, 0, 4711),
    );
    let kind = Kind::Symlink as u8;
    finds(
        "is of another kind than its names say",
        entry,
        |n| n.below,
        |v, _| v[8] = kind,
    );
    // The name no longer hashes to where it is.
    finds("makes no sense", entry, |n| n.below, |v, _| v[11] = b'X');
    finds("makes no sense", entry, |n| n.below, |v, _| v[10] = 200);
    let back = ItemKind::InodeRef;
    finds(
        "back references that differ",
        back,
        |n| n.large,
        |v, _| v[1] = b'X',
    );
    finds("makes no sense", back, |n| n.large, |v, _| v[0] = 200);
}

#[test]
fn a_directory_that_no_way_leads_to_is_found() {
    let (mut image, numbers) = image();
    let dir = numbers.dir;
    let names_dir = |key: &Key, value: &[u8]| {
        key.is(ItemKind::Directory) && key.oid == 2 && value[..8] == dir.to_le_bytes()
    };
    // The way from the root skips `dir`, which now hangs in the air.
    let edited = Forge::new(&image).edit(&mut image, names_dir, |v| put(v, 0, numbers.below));
    assert!(edited);
    let report = report(&image, false);
    says(
        &report,
        &format!("inode {dir} cannot be reached from the root"),
    );
}

#[test]
fn wrong_extents_are_found() {
    let extent = ItemKind::Extent;
    let block = offset_of!(ExtentHeader, block);
    let body = size_of::<ExtentHeader>();
    finds(
        "lies where none can be",
        extent,
        |n| n.large,
        |v, _| put(v, block, 288),
    );
    finds(
        "lies where none can be",
        extent,
        |n| n.large,
        |v, _| put(v, block, u64::MAX),
    );
    finds(
        "are marked as used and nothing uses them",
        extent,
        |n| n.large,
        |v, _| {
            let moved = u64::from_le_bytes(v[block..block + 8].try_into().unwrap()) + 600;
            put(v, block, moved);
        },
    );
    finds(
        "are used and marked as free",
        extent,
        |n| n.large,
        |v, _| {
            let moved = u64::from_le_bytes(v[block..block + 8].try_into().unwrap()) + 600;
            put(v, block, moved);
        },
    );
    finds(
        "file data has the wrong checksum",
        extent,
        |n| n.large,
        |v, _| v[body] ^= 1,
    );
    finds("makes no sense", extent, |n| n.large, |v, _| v[0] = 9);
    finds("makes no sense", extent, |n| n.small, |v, _| v[4] = 200);
}

#[test]
fn two_owners_of_a_block_are_found() {
    let (mut image, numbers) = image();
    let block = offset_of!(ExtentHeader, block);
    let forge = Forge::new(&image);
    let mut taken = 0;
    let of = |oid| move |key: &Key, _: &[u8]| key.is(ItemKind::Extent) && key.oid == oid;
    assert!(forge.edit(&mut image, of(numbers.other), |value| {
        taken = u64::from_le_bytes(value[block..block + 8].try_into().unwrap());
    }));
    assert!(forge.edit(&mut image, of(numbers.large), |value| put(
        value, block, taken
    )));
    says(
        &report(&image, false),
        "file data shares a block with something",
    );
    // The same block for a node.
    let mut bytes = page(&image, forge.nodes[0].pointer.addr0.get()).to_vec();
    let root = forge.nodes[1].at;
    let second = forge.nodes[1].pointer.addr1.get();
    bytes[root..root + 8].copy_from_slice(&second.to_le_bytes());
    forge.replace(&mut image, 0, bytes);
    says(
        &report(&image, false),
        "a node shares a block with something",
    );
}

#[test]
fn wrong_counts_of_the_volume_are_found() {
    let free = offset_of!(GroupItem, free);
    let slot = offset_of!(GroupItem, slot);
    let bitmaps = offset_of!(GroupItem, bitmaps);
    let group = ItemKind::Group;
    finds("free blocks, not", group, |_| 0, |v, _| v[free] ^= 1);
    finds(
        "a bitmap has the wrong checksum",
        group,
        |_| 0,
        |v, _| v[slot] ^= 1,
    );
    finds(
        "has its bitmaps at a wrong place",
        group,
        |_| 0,
        |v, _| v[bitmaps] ^= 1,
    );
    let subvolume = ItemKind::Subvolume;
    let inodes = offset_of!(SubvolumeItem, used) + offset_of!(Quota, inodes);
    let next = offset_of!(SubvolumeItem, next_ino);
    finds(
        "inodes are counted, not 6",
        subvolume,
        |_| 256,
        |v, _| v[inodes] = 99,
    );
    finds(
        "is not below the next inode",
        subvolume,
        |_| 256,
        |v, _| put(v, next, 4),
    );
}

#[test]
fn a_wrong_bit_in_a_bitmap_is_found() {
    for (value, text) in [
        (true, "1 blocks are marked as used and nothing uses them"),
        (false, "marked as free"),
    ] {
        let (mut image, _) = image();
        let forge = Forge::new(&image);
        let checksum = offset_of!(GroupItem, checksum);
        let slot_at = offset_of!(GroupItem, slot);
        let is_group = |key: &Key, _: &[u8]| key.is(ItemKind::Group);
        let mut slot = 0;
        assert!(forge.edit(&mut image, is_group, |item| slot = item[slot_at]));
        let block = forge.geometry.bitmap(0, slot);
        let bitmap = page_mut(&mut image, block);
        // A block in the middle of the group is free; the first node's is used.
        let used = (forge.nodes[0].pointer.addr0.get() - forge.geometry.groups_start) as usize;
        let bit = if value { 1500 } else { used };
        assert_ne!(
            bitmap[bit / 8] >> (bit % 8) & 1 == 1,
            value,
            "the fault changes something"
        );
        bitmap[bit / 8] ^= 1 << (bit % 8);
        let sum = block_sum(bitmap);
        assert!(forge.edit(&mut image, is_group, |item| put(item, checksum, sum)));
        says(&report(&image, false), text);
    }
}

#[test]
fn wrong_nodes_are_found() {
    let cases: [(usize, u64, &str); 4] = [
        (16, 1, "written to a wrong place"),
        (24, 1, "older or newer than its pointer"),
        (32, 5, "belongs to another tree"),
        (12, 0, "belongs to another volume"),
    ];
    for (at, number, text) in cases {
        let (mut image, _) = image();
        let forge = Forge::new(&image);
        let last = forge.nodes.len() - 1;
        let mut bytes = page(&image, forge.nodes[last].pointer.addr0.get()).to_vec();
        let len = if at == 12 { 4 } else { 8 };
        bytes[at..at + len].copy_from_slice(&number.to_le_bytes()[..len]);
        forge.replace(&mut image, last, bytes);
        says(&report(&image, false), text);
    }
}
