//! Checking a volume without changing it.
//!
//! [`check`] reads everything the format has and compares what is said twice: node
//! copies with pointers, bitmaps with what the trees refer to, names with back
//! references and link counts, data with checksums. The result is a list of problems,
//! empty for a volume that is as it has to be.
//!
//! | phase | module | question |
//! |---|---|---|
//! | 0 | `superblocks` | which state holds, and do the six slots agree |
//! | 1 | - | the intent log; empty in this version |
//! | 2 | `trees`, `items` | is every node and item sound, is no block used twice |
//! | 3 | `space` | do bitmaps say what the trees say |
//! | 4 | `names` | do inodes, names, counts and directories fit together |
//! | 5 | `items` | with [`CheckOptions::data`]: is every block of file data intact |
//!
//! Memory: one bit for each block and a record for each inode.

mod items;
mod names;
mod report;
mod space;
mod superblocks;
mod trees;

pub use report::{Counts, Problem, Report};

use super::disk::Disk;
use super::error::{Error, Result};
use super::layout::{Geometry, owner};
use crate::block::BlockDevice;
use names::Facts;
use space::BlockMap;

/// What to check.
#[derive(Clone, Copy, Debug, Default)]
pub struct CheckOptions {
    /// Also read all file data and verify its checksums.
    pub data: bool,
}

/// State of a check that runs.
struct Check<'a, D> {
    disk: Disk<&'a D>,
    geometry: Geometry,
    uuid32: u32,
    hash_key: [u8; 16],
    /// Generation of the state that is checked.
    generation: u64,
    data: bool,
    blocks: BlockMap,
    facts: Facts,
    report: Report,
}

/// Checks the volume on a device.
///
/// Fails only when there is nothing to check: no superblock, a version that is not
/// known, or a device that cannot be read at all.
pub fn check<D: BlockDevice>(device: &D, options: &CheckOptions) -> Result<Report> {
    let mut disk = Disk::new(device);
    let mut report = Report::default();
    let found = superblocks::choose(&mut disk, &mut report)?;
    let superblock = found.superblock;
    let geometry = superblock
        .geometry(disk.blocks())
        .map_err(|_| Error::NotViperFs)?;
    report.generation = superblock.generation.get();
    report.uuid = superblock.uuid;
    let mut check = Check {
        disk,
        uuid32: super::mount::uuid32(&superblock.uuid),
        hash_key: superblock.hash_key,
        generation: superblock.generation.get(),
        data: options.data,
        blocks: BlockMap::new(&geometry),
        facts: Facts::default(),
        geometry,
        report,
    };
    let mut roots = items::Roots::default();
    check.walk(superblock.root_tree, owner::ROOT_TREE, &mut roots);
    check.walk_subvolume(&roots);
    check.compare_space(&roots);
    check.compare_names(&roots);
    Ok(check.report)
}
