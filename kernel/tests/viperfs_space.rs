//! Space: full volumes, space that comes back, volumes of all sizes.

mod support;

use kernel::block::BlockDevice;
use kernel::fs::viperfs::check::{CheckOptions, check};
use kernel::fs::viperfs::{Case, Error, MountOptions, Volume};
use support::fixture::{self, MIB};
use support::forge::Forge;
use support::model::{difference, read_back};
use support::overlay::{BLOCK, Blocks, Overlay};
use support::random::Random;
use support::workload::{Plan, record};

fn assert_clean<D: BlockDevice>(device: &D) {
    let report = check(device, &CheckOptions { data: true }).expect("the check runs");
    assert!(report.is_clean(), "{report}");
}

/// Writes files until nothing fits any more.
fn fill<D: BlockDevice>(volume: &mut Volume<D>, bytes: usize) -> Vec<Vec<u8>> {
    let root = volume.root();
    let mut names = Vec::new();
    for number in 0.. {
        let name = format!("filler {number}").into_bytes();
        match volume.create(root, &name, fixture::new_file(1)) {
            Ok(ino) => {
                names.push(name);
                let done = volume.write(ino, 0, &vec![number as u8; bytes], 1);
                if !matches!(done, Ok(done) if done == bytes) {
                    break;
                }
            }
            Err(error) => {
                assert_eq!(error, Error::NoSpace);
                break;
            }
        }
    }
    names
}

#[test]
fn a_full_volume_can_be_emptied() {
    for (mib, bytes, node_bytes) in [
        (4, 3000, 4096),
        (8, 100, 4096),
        (24, 5000, 16384),
        (16, 300_000, 8192),
    ] {
        let mut volume = fixture::volume(mib * MIB, node_bytes);
        let before = volume.usage();
        for round in 0..3 {
            let names = fill(&mut volume, bytes);
            let full = volume.usage();
            assert!(
                full.free_bytes < before.total_bytes / 5,
                "round {round}: {full:?}"
            );
            let root = volume.root();
            for name in &names {
                volume
                    .unlink(root, name, Case::Exact, 2)
                    .expect("deleting always works");
            }
            volume.sync().expect("and so does a sync");
            assert!(!volume.is_read_only());
        }
        assert_eq!(
            volume.usage().free_bytes,
            before.free_bytes,
            "{mib} MiB: space is lost"
        );
        let (disk, outcome) = volume.unmount();
        outcome.unwrap();
        assert_clean(&disk);
    }
}

#[test]
fn a_large_file_is_cut_and_deleted_on_a_full_volume() {
    let mut volume = fixture::volume(16 * MIB, 4096);
    let before = volume.usage().free_bytes;
    let root = volume.root();
    let ino = volume.create(root, b"large", fixture::new_file(1)).unwrap();
    let mut size = 0;
    // Every second block, so that each has an extent of its own.
    while volume.write(ino, size, &[7; BLOCK], 1).is_ok() {
        size += 2 * BLOCK as u64;
    }
    assert!(size > 16 << 20);
    volume
        .truncate(ino, size / 2 + 100, 2)
        .expect("cutting works on a full volume");
    let mut byte = [0; 2];
    assert_eq!(volume.read(ino, size / 2 + 99, &mut byte), Ok(1));
    volume.truncate(ino, size, 2).expect("a gap needs no space");
    let mut tail = vec![1; 100_000];
    volume.read(ino, size / 2 + 100, &mut tail).unwrap();
    assert!(
        tail.iter().all(|byte| *byte == 0),
        "what was cut reads as zeros"
    );
    volume.hold(ino);
    volume.unlink(root, b"large", Case::Exact, 3).unwrap();
    volume.sync().unwrap();
    assert_eq!(volume.stat(ino).unwrap().links, 0);
    // The power goes while the deleted file is open.
    let (disk, outcome) = volume.unmount();
    outcome.unwrap();
    assert_clean(&disk);
    let mut volume = fixture::mount(disk);
    assert_eq!(
        volume.stat(ino),
        Err(Error::NotFound),
        "the mount cleans up"
    );
    volume.sync().unwrap();
    assert_eq!(volume.usage().free_bytes, before);
    assert_clean(&volume.unmount().0);
}

#[test]
fn space_comes_back_exactly() {
    let mut volume = fixture::volume(32 * MIB, 4096);
    let before = volume.usage();
    let root = volume.root();
    let mut random = Random::new(3);
    let mut live: Vec<Vec<u8>> = Vec::new();
    for number in 0..4000u64 {
        if live.len() > 200 || (!live.is_empty() && random.one_in(3)) {
            let name = live.swap_remove(random.below(live.len() as u64) as usize);
            volume.unlink(root, &name, Case::Exact, 2).unwrap();
        } else {
            let name = format!("f{number}").into_bytes();
            let ino = volume.create(root, &name, fixture::new_file(1)).unwrap();
            let len = random.below(40_000) as usize;
            volume
                .write(ino, random.below(9000), &random.bytes(len), 1)
                .unwrap();
            live.push(name);
        }
        if random.one_in(20) {
            volume.sync().unwrap();
        }
    }
    assert!(
        volume.usage().free_bytes < before.free_bytes,
        "the test uses space"
    );
    for name in live {
        volume.unlink(root, &name, Case::Exact, 3).unwrap();
    }
    volume.sync().unwrap();
    let after = volume.usage();
    assert_eq!(
        (after.free_bytes, after.inodes),
        (before.free_bytes, before.inodes)
    );
    assert_clean(&volume.unmount().0);
}

#[test]
fn volumes_of_all_sizes_work() {
    for bytes in [
        4 * MIB as u64,
        5_000_000,
        64 << 20,
        130 << 20,
        2 << 30,
        1 << 40,
    ] {
        let disk = Overlay::sparse(bytes / 4096 * 4096);
        let volume = Volume::format(&disk, &fixture::format_options(4096)).expect("it is made");
        assert!(volume.usage().free_bytes > bytes / 3);
        volume.unmount().1.unwrap();
        let mut volume = fixture::mount(&disk);
        let ino = volume
            .create(volume.root(), b"a", fixture::new_file(1))
            .unwrap();
        assert_eq!(volume.write(ino, 0, &[5; 1 << 20], 1), Ok(1 << 20));
        volume.unmount().1.unwrap();
        let mut volume = fixture::mount(&disk);
        let mut data = vec![0; 1 << 20];
        assert_eq!(volume.read(ino, 0, &mut data), Ok(1 << 20));
        assert!(data.iter().all(|byte| *byte == 5));
        drop(volume);
        assert_clean(&disk);
    }
    let small = Overlay::sparse((4 << 20) - 4096);
    let refused = Volume::format(&small, &fixture::format_options(4096));
    assert!(matches!(refused, Err(Error::Unsupported(_))));
}

/// Destroys the newest durable state at each flush of a workload, also when the next
/// one is half written, and goes back to the one before; says what is wrong then.
fn go_back(plan: &Plan) -> Result<u64, String> {
    let recording = record(plan);
    let mut image = recording.start.clone();
    let mut flushes = 0;
    let mut tried = 0;
    for event in &recording.events {
        match event {
            support::recorder::Event::Write { sector, bytes } => {
                let at = *sector as usize * 512;
                image[at..at + bytes.len()].copy_from_slice(bytes);
            }
            support::recorder::Event::Flush { .. } => {
                flushes += 1;
                let generation = recording.first_generation + flushes / 2;
                if generation < recording.first_generation + 2 {
                    continue;
                }
                let forge = Forge::new(&image);
                assert_eq!(forge.superblock.generation.get(), generation);
                let lost = forge.superblock.root_tree.addresses();
                let disk = Overlay::new(&image, lost.map(|at| (at, vec![0; BLOCK])).collect());
                let wanted = &recording.commits[&(generation - 1)];
                is_usable(&disk, generation - 1, wanted)
                    .map_err(|text| format!("seed {}: {text}", plan.seed))?;
                tried += 1;
            }
        }
    }
    Ok(tried)
}

fn is_usable(
    disk: &Overlay<'_>,
    generation: u64,
    wanted: &[support::model::Model],
) -> Result<(), String> {
    let mounted = Volume::mount(disk, &MountOptions::default()).map_err(|(_, error)| error);
    let mut volume = mounted.map_err(|error| error.to_string())?;
    // The mount may have cleaned up, which is a commit; it never goes ahead otherwise.
    if volume.generation() != generation && volume.generation() != generation + 2 {
        return Err(format!(
            "generation {} instead of {generation}",
            volume.generation()
        ));
    }
    let found =
        read_back(&mut volume).map_err(|error| format!("generation {generation}: {error}"))?;
    if wanted
        .iter()
        .all(|model| difference(&found, model).is_some())
    {
        return Err(format!("generation {generation} has changed"));
    }
    let root = volume.root();
    let _ = volume.create(root, b"after", fixture::new_file(1));
    volume.unmount().1.map_err(|error| error.to_string())?;
    let report = check(disk, &CheckOptions { data: true }).map_err(|error| error.to_string())?;
    // That damage was seen stays noted.
    let other = report
        .problems
        .iter()
        .find(|problem| !problem.text.starts_with("damage was seen"));
    other.map_or(Ok(()), |problem| Err(problem.to_string()))
}

#[test]
fn the_state_before_the_newest_stays_whole() {
    let mut tried = 0;
    for seed in 1..6 {
        for crowded in [false, true] {
            tried += go_back(&Plan::new(seed, crowded)).unwrap();
        }
    }
    assert!(tried > 100, "only {tried} states");
}

#[test]
fn freed_blocks_kept_for_one_generation_only_are_noticed() {
    let fault = |seed| Plan {
        keep_generations: 1,
        ..Plan::new(seed, true)
    };
    let found = (1..12).find_map(|seed| go_back(&fault(seed)).err());
    println!("{found:?}");
    assert!(found.is_some());
}

#[test]
fn a_rollback_is_read_only() {
    let mut volume = fixture::volume(8 * MIB, 4096);
    let root = volume.root();
    volume.create(root, b"old", fixture::new_file(1)).unwrap();
    volume.sync().unwrap();
    volume.create(root, b"new", fixture::new_file(1)).unwrap();
    let (disk, outcome) = volume.unmount();
    outcome.unwrap();
    let bytes = disk.into_bytes();
    let disk = Overlay::new(&bytes, Blocks::new());
    let options = MountOptions {
        rollback: 1,
        ..MountOptions::default()
    };
    let mut volume = fixture::mount_with(&disk, &options);
    assert!(volume.lookup(root, b"old", Case::Exact).is_ok());
    assert_eq!(
        volume.lookup(root, b"new", Case::Exact),
        Err(Error::NotFound)
    );
    assert_eq!(
        volume.create(root, b"x", fixture::new_file(1)),
        Err(Error::ReadOnly)
    );
    drop(volume);
    let mut volume = fixture::mount(&disk);
    assert!(
        volume.lookup(root, b"new", Case::Exact).is_ok(),
        "nothing was changed"
    );
}
