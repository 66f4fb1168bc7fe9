//! Volumes that something has damaged, by chance or on purpose.
//!
//! `VIPERFS_DAMAGE_TRIALS` asks for more images, `VIPERFS_SEED` for other ones.

mod support;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use kernel::fs::viperfs::check::{CheckOptions, check};
use kernel::fs::viperfs::layout::superblock::{SUPERBLOCK_BYTES, Superblock};
use kernel::fs::viperfs::{Case, Error, Kind, MountOptions, NewNode, Place, RenameOptions, Volume};
use support::fixture::{self, MIB};
use support::forge::{Forge, page};
use support::model::{Model, Node, difference, read_back};
use support::overlay::{BLOCK, Blocks, Overlay};
use support::random::{Random, setting};
use zerocopy::{FromBytes, IntoBytes};

/// Longest time for one image, whatever is on it.
const TIME_MAX: Duration = Duration::from_secs(2);

/// A volume with 300 files in nested directories; its last two commits hold the same.
fn image() -> (Vec<u8>, Model) {
    let mut volume = fixture::volume(8 * MIB, BLOCK);
    let mut dir = volume.root();
    for number in 0..300usize {
        let name = format!("file number {number}");
        let ino = volume
            .create(dir, name.as_bytes(), fixture::new_file(1))
            .unwrap();
        let len = if number.is_multiple_of(10) {
            number * 80
        } else {
            number * 3
        };
        volume.write(ino, 0, &vec![number as u8; len], 1).unwrap();
        if number % 50 == 49 {
            dir = volume.create(dir, b"below", fixture::new_dir(1)).unwrap();
        }
    }
    volume.sync().unwrap();
    let root = volume.root();
    volume.set_attributes(root, Default::default(), 2).unwrap();
    volume.sync().unwrap();
    let model = read_back(&mut volume).unwrap();
    let (disk, outcome) = volume.unmount();
    outcome.unwrap();
    (disk.into_bytes(), model)
}

/// Mounts, compares everything, unmounts; returns how many copies were mended.
fn all_is_there(disk: &Overlay<'_>, model: &Model) -> u64 {
    let mut volume = fixture::mount(disk);
    let found = read_back(&mut volume).expect("everything can be read");
    assert_eq!(difference(&found, model), None);
    let healed = volume.statistics().healed;
    volume.unmount().1.expect("it unmounts");
    healed
}

#[test]
fn any_single_damaged_node_is_mended() {
    let (image, model) = image();
    let forge = Forge::new(&image);
    assert!(forge.nodes.len() > 20, "only {} nodes", forge.nodes.len());
    let mut random = Random::new(1);
    for place in &forge.nodes {
        for (copy, address) in place.pointer.addresses().enumerate() {
            let mut bytes = page(&image, address).to_vec();
            match random.below(3) {
                0 => bytes.fill(0),
                1 => bytes[random.below(BLOCK as u64) as usize] ^= 1 << random.below(8),
                _ => bytes.copy_from_slice(page(&image, address ^ 1)),
            }
            let damaged = Overlay::new(&image, Blocks::from([(address, bytes)]));
            assert!(
                !is_clean(&damaged),
                "the checker sees the damage at {address}"
            );
            let healed = all_is_there(&damaged, &model);
            // The second copy is read only when the first is damaged.
            assert_eq!(healed, u64::from(copy == 0), "node at {address}");
            assert_eq!(is_clean(&damaged), copy == 0, "what was mended is clean");
        }
    }
}

fn is_clean(disk: &Overlay<'_>) -> bool {
    check(disk, &CheckOptions { data: true }).is_ok_and(|report| report.is_clean())
}

#[test]
fn a_damaged_bitmap_is_rebuilt() {
    let (image, model) = image();
    let forge = Forge::new(&image);
    for slot in 0..2 {
        let block = forge.geometry.bitmap(0, slot);
        let damaged = Overlay::new(&image, Blocks::from([(block, vec![0xff; BLOCK])]));
        let mut volume = fixture::mount(&damaged);
        let root = volume.root();
        let ino = volume
            .create(root, b"new", fixture::new_file(3))
            .expect("there is room");
        volume
            .write(ino, 0, &[1; 50_000], 3)
            .expect("there is room");
        volume
            .unlink(root, b"new", Case::Exact, 4)
            .expect("it is there");
        volume.unmount().1.expect("it unmounts");
        all_is_there(&damaged, &model);
        assert!(is_clean(&damaged), "slot {slot}");
    }
}

#[test]
fn superblocks_stand_in_for_each_other() {
    let (image, model) = image();
    let forge = Forge::new(&image);
    let all: Vec<u64> = (0..3)
        .flat_map(|p| [0, 1].map(|slot| forge.geometry.superblock(p, slot)))
        .collect();
    for kept in &all {
        let lost = all.iter().filter(|block| *block != kept);
        let damaged = Overlay::new(&image, lost.map(|block| (*block, vec![7; BLOCK])).collect());
        all_is_there(&damaged, &model);
    }
    let none = Overlay::new(
        &image,
        all.iter().map(|block| (*block, vec![7; BLOCK])).collect(),
    );
    let refused = Volume::mount(&none, &MountOptions::default()).map_err(|(_, error)| error);
    assert_eq!(refused.err(), Some(Error::NotViperFs));
}

#[test]
fn damaged_file_data_is_an_error_for_that_file_only() {
    let (image, model) = image();
    // A file whose content is one byte over and over is easy to find.
    let block = (0..image.len() as u64 / BLOCK as u64)
        .find(|block| page(&image, *block).iter().all(|byte| *byte == 250))
        .expect("file 250 has whole blocks");
    let mut bytes = page(&image, block).to_vec();
    bytes[77] ^= 4;
    let damaged = Overlay::new(&image, Blocks::from([(block, bytes)]));
    let mut volume = fixture::mount(&damaged);
    let mut errors = 0;
    for ino in model.files() {
        let Some(Node::File(want)) = model.nodes.get(&ino) else {
            continue;
        };
        let mut data = vec![0; want.len()];
        match volume.read(ino, 0, &mut data) {
            Ok(_) => assert_eq!(data, *want),
            Err(error) => {
                let why = "file data has the wrong checksum";
                assert_eq!(error, Error::Corrupt { block, why });
                assert!(volume.read(ino, 0, &mut data[..100]).is_ok() || want[0] == 250);
                errors += 1;
            }
        }
    }
    assert_eq!(errors, 1);
    assert!(!is_clean(&damaged));
}

/// Reads what a damaged volume still gives: right or an error, never wrong.
fn nothing_is_wrong(disk: &Overlay<'_>, model: &Model) -> Result<(), Error> {
    let mounted = Volume::mount(disk, &MountOptions::default());
    let mut volume = mounted.map_err(|(_, error)| error)?;
    let mut trouble = Ok(());
    let mut note = |error: Error| {
        let damage = matches!(error, Error::Corrupt { .. } | Error::Io { .. });
        assert!(damage, "a damaged volume said {error:?}");
        trouble = Err(error);
    };
    for (ino, node) in &model.nodes {
        match node {
            Node::File(want) => {
                let mut data = vec![0; want.len() + 1];
                match volume.read(*ino, 0, &mut data) {
                    Ok(len) => assert!(data[..len] == want[..], "wrong data in {ino}"),
                    Err(error) => note(error),
                }
            }
            Node::Directory { entries, .. } => {
                for (name, target) in entries {
                    match volume.lookup(*ino, name, Case::Exact) {
                        Ok(found) => assert_eq!(found.ino, *target),
                        Err(error) => note(error),
                    }
                }
            }
        }
    }
    trouble
}

#[test]
fn random_damage_never_gives_wrong_data() {
    let seed = setting("VIPERFS_SEED", 5);
    let trials = setting("VIPERFS_DAMAGE_TRIALS", 3000);
    let (image, model) = image();
    let earlier = Forge::new(&image);
    let used: Vec<u64> = (0..image.len() as u64 / BLOCK as u64)
        .filter(|block| page(&image, *block).iter().any(|byte| *byte != 0))
        .collect();
    let mut random = Random::new(seed);
    let (mut unharmed, mut errors) = (0, 0);
    for _ in 0..trials {
        let mut blocks = Blocks::new();
        for _ in 0..1 + random.below(3) {
            let block = *random.pick(&used).unwrap();
            let mut bytes = page(&image, block).to_vec();
            match random.below(4) {
                0 => bytes.fill(0),
                1 => bytes[random.below(BLOCK as u64) as usize] ^= 1 << random.below(8),
                2 => bytes.copy_from_slice(page(&image, *random.pick(&used).unwrap())),
                _ => {
                    // Both copies of a node, so that nothing can mend it.
                    let place = random.pick(&earlier.nodes).unwrap();
                    for address in place.pointer.addresses() {
                        blocks.insert(address, vec![3; BLOCK]);
                    }
                }
            }
            blocks.insert(block, bytes);
        }
        let damaged = Overlay::new(&image, blocks);
        match nothing_is_wrong(&damaged, &model) {
            Ok(()) => unharmed += 1,
            Err(_) => errors += 1,
        }
    }
    println!("seed {seed}, {trials} images: {unharmed} unharmed, {errors} with errors, 0 wrong");
    assert!(unharmed > trials / 10 && errors > trials / 10);
}

/// Does everything there is with a volume; only panics and endless loops count.
fn exercise(disk: &Overlay<'_>, random: &mut Random) {
    let options = MountOptions {
        cache_bytes: 1 << 20,
        ..MountOptions::default()
    };
    let Ok(mut volume) = Volume::mount(disk, &options) else {
        return;
    };
    let mut dirs = vec![volume.root()];
    let mut seen = BTreeSet::new();
    let mut found: Vec<(u64, Vec<u8>, u64, Kind)> = Vec::new();
    while let Some(dir) = dirs.pop() {
        if !seen.insert(dir) || seen.len() > 100 {
            continue;
        }
        let _ = volume.read_dir(dir, 0, |entry| {
            found.push((dir, entry.name.to_vec(), entry.ino, entry.kind));
            found.len() < 2000
        });
        dirs.extend(
            found
                .iter()
                .filter(|e| e.0 == dir && e.3 == Kind::Directory)
                .map(|e| e.2),
        );
    }
    let mut buffer = vec![0; 40_000];
    for (dir, name, ino, _) in &found {
        let _ = volume.lookup(*dir, name, Case::Any);
        if let Ok(stat) = volume.stat(*ino) {
            let _ = volume.read(*ino, 0, &mut buffer);
            let _ = volume.read(*ino, stat.size.saturating_sub(100), &mut buffer);
        }
    }
    for step in 0..20u64 {
        let Some((dir, name, ino, kind)) = random.pick(&found) else {
            break;
        };
        let at = random.below(100_000);
        let _ = match random.below(6) {
            0 => {
                let new = NewNode {
                    kind: Kind::File,
                    protection: 0,
                    now_ns: step,
                };
                volume
                    .create(*dir, format!("new {step}").as_bytes(), new)
                    .map(|_| ())
            }
            1 => volume.write(*ino, at, &buffer[..5000], step).map(|_| ()),
            2 => volume.truncate(*ino, at, step),
            3 if *kind == Kind::Directory => volume.remove_dir(*dir, name, Case::Any, step),
            3 => volume.unlink(*dir, name, Case::Exact, step),
            4 => volume.sync(),
            _ => {
                let to = Place {
                    dir: *dir,
                    name: b"renamed",
                };
                let options = RenameOptions {
                    case: Case::Any,
                    replace: true,
                };
                volume.rename(Place { dir: *dir, name }, to, options, step)
            }
        };
    }
    let _ = volume.unmount();
    let _ = check(disk, &CheckOptions { data: true });
}

/// A page with some of its bytes or fields changed.
fn mutate(bytes: &mut [u8], random: &mut Random) {
    const EXTREMES: [u64; 8] = [0, 1, 0x7f, 0xff, 0xffff, 0xffff_ffff, 1 << 63, u64::MAX];
    for _ in 0..1 + random.below(3) {
        // The checksum is made right afterwards; everything behind it is fair game.
        let at = 8 + random.below(bytes.len() as u64 - 16) as usize;
        let early = 8 + random.below(400.min(bytes.len() as u64 - 16)) as usize;
        let at = if random.one_in(2) { early } else { at };
        match random.below(4) {
            0 => bytes[at] = random.next() as u8,
            1 => bytes[at] ^= 1 << random.below(8),
            2 => {
                let value = *random.pick(&EXTREMES).unwrap();
                let len = 1 << random.below(4);
                bytes[at..at + len].copy_from_slice(&value.to_le_bytes()[..len]);
            }
            _ => {
                let from = 8 + random.below(bytes.len() as u64 - 48) as usize;
                let to = at.min(bytes.len() - 40);
                bytes.copy_within(from..from + 32, to);
            }
        }
    }
}

#[test]
fn forged_nodes_never_break_the_engine() {
    let seed = setting("VIPERFS_SEED", 6);
    let trials = setting("VIPERFS_DAMAGE_TRIALS", 3000);
    let (image, _) = image();
    let forge = Forge::new(&image);
    let mut random = Random::new(seed);
    let mut slowest = Duration::ZERO;
    for trial in 0..trials {
        let mut forged = image.clone();
        for _ in 0..1 + random.below(2) {
            let node = random.below(forge.nodes.len() as u64) as usize;
            let mut bytes = page(&forged, forge.nodes[node].pointer.addr0.get()).to_vec();
            mutate(&mut bytes, &mut random);
            forge.replace(&mut forged, node, bytes);
        }
        let started = Instant::now();
        exercise(&Overlay::new(&forged, Blocks::new()), &mut random);
        let took = started.elapsed();
        assert!(took < TIME_MAX, "seed {seed}, trial {trial} took {took:?}");
        slowest = slowest.max(took);
    }
    println!("seed {seed}, {trials} forged images, the slowest took {slowest:?}");
}

#[test]
fn a_forged_image_passes_the_checksums() {
    // What the test above relies on: an unchanged page, signed again, is accepted.
    let (image, model) = image();
    let forge = Forge::new(&image);
    for node in 0..forge.nodes.len() {
        let mut forged = image.clone();
        let bytes = page(&forged, forge.nodes[node].pointer.addr0.get()).to_vec();
        forge.replace(&mut forged, node, bytes);
        assert!(forged == image, "node {node}");
    }
    let last = forge.nodes.len() - 1;
    let mut forged = image.clone();
    let address = forge.nodes[last].pointer.addr0.get();
    let mut bytes = page(&forged, address).to_vec();
    // A reserved byte of the header, which nothing looks at.
    bytes[60] = 9;
    forge.replace(&mut forged, last, bytes);
    assert!(forged != image);
    all_is_there(&Overlay::new(&forged, Blocks::new()), &model);
}

#[test]
fn forged_superblocks_never_break_the_engine() {
    let seed = setting("VIPERFS_SEED", 7);
    let trials = setting("VIPERFS_DAMAGE_TRIALS", 3000);
    let (image, _) = image();
    let forge = Forge::new(&image);
    let mut random = Random::new(seed);
    for trial in 0..trials {
        let mut bytes = forge.superblock.as_bytes().to_vec();
        mutate(&mut bytes[..SUPERBLOCK_BYTES - 200], &mut random);
        let superblock = Superblock::read_from_bytes(&bytes[..]).unwrap();
        let mut forged = image.clone();
        forge.replace_superblock(&mut forged, &superblock);
        let started = Instant::now();
        exercise(&Overlay::new(&forged, Blocks::new()), &mut random);
        let took = started.elapsed();
        assert!(took < TIME_MAX, "seed {seed}, trial {trial} took {took:?}");
    }
}

#[test]
fn noise_is_no_volume() {
    let mut random = Random::new(8);
    for len in [0, 512, 100 << 10, 4 << 20] {
        let noise = random.bytes(len);
        let disk = Overlay::new(&noise, Blocks::new());
        let refused = Volume::mount(&disk, &MountOptions::default()).map_err(|(_, error)| error);
        assert_eq!(refused.err(), Some(Error::NotViperFs), "{len} bytes");
    }
    let (mut image, _) = image();
    image.truncate(3 << 20);
    let disk = Overlay::new(&image, Blocks::new());
    let refused = Volume::mount(&disk, &MountOptions::default()).map_err(|(_, error)| error);
    assert_eq!(refused.err(), Some(Error::NotViperFs), "a truncated image");
}
