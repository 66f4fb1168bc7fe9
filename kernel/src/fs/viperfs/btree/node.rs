//! One tree node as raw bytes: items of a leaf, entries of a branch.
//!
//! A leaf's item headers grow up behind the node header, item data grows down from the
//! end. Removing an item leaves a gap in the data, closed by [`Node::compact`] when an
//! insertion needs the room. A branch has fixed entries of key and pointer.
//!
//! Invariant: a `Node` was either built here or passed [`Node::validate`], so offsets
//! inside it are right. Nothing below relies on that for safety: reads outside of the
//! page give zero and writes outside of it are dropped.

use alloc::{vec, vec::Vec};

use zerocopy::{FromBytes, IntoBytes};

use crate::fs::viperfs::layout::checksum::block_sum;
use crate::fs::viperfs::layout::key::KEY_BYTES;
use crate::fs::viperfs::layout::node_header::{
    BRANCH_BYTES, HEADER_BYTES, ITEM_BYTES, LEVEL_MAX, NODE_MAGIC, NodeHeader,
};
use crate::fs::viperfs::layout::{Key, NodePointer};
use crate::word;

const OWNER_AT: usize = 32;
const LEVEL_AT: usize = 48;
const COUNT_AT: usize = 50;
const FREE_AT: usize = 52;
const DATA_START_AT: usize = 54;

/// A node in memory.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    bytes: Vec<u8>,
}

impl Node {
    /// An empty node.
    pub fn new(node_bytes: usize, uuid32: u32, owner: u64, level: u8) -> Node {
        let header = NodeHeader {
            magic: NODE_MAGIC.into(),
            uuid32: uuid32.into(),
            owner: owner.into(),
            level,
            free: word::count16(node_bytes.saturating_sub(HEADER_BYTES)).into(),
            data_start: word::count16(node_bytes).into(),
            ..NodeHeader::default()
        };
        let mut bytes = vec![0; node_bytes];
        put(&mut bytes, 0, header.as_bytes());
        Node { bytes }
    }

    /// Takes a page as read; says what is wrong with its structure.
    pub fn validate(bytes: Vec<u8>) -> Result<Node, &'static str> {
        let node = Node { bytes };
        if node.level() > LEVEL_MAX {
            return Err("a node is too high");
        }
        if node.is_leaf() {
            node.validate_leaf()?
        } else {
            node.validate_branch()?
        }
        let ordered = (0..node.count())
            .map(|index| node.key(index))
            .is_sorted_by(|a, b| a < b);
        if ordered {
            Ok(node)
        } else {
            Err("keys of a node are not in order")
        }
    }

    fn validate_leaf(&self) -> Result<(), &'static str> {
        let headers_end = self.slot(self.count());
        if headers_end > self.bytes.len() {
            return Err("a leaf has too many items");
        }
        let mut data = 0usize;
        let mut lowest = self.bytes.len();
        for index in 0..self.count() {
            let (start, len) = self.extent_of(index);
            if start < headers_end || start.saturating_add(len) > self.bytes.len() {
                return Err("an item lies outside of its leaf");
            }
            if len > super::value_bytes_max(self.bytes.len()) {
                return Err("an item is too long");
            }
            data = data.saturating_add(len);
            lowest = lowest.min(start);
        }
        let used = headers_end.saturating_add(data);
        if self.bytes.len().checked_sub(used) != Some(self.free()) {
            return Err("the items of a leaf do not add up");
        }
        if self.data_start() > lowest || self.data_start() < headers_end {
            return Err("a leaf has a wrong data start");
        }
        Ok(())
    }

    fn validate_branch(&self) -> Result<(), &'static str> {
        let used = self.slot(self.count());
        if self.count() == 0 || used > self.bytes.len() {
            return Err("a branch has a wrong number of entries");
        }
        if self.bytes.len().checked_sub(used) != Some(self.free()) {
            return Err("the entries of a branch do not add up");
        }
        Ok(())
    }

    pub fn header(&self) -> NodeHeader {
        NodeHeader::read_from_prefix(&self.bytes)
            .map(|(header, _)| header)
            .unwrap_or_default()
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn level(&self) -> u8 {
        self.bytes.get(LEVEL_AT).copied().unwrap_or(0)
    }

    pub fn is_leaf(&self) -> bool {
        self.level() == 0
    }

    pub fn owner(&self) -> u64 {
        u64_at(&self.bytes, OWNER_AT)
    }

    /// Items or entries.
    pub fn count(&self) -> usize {
        u16_at(&self.bytes, COUNT_AT)
    }

    pub fn free(&self) -> usize {
        u16_at(&self.bytes, FREE_AT)
    }

    /// Bytes of items, headers included.
    pub fn used(&self) -> usize {
        self.capacity().saturating_sub(self.free())
    }

    /// Bytes that items may take.
    pub fn capacity(&self) -> usize {
        self.bytes.len().saturating_sub(HEADER_BYTES)
    }

    fn data_start(&self) -> usize {
        u16_at(&self.bytes, DATA_START_AT)
    }

    fn stride(&self) -> usize {
        if self.is_leaf() {
            ITEM_BYTES
        } else {
            BRANCH_BYTES
        }
    }

    /// Where an item's header or an entry lies. What is too large for an offset lies
    /// outside of every node.
    fn slot(&self, index: usize) -> usize {
        slot_at(index, self.stride())
    }

    /// Where the pointer of an entry or the rest of an item's header lies.
    fn behind_key(&self, index: usize) -> usize {
        self.slot(index).saturating_add(KEY_BYTES)
    }

    pub fn key(&self, index: usize) -> Key {
        key_at(&self.bytes, self.slot(index))
    }

    pub fn first_key(&self) -> Option<Key> {
        (self.count() > 0).then(|| self.key(0))
    }

    pub fn last_key(&self) -> Option<Key> {
        let last = self.count().checked_sub(1)?;
        Some(self.key(last))
    }

    /// Index of the key, or where it belongs.
    pub fn search(&self, key: &Key) -> Result<usize, usize> {
        let stride = self.stride();
        let (mut low, mut high) = (0, self.count());
        while low < high {
            let middle = low.midpoint(high);
            match key_at(&self.bytes, slot_at(middle, stride)).cmp(key) {
                core::cmp::Ordering::Less => low = middle.saturating_add(1),
                core::cmp::Ordering::Greater => high = middle,
                core::cmp::Ordering::Equal => return Ok(middle),
            }
        }
        Err(low)
    }

    /// Entry of a branch below which the key belongs.
    pub fn child_index(&self, key: &Key) -> usize {
        match self.search(key) {
            Ok(index) => index,
            Err(index) => index.saturating_sub(1),
        }
    }

    pub fn child(&self, index: usize) -> NodePointer {
        let at = self.behind_key(index);
        let bytes = self.bytes.get(at..).unwrap_or(&[]);
        NodePointer::read_from_prefix(bytes)
            .map(|(pointer, _)| pointer)
            .unwrap_or_default()
    }

    pub fn set_child(&mut self, index: usize, pointer: &NodePointer) {
        let at = self.behind_key(index);
        put(&mut self.bytes, at, pointer.as_bytes());
    }

    pub fn set_key(&mut self, index: usize, key: &Key) {
        let at = self.slot(index);
        put(&mut self.bytes, at, &key.to_bytes());
    }

    /// Whether a branch has room for one more entry.
    pub fn has_entry_room(&self) -> bool {
        self.free() >= BRANCH_BYTES
    }

    /// Adds an entry to a branch that has room for it.
    pub fn insert_child(&mut self, index: usize, key: &Key, pointer: &NodePointer) {
        self.open_slot(index, BRANCH_BYTES);
        self.set_key(index, key);
        self.set_child(index, pointer);
        self.set_free(self.free().saturating_sub(BRANCH_BYTES));
    }

    pub fn remove_child(&mut self, index: usize) {
        self.close_slot(index, BRANCH_BYTES);
        self.set_free(self.free().saturating_add(BRANCH_BYTES));
    }

    pub fn value(&self, index: usize) -> &[u8] {
        let (start, len) = self.extent_of(index);
        self.bytes
            .get(start..start.saturating_add(len))
            .unwrap_or(&[])
    }

    pub fn value_mut(&mut self, index: usize) -> &mut [u8] {
        let (start, len) = self.extent_of(index);
        let end = start.saturating_add(len);
        self.bytes.get_mut(start..end).unwrap_or(&mut [])
    }

    /// Whether a leaf has room for a value of this length and its header.
    pub fn has_item_room(&self, value_len: usize) -> bool {
        self.free() >= ITEM_BYTES.saturating_add(value_len)
    }

    /// Bytes an item takes in a leaf.
    pub fn item_size(&self, index: usize) -> usize {
        ITEM_BYTES.saturating_add(self.extent_of(index).1)
    }

    /// Adds an item to a leaf that has room for it.
    pub fn insert_item(&mut self, index: usize, key: &Key, value: &[u8]) {
        let size = ITEM_BYTES.saturating_add(value.len());
        let headers_end = self.slot(self.count());
        let mut data_start = self.data_start();
        if data_start < headers_end.saturating_add(size) {
            self.compact();
            data_start = self.data_start();
        }
        let start = data_start.saturating_sub(value.len());
        put(&mut self.bytes, start, value);
        put_u16(&mut self.bytes, DATA_START_AT, start);
        self.open_slot(index, ITEM_BYTES);
        self.set_key(index, key);
        let at = self.behind_key(index);
        put_u16(&mut self.bytes, at, start);
        put_u16(&mut self.bytes, at.saturating_add(2), value.len());
        put(&mut self.bytes, at.saturating_add(4), &[0; 4]);
        self.set_free(self.free().saturating_sub(size));
    }

    pub fn remove_item(&mut self, index: usize) {
        let (start, len) = self.extent_of(index);
        if start == self.data_start() {
            put_u16(&mut self.bytes, DATA_START_AT, start.saturating_add(len));
        }
        self.close_slot(index, ITEM_BYTES);
        let size = ITEM_BYTES.saturating_add(len);
        self.set_free(self.free().saturating_add(size));
        if self.count() == 0 {
            let end = self.bytes.len();
            put_u16(&mut self.bytes, DATA_START_AT, end);
        }
    }

    /// Moves the items or entries from `at` on into a new node.
    pub fn split_off(&mut self, at: usize) -> Node {
        let mut right = self.empty_like();
        right.append_range(self, at, self.count());
        let mut left = self.empty_like();
        left.append_range(self, 0, at);
        self.bytes = left.bytes;
        right
    }

    /// Appends everything of a node whose keys are all higher.
    pub fn append(&mut self, right: &Node) {
        self.append_range(right, 0, right.count());
    }

    /// Replaces the content by `left` followed by its own.
    pub fn prepend(&mut self, left: &Node) {
        let mut joined = self.empty_like();
        joined.append_range(left, 0, left.count());
        joined.append_range(self, 0, self.count());
        self.bytes = joined.bytes;
    }

    /// Fills in what only a written node has and returns its checksum.
    pub fn seal(&mut self, addr0: u64, generation: u64) -> u64 {
        let first = self.first_key().map_or(0, |key| key.oid);
        let mut header = self.header();
        header.addr0 = addr0.into();
        header.generation = generation.into();
        header.first_oid = first.into();
        put(&mut self.bytes, 0, header.as_bytes());
        let sum = self.sum();
        put(&mut self.bytes, 0, &sum.to_le_bytes());
        sum
    }

    /// Checksum of the page as it stands.
    pub fn sum(&self) -> u64 {
        page_sum(&self.bytes)
    }

    /// Closes the gaps between item data.
    fn compact(&mut self) {
        let mut packed = self.empty_like();
        packed.append_range(self, 0, self.count());
        self.bytes = packed.bytes;
    }

    fn empty_like(&self) -> Node {
        let header = self.header();
        Node::new(
            self.bytes.len(),
            header.uuid32.get(),
            self.owner(),
            self.level(),
        )
    }

    fn append_range(&mut self, from: &Node, start: usize, end: usize) {
        for index in start..end {
            let at = self.count();
            if self.is_leaf() {
                self.insert_item(at, &from.key(index), from.value(index));
            } else {
                self.insert_child(at, &from.key(index), &from.child(index));
            }
        }
    }

    fn extent_of(&self, index: usize) -> (usize, usize) {
        let at = self.behind_key(index);
        let len_at = at.saturating_add(2);
        (u16_at(&self.bytes, at), u16_at(&self.bytes, len_at))
    }

    fn set_free(&mut self, free: usize) {
        put_u16(&mut self.bytes, FREE_AT, free);
    }

    fn open_slot(&mut self, index: usize, stride: usize) {
        let (from, end) = (self.slot(index), self.slot(self.count()));
        if from <= end && end.saturating_add(stride) <= self.bytes.len() {
            self.bytes
                .copy_within(from..end, from.saturating_add(stride));
        }
        let count = self.count().saturating_add(1);
        put_u16(&mut self.bytes, COUNT_AT, count);
    }

    fn close_slot(&mut self, index: usize, stride: usize) {
        let (from, end) = (self.slot(index), self.slot(self.count()));
        let following = from.saturating_add(stride);
        if following <= end && end <= self.bytes.len() {
            self.bytes.copy_within(following..end, from);
        }
        let count = self.count().saturating_sub(1);
        put_u16(&mut self.bytes, COUNT_AT, count);
    }
}

/// Checksum of a node's page, as it stands in its header and in its parent.
pub(crate) fn page_sum(page: &[u8]) -> u64 {
    block_sum(page.get(size_of::<u64>()..).unwrap_or(&[]))
}

fn slot_at(index: usize, stride: usize) -> usize {
    HEADER_BYTES.saturating_add(index.saturating_mul(stride))
}

fn u16_at(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at..at.saturating_add(2)) {
        Some(&[low, high]) => usize::from(u16::from_le_bytes([low, high])),
        _ => 0,
    }
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let found = bytes.get(at..).and_then(|tail| tail.first_chunk::<8>());
    found.map_or(0, |chunk| u64::from_le_bytes(*chunk))
}

fn key_at(bytes: &[u8], at: usize) -> Key {
    let found = bytes
        .get(at..)
        .and_then(|tail| tail.first_chunk::<KEY_BYTES>());
    found.map_or(Key::MIN, Key::from_bytes)
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(room) = bytes.get_mut(at..at.saturating_add(value.len())) {
        room.copy_from_slice(value);
    }
}

fn put_u16(bytes: &mut [u8], at: usize, value: usize) {
    put(bytes, at, &word::count16(value).to_le_bytes());
}
