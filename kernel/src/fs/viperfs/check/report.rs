//! What a check has found.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// Problems that are described; further ones are counted.
const PROBLEMS_MAX: usize = 1000;

/// One thing that is not as it has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Phase 0 to 5 that found it.
    pub phase: u8,
    /// Block it is about, if it is about one.
    pub block: Option<u64>,
    /// What is wrong.
    pub text: String,
}

/// How much there is on a volume.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Tree nodes, copies counted once.
    pub nodes: u64,
    /// Inodes of any kind.
    pub inodes: u64,
    /// Directories.
    pub directories: u64,
    /// Inodes that wait to be cleaned up.
    pub orphans: u64,
    /// Blocks of file data.
    pub data_blocks: u64,
    /// Blocks whose data was verified.
    pub verified_blocks: u64,
    /// Clear blocks.
    pub free_blocks: u64,
}

/// The outcome of a check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Number of the commit that was checked.
    pub generation: u64,
    /// Number of the volume.
    pub uuid: [u8; 16],
    /// What is wrong, the first thousand.
    pub problems: Vec<Problem>,
    /// Problems beyond those.
    pub more: u64,
    /// How much there is.
    pub counts: Counts,
}

impl Report {
    /// Whether everything is as it has to be.
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    pub(super) fn add(&mut self, phase: u8, block: Option<u64>, text: String) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(Problem { phase, block, text });
        } else {
            self.more = self.more.saturating_add(1);
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.block {
            Some(block) => write!(out, "phase {}: block {block}: {}", self.phase, self.text),
            None => write!(out, "phase {}: {}", self.phase, self.text),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            writeln!(out, "{problem}")?;
        }
        if self.more > 0 {
            writeln!(out, "and {} more problems", self.more)?;
        }
        let counts = &self.counts;
        write!(
            out,
            "generation {}: {} inodes, {} of them directories, {} nodes, {} data blocks, {} free",
            self.generation,
            counts.inodes,
            counts.directories,
            counts.nodes,
            counts.data_blocks,
            counts.free_blocks
        )
    }
}
