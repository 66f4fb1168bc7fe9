//! Files and directories of a volume, case by case.

mod support;

use kernel::fs::viperfs::{Case, Kind, MountOptions};
use support::fixture::{self, MIB};

#[test]
fn a_file_survives_a_remount() {
    let mut volume = fixture::volume(16 * MIB, 4096);
    let dir = volume
        .create(volume.root(), b"Work", fixture::new_dir(5))
        .unwrap();
    let file = volume.create(dir, b"Hello", fixture::new_file(6)).unwrap();
    assert_eq!(volume.write(file, 0, b"hello world", 7), Ok(11));
    let mut volume = fixture::remount(volume, &MountOptions::default());
    assert_eq!(volume.label(), "Test");
    let found = volume.lookup(dir, b"Hello", Case::Exact).unwrap();
    assert_eq!(
        (found.ino, found.kind, found.exact),
        (file, Kind::File, true)
    );
    let mut buffer = [0; 32];
    assert_eq!(volume.read(file, 6, &mut buffer), Ok(5));
    assert_eq!(&buffer[..5], b"world");
    let stat = volume.stat(file).unwrap();
    assert_eq!((stat.size, stat.birth_ns, stat.modify_ns), (11, 6, 7));
}
