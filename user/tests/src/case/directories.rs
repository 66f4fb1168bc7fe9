//! Directories: making, listing, removing.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};

use viper::fs::{self, Existing, File};

use super::files::{path, put};
use super::{Case, Verdict, error_of};
use crate::selftest::FOLDER;
use crate::{check, check_eq, need};

/// The tests.
pub const CASES: &[Case] = &[
    Case {
        name: "directories::make_and_remove",
        run: make_and_remove,
    },
    Case {
        name: "directories::a_listing_is_complete",
        run: listing,
    },
    Case {
        name: "directories::files_and_directories_differ",
        run: kinds,
    },
    Case {
        name: "directories::rename_moves_a_whole_tree",
        run: move_tree,
    },
    Case {
        name: "directories::no_directory_moves_into_itself",
        run: into_itself,
    },
    Case {
        name: "directories::paths_do_not_leave_their_handle",
        run: no_escape,
    },
    Case {
        name: "directories::the_current_one_is_where_paths_begin",
        run: current,
    },
    Case {
        name: "directories::deep_paths_work",
        run: deep,
    },
    Case {
        name: "directories::the_volume_tells_its_size",
        run: volume,
    },
];

fn make_and_remove() -> Verdict {
    let path = path("dir");
    need!(fs::create_dir(&path));
    check_eq!(
        error_of(fs::create_dir(&path)),
        Some(abi::Error::AlreadyExists)
    );
    need!(put(&format!("{path}/file"), b"x"));
    check_eq!(error_of(fs::remove_dir(&path)), Some(abi::Error::NotEmpty));
    need!(fs::remove_file(&format!("{path}/file")));
    need!(fs::remove_dir(&path));
    check_eq!(error_of(fs::remove_dir(&path)), Some(abi::Error::NotFound));
    let orphan = fs::create_dir(&format!("{path}/a/b"));
    check_eq!(error_of(orphan), Some(abi::Error::NotFound));
    Ok(())
}

fn listing() -> Verdict {
    let folder = path("many");
    need!(fs::create_dir(&folder));
    let mut wanted = BTreeSet::new();
    for number in 0..300 {
        let name = format!("entry {number} {}", "x".repeat(number % 60));
        need!(File::create(&format!("{folder}/{name}")));
        wanted.insert(name);
    }
    let listed = need!(need!(fs::read_dir(&folder)).collect::<fs::Result<alloc::vec::Vec<_>>>());
    check_eq!(listed.len(), 300);
    let names: BTreeSet<String> = listed
        .iter()
        .map(|entry| entry.name().to_string())
        .collect();
    check!(names == wanted);
    check_eq!(need!(fs::metadata(&folder)).len(), 300);
    for name in &names {
        need!(fs::remove_file(&format!("{folder}/{name}")));
    }
    check_eq!(need!(fs::read_dir(&folder)).count(), 0);
    need!(fs::remove_dir(&folder));
    Ok(())
}

fn kinds() -> Verdict {
    let (file, folder) = (path("a file"), path("a folder"));
    need!(put(&file, b"x"));
    need!(fs::create_dir(&folder));
    check_eq!(error_of(File::open(&folder)), Some(abi::Error::IsDirectory));
    check_eq!(
        error_of(fs::read_dir(&file)),
        Some(abi::Error::NotDirectory)
    );
    check_eq!(
        error_of(fs::remove_dir(&file)),
        Some(abi::Error::NotDirectory)
    );
    check_eq!(
        error_of(fs::remove_file(&folder)),
        Some(abi::Error::IsDirectory)
    );
    let below = fs::metadata(&format!("{file}/x"));
    check_eq!(error_of(below), Some(abi::Error::NotDirectory));
    Ok(())
}

fn move_tree() -> Verdict {
    need!(fs::create_dir_all(&path("tree/a/b")));
    need!(put(&path("tree/a/b/leaf"), b"leaf"));
    need!(fs::create_dir(&path("elsewhere")));
    need!(fs::rename(
        &path("tree/a"),
        &path("elsewhere/moved"),
        Existing::Keep
    ));
    check_eq!(
        need!(super::files::get(&path("elsewhere/moved/b/leaf"))),
        b"leaf"
    );
    check!(!need!(fs::exists(&path("tree/a"))));
    Ok(())
}

fn into_itself() -> Verdict {
    need!(fs::create_dir_all(&path("loop/inner")));
    let result = fs::rename(&path("loop"), &path("loop/inner/loop"), Existing::Keep);
    check!(result.is_err());
    check!(need!(fs::exists(&path("loop/inner"))));
    Ok(())
}

fn no_escape() -> Verdict {
    need!(fs::create_dir_all(&path("jail/cell")));
    need!(put(&path("outside"), b"secret"));
    let (jail, _) = need!(fs::open_directory(&path("jail")));
    let read = abi::fs::OpenFlags::READ;
    let attempts: [&[u8]; 4] = [
        b"../outside",
        b"cell/../../outside",
        b"/outside",
        b"T:outside",
    ];
    for attempt in attempts {
        check!(rt::directory::open(jail.get(), attempt, read).is_err());
    }
    need!(put(&path("jail/inside"), b"open"));
    check!(rt::directory::open(jail.get(), b"inside", read).is_ok());
    Ok(())
}

fn current() -> Verdict {
    let before = viper::env::current_dir();
    need!(fs::create_dir_all(&path("here/below")));
    need!(put(&path("here/file"), b"here"));
    need!(viper::env::set_current_dir(&path("here")));
    let outcome = current_checks();
    need!(viper::env::set_current_dir(&before));
    outcome
}

fn current_checks() -> Verdict {
    check_eq!(need!(super::files::get("file")), b"here");
    need!(viper::env::set_current_dir("below"));
    check_eq!(need!(super::files::get("/file")), b"here");
    check_eq!(need!(super::files::get("../file")), b"here");
    check!(viper::env::current_dir().ends_with("here/below"));
    check_eq!(
        viper::env::set_current_dir("nothing")
            .err()
            .map(|error| error.cause),
        Some(abi::Error::NotFound)
    );
    need!(viper::env::set_current_dir("/"));
    check!(viper::env::current_dir().ends_with("here"));
    Ok(())
}

fn deep() -> Verdict {
    let mut path = path("deep");
    for _ in 0..64 {
        path.push_str("/level");
    }
    need!(fs::create_dir_all(&path));
    need!(put(&format!("{path}/bottom"), b"b"));
    check_eq!(need!(super::files::get(&format!("{path}/bottom"))), b"b");
    Ok(())
}

fn volume() -> Verdict {
    let (directory, _) = need!(fs::open_directory(FOLDER));
    let before = need!(rt::directory::volume(directory.get()));
    check!(before.total > 0 && before.free <= before.total && before.block_size > 0);
    let path = path("weight");
    need!(put(&path, &[3; 400_000]));
    need!(fs::sync(FOLDER));
    let after = need!(rt::directory::volume(directory.get()));
    check!(after.free < before.free);
    need!(fs::remove_file(&path));
    Ok(())
}
