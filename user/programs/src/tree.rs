//! A directory and everything below it.

use alloc::string::String;
use alloc::vec::Vec;

use viper::fs::{self, DirEntry};
use viper::path;

use crate::selection;

/// One thing below a directory.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its path, from the directory the walk began at.
    pub path: String,
    /// The part of its path below that directory.
    pub below: String,
    /// Whether it is a directory.
    pub is_dir: bool,
    /// How many directories lie between.
    pub depth: usize,
}

/// Walks over everything below a directory, each directory before what is in it. It
/// keeps its own stack, so that no depth can exhaust the program's.
#[derive(Debug)]
pub struct Walk {
    /// Still to be visited, the next one last.
    pending: Vec<Node>,
}

impl Walk {
    /// Begins below `directory`.
    ///
    /// # Errors
    ///
    /// Where it cannot be read.
    pub fn new(directory: &str) -> fs::Result<Walk> {
        let mut walk = Walk {
            pending: Vec::new(),
        };
        walk.push_children(directory, "", 0)?;
        Ok(walk)
    }

    fn push_children(&mut self, directory: &str, below: &str, depth: usize) -> fs::Result<()> {
        let children = sorted(directory)?;
        self.pending.extend(children.iter().rev().map(|entry| Node {
            path: path::join(directory, entry.name()),
            below: path::join(below, entry.name()),
            is_dir: entry.is_dir(),
            depth,
        }));
        Ok(())
    }
}

impl Iterator for Walk {
    /// What was met, and the failure of a directory that cannot be read.
    type Item = (Node, fs::Result<()>);

    fn next(&mut self) -> Option<Self::Item> {
        let node = self.pending.pop()?;
        let result = match node.is_dir {
            true => {
                let depth = node.depth.saturating_add(1);
                self.push_children(&node.path, &node.below, depth)
            }
            false => Ok(()),
        };
        Some((node, result))
    }
}

/// The names in a directory, sorted.
///
/// # Errors
///
/// Where it cannot be read.
pub fn sorted(directory: &str) -> fs::Result<Vec<DirEntry>> {
    let mut entries = fs::read_dir(directory)?.collect::<fs::Result<Vec<_>>>()?;
    selection::sort(&mut entries, DirEntry::name);
    Ok(entries)
}
