//! Files and directories of a volume, case by case.

mod support;

use kernel::block::MemoryDisk;
use kernel::fs::viperfs::{
    Attributes, Case, Error, Found, Kind, MountOptions, NewNode, Place, RenameOptions, Volume,
};
use support::fixture::{self, MIB, new_dir, new_file};

fn volume() -> Volume<MemoryDisk> {
    fixture::volume(16 * MIB, 4096)
}

fn names(volume: &mut Volume<MemoryDisk>, dir: u64) -> Vec<String> {
    let mut names = Vec::new();
    let listed = volume.read_dir(dir, 0, |entry| {
        names.push(String::from_utf8(entry.name.to_vec()).unwrap());
        true
    });
    listed.unwrap();
    names.sort();
    names
}

#[test]
fn a_file_survives_a_remount() {
    let mut volume = volume();
    let dir = volume.create(volume.root(), b"Work", new_dir(5)).unwrap();
    let file = volume.create(dir, b"Hello", new_file(6)).unwrap();
    assert_eq!(volume.write(file, 0, b"hello world", 7), Ok(11));
    let mut volume = fixture::remount(volume, &MountOptions::default());
    assert_eq!(volume.label(), "Test");
    let found = volume.lookup(dir, b"Hello", Case::Exact).unwrap();
    let wanted = Found {
        ino: file,
        kind: Kind::File,
        exact: true,
    };
    assert_eq!(found, wanted);
    let mut buffer = [0; 32];
    assert_eq!(volume.read(file, 6, &mut buffer), Ok(5));
    assert_eq!(&buffer[..5], b"world");
    let stat = volume.stat(file).unwrap();
    assert_eq!((stat.size, stat.birth_ns, stat.modify_ns), (11, 6, 7));
}

#[test]
fn what_was_not_synced_is_gone_and_the_rest_is_there() {
    let mut volume = volume();
    let root = volume.root();
    volume.create(root, b"kept", new_file(1)).unwrap();
    volume.sync().unwrap();
    let before = volume.device().with_bytes(|bytes| bytes.to_vec());
    volume.create(root, b"lost", new_file(1)).unwrap();
    let after = volume.device().with_bytes(|bytes| bytes.to_vec());
    assert!(before == after, "nothing is written before a sync");
    drop(volume);
    let mut volume = fixture::mount(MemoryDisk::from_bytes(after));
    assert_eq!(names(&mut volume, root), ["kept"]);
}

#[test]
fn names_match_in_any_case_when_that_is_unambiguous() {
    let mut volume = volume();
    let root = volume.root();
    let one = volume
        .create(root, "Übung.TXT".as_bytes(), new_file(1))
        .unwrap();
    let lookup = |volume: &mut Volume<_>, name: &str, case| {
        volume
            .lookup(root, name.as_bytes(), case)
            .map(|found| (found.ino, found.exact))
    };
    assert_eq!(
        lookup(&mut volume, "übung.txt", Case::Any),
        Ok((one, false))
    );
    assert_eq!(
        lookup(&mut volume, "übung.txt", Case::Exact),
        Err(Error::NotFound)
    );
    assert_eq!(lookup(&mut volume, "Übung.TXT", Case::Any), Ok((one, true)));
    let two = volume
        .create(root, "übung.txt".as_bytes(), new_file(1))
        .unwrap();
    assert_eq!(lookup(&mut volume, "übung.txt", Case::Any), Ok((two, true)));
    assert_eq!(
        lookup(&mut volume, "ÜBUNG.txt", Case::Any),
        Err(Error::NotFound),
        "two could be"
    );
    volume
        .unlink(root, "Übung.TXT".as_bytes(), Case::Exact, 2)
        .unwrap();
    volume
        .unlink(root, "ÜBUNG.txt".as_bytes(), Case::Any, 2)
        .unwrap();
    assert_eq!(names(&mut volume, root), [""; 0]);
}

#[test]
fn names_that_differ_in_case_have_a_limit_and_an_error() {
    let mut volume = volume();
    let root = volume.root();
    let variant = |number: u32| -> Vec<u8> {
        (0..200)
            .map(|bit| {
                if number >> (bit % 32) & 1 == 1 {
                    b'A'
                } else {
                    b'a'
                }
            })
            .collect()
    };
    let made: Vec<_> = (0..20)
        .map(|n| volume.create(root, &variant(n), new_file(1)))
        .collect();
    let count = made.iter().filter(|made| made.is_ok()).count();
    assert!(count >= 7, "{count}");
    assert_eq!(made.last(), Some(&Err(Error::TooManyAlike)));
    assert_eq!(names(&mut volume, root).len(), count);
    // A cookie leads on although the entry before it is gone.
    let mut cookie = 0;
    let stop_after_two = |volume: &mut Volume<_>, cookie: &mut u64| {
        let mut seen = 0;
        let listed = volume.read_dir(root, *cookie, |entry| {
            if seen == 2 {
                return false;
            }
            seen += 1;
            *cookie = entry.cookie;
            true
        });
        listed.unwrap();
        seen
    };
    assert_eq!(stop_after_two(&mut volume, &mut cookie), 2);
    volume.unlink(root, &variant(0), Case::Exact, 2).unwrap();
    volume.unlink(root, &variant(1), Case::Exact, 2).unwrap();
    let mut rest = 0;
    while stop_after_two(&mut volume, &mut cookie) > 0 {
        rest += 1;
    }
    assert_eq!(rest, (count - 2).div_ceil(2), "each of the others once");
}

#[test]
fn bad_names_are_refused() {
    let mut volume = volume();
    let root = volume.root();
    for name in [
        &b""[..],
        b".",
        b"..",
        b"a/b",
        b"a:b",
        b"a\0b",
        &[0xff, 0xfe],
    ] {
        assert_eq!(
            volume.create(root, name, new_file(1)),
            Err(Error::BadName),
            "{name:?}"
        );
    }
    assert_eq!(
        volume.create(root, &[b'x'; 256], new_file(1)),
        Err(Error::NameTooLong)
    );
    assert!(
        volume.create(root, &[b'x'; 255], new_file(1)).is_ok(),
        "255 bytes are a name"
    );
    assert!(volume.create(root, b"a b.c", new_file(1)).is_ok());
    assert_eq!(
        volume.create(root, b"a b.c", new_file(1)),
        Err(Error::AlreadyExists)
    );
}

#[test]
fn files_and_directories_are_not_mixed_up() {
    let mut volume = volume();
    let root = volume.root();
    let file = volume.create(root, b"file", new_file(1)).unwrap();
    let dir = volume.create(root, b"dir", new_dir(1)).unwrap();
    volume.create(dir, b"below", new_file(1)).unwrap();
    assert_eq!(
        volume.create(file, b"x", new_file(1)),
        Err(Error::NotDirectory)
    );
    assert_eq!(
        volume.lookup(file, b"x", Case::Exact),
        Err(Error::NotDirectory)
    );
    assert_eq!(volume.read_dir(file, 0, |_| true), Err(Error::NotDirectory));
    assert_eq!(volume.write(dir, 0, b"x", 1), Err(Error::IsDirectory));
    assert_eq!(volume.read(dir, 0, &mut [0]), Err(Error::IsDirectory));
    assert_eq!(volume.truncate(dir, 0, 1), Err(Error::IsDirectory));
    assert_eq!(
        volume.unlink(root, b"dir", Case::Exact, 1),
        Err(Error::IsDirectory)
    );
    assert_eq!(
        volume.remove_dir(root, b"file", Case::Exact, 1),
        Err(Error::NotDirectory)
    );
    assert_eq!(
        volume.remove_dir(root, b"dir", Case::Exact, 1),
        Err(Error::NotEmpty)
    );
    for ino in [0, 1, 99, u64::MAX] {
        assert_eq!(volume.stat(ino), Err(Error::NotFound), "{ino}");
        assert_eq!(
            volume.create(ino, b"x", new_file(1)),
            Err(Error::NotFound),
            "{ino}"
        );
        assert_eq!(volume.release(ino), Ok(()), "{ino}");
    }
    assert_eq!(names(&mut volume, root), ["dir", "file"]);
}

#[test]
fn rename_replaces_moves_and_refuses_loops() {
    let mut volume = volume();
    let root = volume.root();
    let keep = RenameOptions {
        case: Case::Exact,
        replace: false,
    };
    let replace = RenameOptions {
        case: Case::Any,
        replace: true,
    };
    let place = |dir, name| Place { dir, name };
    let a = volume.create(root, b"a", new_dir(1)).unwrap();
    let b = volume.create(a, b"b", new_dir(1)).unwrap();
    let file = volume.create(b, b"file", new_file(1)).unwrap();
    let into_itself = volume.rename(place(root, b"a"), place(b, b"x"), keep, 2);
    assert_eq!(into_itself, Err(Error::IntoItself));
    assert_eq!(
        volume.rename(place(a, b"b"), place(root, b"B"), keep, 2),
        Ok(())
    );
    assert_eq!(volume.stat(b).unwrap().parent, root);
    let other = volume.create(root, b"other", new_file(1)).unwrap();
    volume.write(other, 0, &[1; 100_000], 1).unwrap();
    let taken = volume.rename(place(b, b"file"), place(root, b"other"), keep, 2);
    assert_eq!(taken, Err(Error::AlreadyExists));
    assert_eq!(
        volume.rename(place(b, b"FILE"), place(root, b"other"), replace, 2),
        Ok(())
    );
    assert_eq!(
        volume.stat(other),
        Err(Error::NotFound),
        "what was replaced is gone"
    );
    assert_eq!(
        volume.lookup(root, b"other", Case::Exact).unwrap().ino,
        file
    );
    // Only the case of a name changes.
    assert_eq!(
        volume.rename(place(root, b"other"), place(root, b"OTHER"), keep, 2),
        Ok(())
    );
    let onto_dir = volume.rename(place(root, b"OTHER"), place(root, b"a"), replace, 2);
    assert_eq!(onto_dir, Err(Error::IsDirectory));
    let onto_file = volume.rename(place(root, b"a"), place(root, b"OTHER"), replace, 2);
    assert_eq!(onto_file, Err(Error::NotDirectory));
    assert_eq!(
        volume.rename(place(root, b"a"), place(root, b"B"), replace, 2),
        Ok(())
    );
    assert_eq!(
        volume.stat(b),
        Err(Error::NotFound),
        "an empty directory makes room"
    );
    assert_eq!(names(&mut volume, root), ["B", "OTHER"]);
}

#[test]
fn gaps_read_as_zeros_and_cost_nothing() {
    let mut volume = volume();
    let file = volume
        .create(volume.root(), b"sparse", new_file(1))
        .unwrap();
    let far = 1u64 << 59;
    assert_eq!(volume.write(file, far, b"end", 1), Ok(3));
    let stat = volume.stat(file).unwrap();
    assert_eq!((stat.size, stat.allocated), (far + 3, 4096));
    let mut buffer = [9; 10_000];
    assert_eq!(volume.read(file, far - 9_997, &mut buffer), Ok(10_000));
    assert!(buffer[..9_997].iter().all(|byte| *byte == 0));
    assert_eq!(&buffer[9_997..], b"end");
    assert_eq!(volume.write(file, 1 << 60, b"x", 1), Err(Error::TooLarge));
    assert_eq!(volume.write(file, u64::MAX, b"x", 1), Err(Error::TooLarge));
    assert_eq!(
        volume.truncate(file, (1 << 60) + 1, 1),
        Err(Error::TooLarge)
    );
    assert_eq!(volume.read(file, u64::MAX, &mut buffer), Ok(0));
    assert_eq!(volume.write(file, 5, b"", 1), Ok(0));
}

#[test]
fn small_content_takes_no_block_until_it_grows() {
    let mut volume = volume();
    let file = volume.create(volume.root(), b"small", new_file(1)).unwrap();
    volume.write(file, 0, &[1; 1024], 1).unwrap();
    assert_eq!(volume.stat(file).unwrap().allocated, 0);
    volume.write(file, 1024, &[2; 1], 1).unwrap();
    assert_eq!(volume.stat(file).unwrap().allocated, 4096);
    let mut buffer = [0; 2000];
    assert_eq!(volume.read(file, 0, &mut buffer), Ok(1025));
    assert_eq!(
        (buffer[0], buffer[1023], buffer[1024], buffer[1025]),
        (1, 1, 2, 0)
    );
    volume.truncate(file, 10, 2).unwrap();
    volume.truncate(file, 2000, 2).unwrap();
    assert_eq!(volume.read(file, 0, &mut buffer), Ok(2000));
    assert!(buffer[..10] == [1; 10] && buffer[10..].iter().all(|byte| *byte == 0));
}

#[test]
fn attributes_are_kept() {
    let mut volume = volume();
    let new = NewNode {
        kind: Kind::Symlink,
        protection: 0x15,
        now_ns: u64::MAX,
    };
    let link = volume.create(volume.root(), b"link", new).unwrap();
    volume.write(link, 0, b"WORK:target", 3).unwrap();
    let attributes = Attributes {
        protection: Some(0xabcdef),
        access_ns: Some(77),
        ..Attributes::default()
    };
    volume
        .set_attributes(link, attributes, 1_999_999_999_999_999_999)
        .unwrap();
    let mut volume = fixture::remount(volume, &MountOptions::default());
    let stat = volume.stat(link).unwrap();
    assert_eq!(
        (stat.kind, stat.protection, stat.links),
        (Kind::Symlink, 0xabcdef, 1)
    );
    assert_eq!(
        (stat.birth_ns, stat.modify_ns, stat.access_ns),
        (u64::MAX, 3, 77)
    );
    assert_eq!(stat.change_ns, 1_999_999_999_999_999_999);
}

#[test]
fn a_read_only_mount_refuses_every_change() {
    let mut volume = volume();
    let root = volume.root();
    let file = volume.create(root, b"file", new_file(1)).unwrap();
    let options = MountOptions {
        read_only: true,
        ..MountOptions::default()
    };
    let mut volume = fixture::remount(volume, &options);
    let image = volume.device().with_bytes(|bytes| bytes.to_vec());
    assert_eq!(volume.create(root, b"x", new_file(1)), Err(Error::ReadOnly));
    assert_eq!(volume.write(file, 0, b"x", 1), Err(Error::ReadOnly));
    assert_eq!(volume.truncate(file, 9, 1), Err(Error::ReadOnly));
    assert_eq!(
        volume.unlink(root, b"file", Case::Exact, 1),
        Err(Error::ReadOnly)
    );
    assert_eq!(
        volume.set_attributes(file, Attributes::default(), 1),
        Err(Error::ReadOnly)
    );
    assert_eq!(volume.sync(), Ok(()));
    assert_eq!(names(&mut volume, root), ["file"]);
    let (disk, outcome) = volume.unmount();
    assert_eq!(outcome, Ok(()));
    assert!(disk.into_bytes() == image);
}
