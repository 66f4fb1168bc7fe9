//! Volumes made for tests.

use kernel::block::{BlockDevice, MemoryDisk, SECTOR_BYTES};
use kernel::fs::viperfs::{FormatOptions, Kind, MountOptions, NewNode, Volume};

pub const MIB: usize = 1 << 20;

/// A fresh volume in memory.
pub fn volume(bytes: usize, node_bytes: usize) -> Volume<MemoryDisk> {
    Volume::format(
        MemoryDisk::new(bytes / SECTOR_BYTES),
        &format_options(node_bytes),
    )
    .expect("the size allows a volume")
}

pub fn format_options(node_bytes: usize) -> FormatOptions<'static> {
    FormatOptions {
        label: "Test",
        node_bytes,
        uuid: *b"viperfs test vol",
        hash_key: *b"a key for hashes",
        now_ns: 1,
    }
}

pub fn mount<D: BlockDevice>(device: D) -> Volume<D> {
    mount_with(device, &MountOptions::default())
}

pub fn mount_with<D: BlockDevice>(device: D, options: &MountOptions) -> Volume<D> {
    Volume::mount(device, options)
        .map_err(|(_, error)| error)
        .expect("the volume mounts")
}

/// Unmounts and mounts again.
pub fn remount<D: BlockDevice>(volume: Volume<D>, options: &MountOptions) -> Volume<D> {
    let (device, outcome) = volume.unmount();
    outcome.expect("the volume unmounts");
    mount_with(device, options)
}

pub fn new_file(now_ns: u64) -> NewNode {
    NewNode {
        kind: Kind::File,
        protection: 7,
        now_ns,
    }
}

pub fn new_dir(now_ns: u64) -> NewNode {
    NewNode {
        kind: Kind::Directory,
        protection: 7,
        now_ns,
    }
}
