//! Trees against maps, with every way to split and merge.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use super::{Tree, Visit, value_bytes_max};
use crate::block::MemoryDisk;
use crate::fs::viperfs::layout::node_header::BRANCH_BYTES;
use crate::fs::viperfs::layout::{Key, NodePointer};
use crate::fs::viperfs::store::Store;
use crate::fs::viperfs::{FormatOptions, Volume};

const OWNER: u64 = 77;

struct Lab {
    store: Store<MemoryDisk>,
    tree: Tree,
    map: BTreeMap<Key, Vec<u8>>,
    random: u64,
}

impl Lab {
    fn new(seed: u64, node_bytes: usize) -> Lab {
        let options = FormatOptions {
            node_bytes,
            ..FormatOptions::default()
        };
        let volume = Volume::format(MemoryDisk::new(131_072), &options).expect("64 MiB is enough");
        let mut store = volume.store;
        store
            .space
            .reserve(&mut store.disk, 64, 0, 0)
            .expect("there is room");
        let node = store.empty_node(OWNER, 0);
        let (_, root) = store.create(node).expect("there is room");
        let tree = Tree { root, owner: OWNER };
        Lab {
            store,
            tree,
            map: BTreeMap::new(),
            random: seed,
        }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.random >> 33) % bound
    }

    fn key(&mut self, spread: u64) -> Key {
        Key {
            oid: self.below(spread),
            kind: self.below(3) as u8,
            offset: self.below(5),
        }
    }

    fn reserve(&mut self) {
        let store = &mut self.store;
        store
            .space
            .reserve(&mut store.disk, 64, 0, 0)
            .expect("there is room");
    }

    fn put(&mut self, key: Key, value: Vec<u8>) {
        self.reserve();
        self.store
            .put(&mut self.tree, &key, &value)
            .expect("put works");
        self.map.insert(key, value);
    }

    fn remove(&mut self, key: Key) {
        self.reserve();
        let removed = self.store.remove(&mut self.tree, &key);
        assert_eq!(removed.is_ok(), self.map.remove(&key).is_some());
    }

    fn compare(&mut self) {
        let mut found = Vec::new();
        let scanned = self.store.scan(&self.tree, Key::MIN, |key, value| {
            found.push((*key, value.to_vec()));
            Visit::Continue
        });
        scanned.expect("the tree can be read");
        let wanted: Vec<_> = self.map.clone().into_iter().collect();
        assert!(found == wanted, "the tree differs from the map");
        let root = self.tree.root;
        self.check_below(root, None);
    }

    /// Every node is reachable, in order, filled, and at its height.
    fn check_below(&mut self, pointer: NodePointer, level: Option<u8>) {
        let slot = self
            .store
            .load(&pointer, OWNER, level)
            .expect("the node is there");
        let node = self.store.node(slot).expect("it is cached").clone();
        assert!(
            node.count() > 0 || level.is_none(),
            "no node but the root is empty"
        );
        if let Some(below) = node.level().checked_sub(1) {
            assert_eq!(node.used(), node.count() * BRANCH_BYTES, "a branch adds up");
            for index in 0..node.count() {
                self.check_below(node.child(index), Some(below));
            }
        } else {
            let used: usize = (0..node.count()).map(|index| node.item_size(index)).sum();
            assert_eq!(node.used(), used, "a leaf adds up");
        }
    }

    fn height(&mut self) -> usize {
        self.store.height(&self.tree).expect("there is a root")
    }
}

fn random_operations(seed: u64, node_bytes: usize, spread: u64, longest: usize) {
    let mut lab = Lab::new(seed, node_bytes);
    let mut highest = 0;
    for round in 0..12 {
        // Rounds that mostly grow and rounds that mostly shrink.
        let puts = if round % 3 == 2 { 2 } else { 7 };
        for _ in 0..1500 {
            let key = lab.key(spread);
            if lab.below(10) < puts {
                let len = lab.below(longest as u64 + 1) as usize;
                let fill = lab.below(256) as u8;
                lab.put(key, vec![fill; len]);
            } else {
                lab.remove(key);
            }
        }
        lab.compare();
        highest = highest.max(lab.height());
    }
    assert!(highest >= 1, "seed {seed}: the tree has grown");
    for key in lab.map.keys().copied().collect::<Vec<_>>() {
        lab.remove(key);
    }
    lab.compare();
    assert_eq!(lab.height(), 0, "seed {seed}: an empty tree is one leaf");
}

#[test]
fn small_values_behave_like_a_map() {
    for seed in 1..6 {
        random_operations(seed, 4096, 4000, 60);
    }
}

#[test]
fn values_up_to_the_longest_behave_like_a_map() {
    for seed in 1..6 {
        random_operations(seed, 4096, 600, value_bytes_max(4096));
        random_operations(seed, 16384, 150, value_bytes_max(16384));
    }
}

#[test]
fn rising_and_falling_keys_fill_the_nodes() {
    for falling in [false, true] {
        let mut lab = Lab::new(9, 4096);
        for number in 0..20_000 {
            let oid = if falling { 20_000 - number } else { number };
            lab.put(
                Key {
                    oid,
                    kind: 1,
                    offset: 0,
                },
                vec![oid as u8; 20],
            );
        }
        lab.compare();
        assert!(lab.height() >= 2, "three levels");
        let nodes = lab.store.cache.dirty_nodes();
        let full = 20_000 / (4032 / 45) + 10;
        let share = full * 100 / nodes;
        assert!(
            falling || share > 90,
            "rising keys leave full leaves: {share} %"
        );
        assert!(share > 40, "{share} % full");
    }
}

#[test]
fn too_long_a_value_is_refused() {
    let mut lab = Lab::new(1, 4096);
    let longest = value_bytes_max(4096);
    lab.put(Key::MIN, vec![1; longest]);
    let refused = lab
        .store
        .put(&mut lab.tree, &Key::MIN, &vec![1; longest + 1]);
    assert_eq!(refused, Err(crate::fs::viperfs::Error::TooLarge));
}
