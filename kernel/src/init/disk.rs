//! Finding the system's disk.

use crate::drivers::{self, IrqHandler, Machine, VirtioBlk, VirtioKind};
use crate::fs::vfs::{BlockDisk, Directory, MountedVolume, SharedDisk};
use crate::sync::Ref;

use super::devices::virtio_devices;
use super::serial::refuse;

/// Mounts the first disk that holds a volume; returns its root directory.
pub(super) fn mount_system(machine: &Machine<'_>) -> Ref<Directory> {
    let mut disks = 0usize;
    let mut last_error = None;
    for (base, device) in virtio_devices(machine, VirtioKind::Block) {
        disks = disks.saturating_add(1);
        let disk = match VirtioBlk::new(base, device.bytes).map(Ref::new) {
            Ok(Ok(disk)) => disk,
            Ok(Err(_)) => refuse(format_args!("no memory for the disk")),
            Err(error) => {
                log::warn!("a disk fails: {}", error.0);
                continue;
            }
        };
        if let Some(interrupt) = device.interrupt {
            let handler = disk.clone().widen(|disk| disk as *mut dyn IrqHandler);
            drivers::register_irq(interrupt, handler);
        }
        match MountedVolume::mount(BlockDisk(disk.widen(|disk| disk as *mut dyn SharedDisk))) {
            Ok(volume) => return open_root(&volume),
            Err(error) => last_error = Some(error),
        }
    }
    match last_error {
        None if disks == 0 => refuse(format_args!(
            "no disk; start the machine with a virtio disk that holds a ViperFS volume"
        )),
        None => refuse(format_args!("no disk answers")),
        Some(error) => refuse(format_args!(
            "the disk cannot be mounted: {error}; check it with fsck.viperfs, or make it anew"
        )),
    }
}

fn open_root(volume: &Ref<MountedVolume>) -> Ref<Directory> {
    if volume.is_read_only() {
        log::warn!("the disk is read-only");
    }
    match Directory::root_of(volume) {
        Ok(root) => root,
        Err(error) => refuse(format_args!("the root directory of the disk: {error}")),
    }
}
