//! Phase 2: every node of every tree.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use super::Check;
use crate::block::BlockDevice;
use crate::fs::viperfs::btree::Node;
use crate::fs::viperfs::layout::{Key, NodePointer};
use crate::fs::viperfs::space::Run;
use crate::fs::viperfs::store::decode_node;

/// What takes the items of a tree as a walk passes them, in the order of keys.
pub(super) trait Visitor<D> {
    fn item(&mut self, check: &mut Check<'_, D>, key: &Key, value: &[u8], leaf: u64);
}

/// A node still to be looked at.
#[derive(Clone, Copy)]
struct Pending {
    pointer: NodePointer,
    level: Option<u8>,
    low: Key,
    high: Option<Key>,
}

impl<D: BlockDevice> Check<'_, D> {
    /// Walks a tree. A node that was reached before is reported and not entered, so
    /// that the walk ends on any disk.
    pub(super) fn walk(&mut self, root: NodePointer, owner: u64, visitor: &mut impl Visitor<D>) {
        let mut to_visit = vec![Pending {
            pointer: root,
            level: None,
            low: Key::MIN,
            high: None,
        }];
        while let Some(pending) = to_visit.pop() {
            let Some(node) = self.read_node(&pending, owner) else {
                continue;
            };
            let nodes = &mut self.report.counts.nodes;
            *nodes = nodes.saturating_add(1);
            let address = pending.pointer.addr0.get();
            match node.level().checked_sub(1) {
                Some(below) => to_visit.extend(self.children(&node, &pending, below)),
                None => {
                    for index in 0..node.count() {
                        visitor.item(self, &node.key(index), node.value(index), address);
                    }
                }
            }
        }
    }

    fn children(&mut self, node: &Node, above: &Pending, level: u8) -> Vec<Pending> {
        let child = |index: usize| Pending {
            pointer: node.child(index),
            level: Some(level),
            low: node.key(index),
            high: match index.saturating_add(1) {
                next if next < node.count() => Some(node.key(next)),
                _ => above.high,
            },
        };
        // The last one pushed is taken first.
        (0..node.count()).rev().map(child).collect()
    }

    /// Reads both copies, reports what is wrong and returns the good content.
    fn read_node(&mut self, pending: &Pending, owner: u64) -> Option<Node> {
        let pointer = &pending.pointer;
        let (addr0, addr1) = (pointer.addr0.get(), pointer.addr1.get());
        if pointer.generation.get() > self.generation {
            self.problem(addr0, "a pointer is newer than the volume");
        }
        if addr1 == 0 {
            self.problem(addr0, "a node has no second copy");
        }
        let len = self.geometry.node_blocks();
        let mut fresh = true;
        for start in pointer.addresses() {
            fresh &= self.claim(Run { start, len }, "a node");
        }
        if !fresh {
            return None;
        }
        let mut good = None;
        for address in pointer.addresses() {
            match self.read_copy(pointer, address) {
                Ok(node) => good = good.or(Some(node)),
                Err(why) => self.problem(address, why),
            }
        }
        let node = good?;
        self.check_place(&node, pending, owner).then_some(node)
    }

    fn read_copy(&mut self, pointer: &NodePointer, address: u64) -> Result<Node, &'static str> {
        let blocks = self.geometry.node_blocks() as usize;
        let bytes = self
            .disk
            .read(address, blocks)
            .map_err(|_| "a node cannot be read")?;
        decode_node(bytes, pointer, self.uuid32)
    }

    fn check_place(&mut self, node: &Node, pending: &Pending, owner: u64) -> bool {
        let address = pending.pointer.addr0.get();
        let is_root = pending.level.is_none();
        let inside = node
            .first_key()
            .map_or(is_root, |first| pending.low <= first)
            && pending.high.is_none_or(|high| node.last_key() < Some(high));
        let problem = if node.owner() != owner {
            "a node belongs to another tree"
        } else if pending.level.is_some_and(|level| level != node.level()) {
            "a node is at the wrong height"
        } else if !inside {
            "a node has keys of another"
        } else {
            return true;
        };
        self.problem(address, problem);
        false
    }

    /// Notes that blocks are used; `false`, with a problem, when they cannot be.
    pub(super) fn claim(&mut self, run: Run, what: &str) -> bool {
        if !self.geometry.is_allocatable(run.start, run.len) {
            let text = format!("{what} lies where none can be");
            self.report.add(2, Some(run.start), text);
            return false;
        }
        match self.blocks.claim(run) {
            Ok(()) => true,
            Err(block) => {
                self.report.add(
                    2,
                    Some(block),
                    format!("{what} shares a block with something"),
                );
                false
            }
        }
    }

    fn problem(&mut self, block: u64, text: &str) {
        self.report.add(2, Some(block), text.into());
    }
}
