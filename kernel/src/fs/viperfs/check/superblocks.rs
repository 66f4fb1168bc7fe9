//! Phase 0: the six superblock slots.

use alloc::format;
use alloc::vec::Vec;

use super::Report;
use crate::block::BlockDevice;
use crate::fs::viperfs::disk::Disk;
use crate::fs::viperfs::error::{Error, Result};
use crate::fs::viperfs::layout::geometry::{PLACES, SLOTS};
use crate::fs::viperfs::layout::superblock::{STATE_NEEDS_CHECK, Superblock, Unusable};
use crate::fs::viperfs::layout::{BLOCK_BYTES, Geometry};
use crate::fs::viperfs::mount::{find_superblocks, uuid32};
use crate::fs::viperfs::store::decode_node;

/// The state to check.
pub(super) struct Chosen {
    pub superblock: Superblock,
}

/// Picks the newest superblock whose root can be read, as a mount does, and reports
/// what the slots disagree about.
pub(super) fn choose<D: BlockDevice>(disk: &mut Disk<D>, report: &mut Report) -> Result<Chosen> {
    let candidates = find_superblocks(disk)?;
    let newest = candidates.first().copied().ok_or(Error::NotViperFs)?;
    let usable = candidates
        .iter()
        .position(|superblock| root_is_readable(disk, superblock));
    let chosen = usable
        .and_then(|index| candidates.get(index))
        .copied()
        .unwrap_or(newest);
    if usable != Some(0) {
        let text = format!("the root of generation {} is lost", newest.generation.get());
        report.add(0, Some(newest.root_tree.addr0.get()), text);
    }
    if chosen.state.get() & STATE_NEEDS_CHECK != 0 {
        report.add(
            0,
            None,
            "damage was seen while the volume was in use".into(),
        );
    }
    let geometry = chosen
        .geometry(disk.blocks())
        .map_err(|_| Error::NotViperFs)?;
    for place in 0..PLACES {
        for slot in 0..SLOTS {
            compare_slot(disk, &geometry, &chosen, (place, slot), report);
        }
    }
    Ok(Chosen { superblock: chosen })
}

fn compare_slot<D: BlockDevice>(
    disk: &mut Disk<D>,
    geometry: &Geometry,
    chosen: &Superblock,
    (place, slot): (usize, u64),
    report: &mut Report,
) {
    let block = geometry.superblock(place, slot);
    let bytes = match disk.read(block, 1) {
        Ok(bytes) => bytes,
        Err(error) => return report.add(0, Some(block), format!("a superblock: {error}")),
    };
    let never_written = bytes.iter().all(|byte| *byte == 0);
    let problem = match Superblock::decode(&bytes) {
        Ok(other) if other.uuid != chosen.uuid => Some("belongs to another volume"),
        Ok(other) if other.total_blocks != chosen.total_blocks => Some("says another size"),
        Ok(other) if usize::from(other.place) != place || u64::from(other.slot) != slot => {
            Some("was meant for another slot")
        }
        Ok(_) => None,
        Err(_) if never_written && chosen.generation.get() <= SLOTS => None,
        Err(Unusable::NoMagic) => Some("is missing"),
        Err(Unusable::BadChecksum) => Some("has the wrong checksum"),
        Err(_) => Some("cannot be used by this version"),
    };
    if let Some(problem) = problem {
        report.add(
            0,
            Some(block),
            format!("superblock {place}.{slot} {problem}"),
        );
    }
}

fn root_is_readable<D: BlockDevice>(disk: &mut Disk<D>, superblock: &Superblock) -> bool {
    let Ok(geometry) = superblock.geometry(disk.blocks()) else {
        return false;
    };
    let blocks = geometry.node_blocks();
    let pointer = superblock.root_tree;
    let copies: Vec<u64> = pointer.addresses().collect();
    copies.into_iter().any(|address| {
        let inside = geometry.is_allocatable(address, blocks);
        let bytes = if inside {
            disk.read(address, blocks as usize).ok()
        } else {
            None
        };
        let whole =
            bytes.filter(|bytes| Some(bytes.len()) == (blocks as usize).checked_mul(BLOCK_BYTES));
        whole.is_some_and(|bytes| decode_node(bytes, &pointer, uuid32(&superblock.uuid)).is_ok())
    })
}
