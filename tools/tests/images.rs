//! The tools as people and scripts call them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const MKFS: &str = env!("CARGO_BIN_EXE_mkfs-viperfs");
const FSCK: &str = env!("CARGO_BIN_EXE_fsck-viperfs");
const VIPERFS: &str = env!("CARGO_BIN_EXE_viperfs");

struct Lab {
    folder: tempfile::TempDir,
}

impl Lab {
    fn new() -> Lab {
        Lab {
            folder: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).expect("the file can be written");
        path
    }

    fn image(&self) -> PathBuf {
        let image = self.path("disk");
        let hello = self.file("hello", b"\x7fELF hello");
        let add = format!("{}:/System/C/Hello", hello.display());
        let made = run(
            MKFS,
            &[&image],
            &["16M", "--label", "Lab", "--mkdir", "/Work", "--add", &add],
        );
        assert!(made.status.success(), "{made:?}");
        image
    }
}

fn run(program: &str, paths: &[&Path], words: &[&str]) -> Output {
    Command::new(program)
        .args(paths)
        .args(words)
        .output()
        .expect("the program runs")
}

fn viperfs(command: &str, image: &Path, words: &[&str]) -> Output {
    let mut program = Command::new(VIPERFS);
    program
        .arg(command)
        .arg(image)
        .args(words)
        .output()
        .expect("the program runs")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn an_image_is_made_filled_and_clean() {
    let lab = Lab::new();
    let image = lab.image();
    assert_eq!(
        viperfs("cat", &image, &["/system/c/hello"]).stdout,
        b"\x7fELF hello"
    );
    let listing = text(&viperfs("ls", &image, &["-r"]));
    assert!(
        listing.contains("/System/C/Hello") && listing.contains("/Work/"),
        "{listing}"
    );
    let checked = run(FSCK, &[&image], &["--data"]);
    assert_eq!(checked.status.code(), Some(0), "{}", text(&checked));
}

#[test]
fn a_file_is_replaced_as_a_whole() {
    let lab = Lab::new();
    let image = lab.image();
    let longer = lab.file("longer", &[b'x'; 300_000]);
    let source = longer.to_str().expect("UTF-8");
    let put = viperfs("put", &image, &[source, "/System/C/hello"]);
    assert!(put.status.success(), "{}", text(&put));
    assert_eq!(
        viperfs("cat", &image, &["/System/C/Hello"]).stdout,
        vec![b'x'; 300_000]
    );
    let listing = text(&viperfs("ls", &image, &["/System/C"]));
    assert_eq!(listing.lines().count(), 1, "{listing}");
    assert!(
        listing.contains("Hello"),
        "the name on the volume stays: {listing}"
    );
    assert_eq!(run(FSCK, &[&image], &["--data"]).status.code(), Some(0));
}

#[test]
fn many_files_are_updated_at_once() {
    let lab = Lab::new();
    let image = lab.image();
    let files: Vec<(PathBuf, String)> = (0..50)
        .map(|n| {
            (
                lab.file(&format!("f{n}"), &vec![n; n as usize * 997]),
                format!("/Work/d/f{n}"),
            )
        })
        .collect();
    tools::update_image(&image, &files).expect("the image is updated");
    tools::update_image(&image, &files).expect("and once more, with nothing to do");
    for (source, target) in &files {
        let wanted = std::fs::read(source).expect("the source is there");
        assert_eq!(viperfs("cat", &image, &[target]).stdout, wanted, "{target}");
    }
    assert_eq!(
        viperfs("cat", &image, &["/System/C/Hello"]).stdout,
        b"\x7fELF hello"
    );
    assert_eq!(run(FSCK, &[&image], &["--data"]).status.code(), Some(0));
}

#[test]
fn folders_are_removed_only_on_purpose() {
    let lab = Lab::new();
    let image = lab.image();
    let refused = viperfs("rm", &image, &["/System"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        text(&refused).contains("/System is a folder that is not empty"),
        "{refused:?}"
    );
    assert!(viperfs("rm", &image, &["-r", "/System"]).status.success());
    let gone = viperfs("cat", &image, &["/System/C/Hello"]);
    assert!(text(&gone).contains("`System`: does not exist"), "{gone:?}");
    assert!(viperfs("mkdir", &image, &["/a/b"]).status.success());
    assert!(viperfs("stat", &image, &["/a/b"]).status.success());
    assert_eq!(run(FSCK, &[&image], &[]).status.code(), Some(0));
}

#[test]
fn damage_and_nonsense_have_their_exit_codes() {
    let lab = Lab::new();
    let image = lab.image();
    let mut bytes = std::fs::read(&image).expect("the image is there");
    // The first superblock of the place in the middle.
    let superblock = bytes.len() / 2 + 4096;
    assert!(
        bytes[superblock..].starts_with(b"ViperFS"),
        "the test knows the layout"
    );
    bytes[superblock + 100] ^= 1;
    std::fs::write(&image, &bytes).expect("the image can be written");
    let damaged = run(FSCK, &[&image], &[]);
    assert_eq!(damaged.status.code(), Some(4), "{}", text(&damaged));
    assert!(
        text(&damaged).contains("superblock 1.1 has the wrong checksum"),
        "{damaged:?}"
    );
    let other = lab.file("other", &[7; 100_000]);
    let nonsense = run(FSCK, &[&other], &[]);
    assert_eq!(nonsense.status.code(), Some(8));
    assert!(
        text(&nonsense).contains("holds no ViperFS volume"),
        "{nonsense:?}"
    );
    let missing = run(FSCK, &[&lab.path("missing")], &[]);
    assert_eq!(missing.status.code(), Some(8));
    assert!(text(&missing).contains("missing"), "{missing:?}");
}

#[test]
fn a_full_image_says_which_file_did_not_fit() {
    let lab = Lab::new();
    let big = lab.file("big", &[1; 6 << 20]);
    let image = lab.path("small");
    let made = run(
        MKFS,
        &[&image],
        &["4M", "--add", &format!("{}:/Big", big.display())],
    );
    assert_eq!(made.status.code(), Some(1));
    let said = text(&made);
    assert!(
        said.contains("/Big") && said.contains("the volume is full"),
        "{said}"
    );
    assert!(!image.exists(), "no half image stays");
    let tiny = run(MKFS, &[&image], &["1M"]);
    assert!(text(&tiny).contains("at least 4 MiB"), "{tiny:?}");
}

#[test]
fn the_same_seed_gives_the_same_image() {
    let lab = Lab::new();
    let hello = lab.file("hello", b"hello");
    let make = |name: &str| {
        let image = lab.path(name);
        let add = format!("{}:/Hello", hello.display());
        assert!(
            run(MKFS, &[&image], &["8M", "--seed", "7", "--add", &add])
                .status
                .success()
        );
        std::fs::read(image).expect("the image is there")
    };
    assert!(make("one") == make("two"));
}
