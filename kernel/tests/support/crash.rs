//! All the states a power cut can leave behind, and what they are checked against.
//!
//! Writes between two flushes may reach the disk in any combination, block by block,
//! and the last one may be torn at a sector. A state is bad unless it mounts, the
//! checker finds nothing, and its content is exactly that of a commit: the last one
//! acknowledged before the cut, or the one under way.

use std::collections::{BTreeMap, HashSet};

use kernel::fs::viperfs::check::{CheckOptions, check};
use kernel::fs::viperfs::{Case, MountOptions, Volume};

use super::fixture;
use super::model::{Model, difference, read_back};
use super::overlay::{BLOCK, Blocks, Overlay};
use super::random::Random;
use super::recorder::Event;

const SECTOR: usize = 512;
/// Epochs up to this many blocks are enumerated completely.
const EXHAUSTIVE_BLOCKS: usize = 12;
/// Random combinations of a larger epoch.
const RANDOM_SUBSETS: u64 = 256;

/// How thoroughly an epoch is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Epochs up to this many blocks are enumerated completely.
    pub exhaustive_blocks: usize,
    /// Random combinations of a larger one.
    pub random_subsets: u64,
}

impl Default for Effort {
    fn default() -> Effort {
        Effort {
            exhaustive_blocks: EXHAUSTIVE_BLOCKS,
            random_subsets: RANDOM_SUBSETS,
        }
    }
}

/// One workload as it reached the disk.
pub struct Recording {
    /// The disk before it.
    pub start: Vec<u8>,
    pub events: Vec<Event>,
    /// Commit before it.
    pub first_generation: u64,
    /// What each later commit may hold: the state before or after the operation
    /// during which it was made.
    pub commits: BTreeMap<u64, Vec<Model>>,
}

/// What was looked at.
#[derive(Debug, Default)]
pub struct Tally {
    pub effort: Effort,
    pub states: u64,
    pub distinct: u64,
    pub bad: Vec<String>,
}

/// A write of one block.
struct Unit {
    block: u64,
    bytes: Vec<u8>,
}

struct Enumeration<'a> {
    recording: &'a Recording,
    base: Vec<u8>,
    seen: &'a mut HashSet<u64>,
    tally: &'a mut Tally,
    random: Random,
}

/// Looks at the states of a recording; stops at the first bad one when asked to.
pub fn enumerate(recording: &Recording, seed: u64, stop_when_bad: bool, tally: &mut Tally) {
    let mut seen = HashSet::new();
    let mut enumeration = Enumeration {
        recording,
        base: recording.start.clone(),
        seen: &mut seen,
        tally,
        random: Random::new(seed),
    };
    let mut epoch: Vec<Unit> = Vec::new();
    let mut flushes = 0;
    for event in &recording.events {
        match event {
            Event::Write { sector, bytes } => epoch.extend(units(*sector, bytes)),
            Event::Flush { honoured } => {
                enumeration.epoch(&epoch, flushes);
                if stop_when_bad && !enumeration.tally.bad.is_empty() {
                    return;
                }
                flushes += 1;
                if *honoured {
                    enumeration.settle(&mut epoch);
                }
            }
        }
    }
    enumeration.epoch(&epoch, flushes);
}

fn units(sector: u64, bytes: &[u8]) -> Vec<Unit> {
    assert!(
        sector.is_multiple_of(8) && bytes.len().is_multiple_of(BLOCK),
        "whole blocks"
    );
    let blocks = bytes.chunks(BLOCK).enumerate();
    blocks
        .map(|(n, part)| Unit {
            block: sector / 8 + n as u64,
            bytes: part.to_vec(),
        })
        .collect()
}

impl Enumeration<'_> {
    /// Everything so far is durable.
    fn settle(&mut self, epoch: &mut Vec<Unit>) {
        for unit in epoch.drain(..) {
            let at = unit.block as usize * BLOCK;
            self.base[at..at + BLOCK].copy_from_slice(&unit.bytes);
        }
    }

    /// A power cut after `flushes` flushes were answered.
    fn epoch(&mut self, units: &[Unit], flushes: u64) {
        let count = units.len();
        // Each commit has two flushes; the second acknowledges it.
        let acknowledged = self.recording.first_generation + flushes / 2;
        let effort = self.tally.effort;
        if count <= effort.exhaustive_blocks {
            for subset in 0..1u64 << count {
                self.state(units, |index| subset >> index & 1 == 1, None, acknowledged);
            }
        } else {
            for end in 0..=count {
                self.state(units, |index| index < end, None, acknowledged);
                self.state(units, |index| index != end, None, acknowledged);
            }
            for _ in 0..effort.random_subsets {
                let density = 1 + self.random.below(7);
                let chosen: Vec<bool> = units
                    .iter()
                    .map(|_| self.random.below(8) < density)
                    .collect();
                self.state(units, |index| chosen[index], None, acknowledged);
            }
        }
        for torn in 0..count {
            let sectors = 1 + self.random.below(7) as usize;
            self.state(
                units,
                |index| index < torn,
                Some((torn, sectors)),
                acknowledged,
            );
            self.state(
                units,
                |index| index != torn,
                Some((torn, sectors)),
                acknowledged,
            );
        }
    }

    fn state(
        &mut self,
        units: &[Unit],
        written: impl Fn(usize) -> bool,
        torn: Option<(usize, usize)>,
        acknowledged: u64,
    ) {
        let mut blocks = Blocks::new();
        for (index, unit) in units.iter().enumerate() {
            if written(index) {
                blocks.insert(unit.block, unit.bytes.clone());
            }
            if let Some((at, sectors)) = torn
                && at == index
            {
                let start = unit.block as usize * BLOCK;
                let old = || self.base[start..start + BLOCK].to_vec();
                let block = blocks.entry(unit.block).or_insert_with(old);
                block[..sectors * SECTOR].copy_from_slice(&unit.bytes[..sectors * SECTOR]);
            }
        }
        self.tally.states += 1;
        if !self
            .seen
            .insert(fingerprint(&blocks, acknowledged, &self.base))
        {
            return;
        }
        self.tally.distinct += 1;
        let write_too = self.tally.distinct.is_multiple_of(16);
        if let Err(text) = judge(&self.base, &blocks, self.recording, acknowledged, write_too) {
            let place = format!(
                "generation {acknowledged}, {} blocks in flight",
                units.len()
            );
            self.tally.bad.push(format!("{place}: {text}"));
        }
    }
}

/// The same for equal states of one epoch.
fn fingerprint(blocks: &Blocks, acknowledged: u64, base: &[u8]) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut sum = acknowledged.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for (block, bytes) in blocks {
        let at = *block as usize * BLOCK;
        if base[at..at + BLOCK] != bytes[..] {
            let mut hasher = DefaultHasher::new();
            (block, bytes).hash(&mut hasher);
            sum = sum.wrapping_add(hasher.finish());
        }
    }
    sum
}

/// Whether a state is good; else what is wrong with it.
fn judge(
    base: &[u8],
    blocks: &Blocks,
    recording: &Recording,
    acknowledged: u64,
    write_too: bool,
) -> Result<(), String> {
    let disk = Overlay::new(base, blocks.clone());
    // All data is verified below, as it is read.
    let report = check(&disk, &CheckOptions { data: false }).map_err(|error| error.to_string())?;
    if !report.is_clean() {
        return Err(format!("check: {report}"));
    }
    let options = MountOptions {
        read_only: true,
        ..MountOptions::default()
    };
    let mounted = Volume::mount(&disk, &options).map_err(|(_, error)| error);
    let mut volume = mounted.map_err(|error| format!("mount: {error}"))?;
    let generation = volume.generation();
    if generation != acknowledged && generation != acknowledged + 1 {
        return Err(format!(
            "generation {generation} is neither the last nor the next"
        ));
    }
    let found = read_back(&mut volume).map_err(|error| format!("read: {error}"))?;
    let allowed = recording
        .commits
        .get(&generation)
        .ok_or("a commit that was never made")?;
    let differences: Vec<String> = allowed
        .iter()
        .filter_map(|model| difference(&found, model))
        .collect();
    if differences.len() == allowed.len() {
        return Err(format!("generation {generation}: {differences:?}"));
    }
    if write_too {
        use_again(&disk, &found)
    } else {
        Ok(())
    }
}

/// Mounts for writing, changes something, and looks whether all is still well; then
/// mounts once more, as after a second cut.
fn use_again(disk: &Overlay<'_>, found: &Model) -> Result<(), String> {
    let mounted = Volume::mount(disk, &MountOptions::default()).map_err(|(_, error)| error);
    let mut volume = mounted.map_err(|error| format!("mount for writing: {error}"))?;
    let root = volume.root();
    let made = volume.create(root, b"after the cut", fixture::new_file(9));
    if let Ok(ino) = made {
        let _ = volume.write(ino, 0, &[3; 5000], 9);
    }
    let (_, outcome) = volume.unmount();
    outcome.map_err(|error| format!("unmount: {error}"))?;
    let report = check(disk, &CheckOptions { data: true }).map_err(|error| error.to_string())?;
    if !report.is_clean() {
        return Err(format!("check after writing: {report}"));
    }
    let mut volume = fixture::mount(disk);
    if made.is_ok() {
        let removed = volume.unlink(root, b"after the cut", Case::Exact, 10);
        removed.map_err(|error| format!("unlink: {error}"))?;
    }
    let again = read_back(&mut volume).map_err(|error| format!("read again: {error}"))?;
    difference(&again, found).map_or(Ok(()), Err)
}
