//! Changes to an image that checksums do not betray.
//!
//! [`Forge`] finds every node of a volume and can write one with other bytes, with all
//! checksums from it up to the superblocks made right again, as an attacker would.

use kernel::fs::viperfs::layout::checksum::block_sum;
use kernel::fs::viperfs::layout::key::KEY_BYTES;
use kernel::fs::viperfs::layout::node_header::{BRANCH_BYTES, HEADER_BYTES, ITEM_BYTES};
use kernel::fs::viperfs::layout::subvolume::SubvolumeItem;
use kernel::fs::viperfs::layout::superblock::Superblock;
use kernel::fs::viperfs::layout::{Geometry, ItemKind, Key, NodePointer};
use zerocopy::{FromBytes, IntoBytes};

use super::overlay::BLOCK;

const LEVEL_AT: usize = 48;
const COUNT_AT: usize = 50;

/// A node and the way to it: where in which page the pointer to it stands.
#[derive(Clone, Debug)]
pub struct NodePlace {
    pub pointer: NodePointer,
    /// Index of the node that holds the pointer; `None` for the root tree's root.
    pub parent: Option<usize>,
    /// Offset of the pointer in the page of that node.
    pub at: usize,
}

/// The nodes of a volume with nodes of 4 KiB.
pub struct Forge {
    pub geometry: Geometry,
    pub superblock: Superblock,
    pub nodes: Vec<NodePlace>,
}

impl Forge {
    /// Finds all nodes of the newest state.
    pub fn new(image: &[u8]) -> Forge {
        let geometry = Geometry::new((image.len() / BLOCK) as u64, BLOCK).expect("a volume");
        let slots = [0, 1].map(|slot| geometry.superblock(0, slot));
        let superblock = slots
            .into_iter()
            .filter_map(|block| Superblock::decode(page(image, block)).ok())
            .max_by_key(|superblock| superblock.generation.get())
            .expect("a superblock");
        let mut forge = Forge {
            geometry,
            superblock,
            nodes: Vec::new(),
        };
        forge.walk(image, superblock.root_tree, None, 0);
        forge
    }

    fn walk(&mut self, image: &[u8], pointer: NodePointer, parent: Option<usize>, at: usize) {
        let own = self.nodes.len();
        self.nodes.push(NodePlace {
            pointer,
            parent,
            at,
        });
        let bytes = page(image, pointer.addr0.get());
        let count = usize::from(u16::from_le_bytes([bytes[COUNT_AT], bytes[COUNT_AT + 1]]));
        for index in 0..count {
            if bytes[LEVEL_AT] > 0 {
                let at = HEADER_BYTES + index * BRANCH_BYTES + KEY_BYTES;
                let (child, _) = NodePointer::read_from_prefix(&bytes[at..]).expect("inside");
                self.walk(image, child, Some(own), at);
                continue;
            }
            let at = HEADER_BYTES + index * ITEM_BYTES;
            let key = Key::from_bytes(bytes[at..at + KEY_BYTES].try_into().expect("a key"));
            if key.is(ItemKind::Subvolume) {
                let header = &bytes[at + KEY_BYTES..];
                let value = usize::from(u16::from_le_bytes([header[0], header[1]]));
                let (item, _) = SubvolumeItem::read_from_prefix(&bytes[value..]).expect("inside");
                self.walk(image, item.root, Some(own), value);
            }
        }
    }

    /// Writes a page in place of a node and makes every checksum above it right.
    pub fn replace(&self, image: &mut [u8], node: usize, mut bytes: Vec<u8>) {
        let mut at = Some(node);
        while let Some(index) = at {
            let place = &self.nodes[index];
            let sum = block_sum(&bytes[8..]);
            bytes[..8].copy_from_slice(&sum.to_le_bytes());
            for address in place.pointer.addresses() {
                page_mut(image, address).copy_from_slice(&bytes);
            }
            let mut pointer = place.pointer;
            pointer.checksum = sum.into();
            match place.parent {
                Some(parent) => {
                    bytes = page(image, self.nodes[parent].pointer.addr0.get()).to_vec();
                    bytes[place.at..place.at + 32].copy_from_slice(pointer.as_bytes());
                }
                None => {
                    let mut superblock = self.superblock;
                    superblock.root_tree = pointer;
                    self.replace_superblock(image, &superblock);
                }
            }
            at = place.parent;
        }
    }

    /// Changes the value of the first item that `wanted` accepts, signed; `false` when
    /// there is none.
    pub fn edit(
        &self,
        image: &mut [u8],
        wanted: impl Fn(&Key, &[u8]) -> bool,
        change: impl FnOnce(&mut [u8]),
    ) -> bool {
        for (node, place) in self.nodes.iter().enumerate() {
            let mut bytes = page(image, place.pointer.addr0.get()).to_vec();
            let count = usize::from(u16::from_le_bytes([bytes[COUNT_AT], bytes[COUNT_AT + 1]]));
            if bytes[LEVEL_AT] > 0 {
                continue;
            }
            for index in 0..count {
                let at = HEADER_BYTES + index * ITEM_BYTES;
                let key = Key::from_bytes(bytes[at..at + KEY_BYTES].try_into().expect("a key"));
                let half = |at: usize| usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
                let (start, len) = (half(at + KEY_BYTES), half(at + KEY_BYTES + 2));
                if wanted(&key, &bytes[start..start + len]) {
                    change(&mut bytes[start..start + len]);
                    self.replace(image, node, bytes);
                    return true;
                }
            }
        }
        false
    }

    /// Writes a superblock, signed, to its slot at every place.
    pub fn replace_superblock(&self, image: &mut [u8], superblock: &Superblock) {
        for place in 0..3 {
            let mut copy = *superblock;
            copy.place = place as u8;
            let block = self.geometry.superblock(place, self.superblock.slot.into());
            page_mut(image, block).copy_from_slice(&copy.encode());
        }
    }
}

pub fn page(image: &[u8], block: u64) -> &[u8] {
    let at = block as usize * BLOCK;
    &image[at..at + BLOCK]
}

pub fn page_mut(image: &mut [u8], block: u64) -> &mut [u8] {
    let at = block as usize * BLOCK;
    &mut image[at..at + BLOCK]
}
