//! Files: contents, sizes, names.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use rt::file::Whence;
use viper::fs::{self, Existing, File, OpenOptions};
use viper::io::{Read, Write};

use super::{Case, Verdict, error_of};
use crate::selftest::FOLDER;
use crate::{check, check_eq, need};

/// The tests.
pub const CASES: &[Case] = &[
    Case {
        name: "files::written_is_read",
        run: written_is_read,
    },
    Case {
        name: "files::offsets_and_positions",
        run: offsets_and_positions,
    },
    Case {
        name: "files::append_goes_to_the_end",
        run: append_goes_to_the_end,
    },
    Case {
        name: "files::truncate_cuts_and_extends_with_zeros",
        run: truncate,
    },
    Case {
        name: "files::a_large_file_keeps_its_bytes",
        run: large,
    },
    Case {
        name: "files::a_hole_reads_as_zeros",
        run: hole,
    },
    Case {
        name: "files::create_new_refuses_what_exists",
        run: create_new,
    },
    Case {
        name: "files::rename_moves_and_replaces",
        run: rename,
    },
    Case {
        name: "files::remove_frees_the_name",
        run: remove,
    },
    Case {
        name: "files::an_open_file_outlives_its_name",
        run: open_outlives_name,
    },
    Case {
        name: "files::names_of_255_bytes_and_300",
        run: long_names,
    },
    Case {
        name: "files::bad_names_are_refused",
        run: bad_names,
    },
    Case {
        name: "files::names_match_in_any_case",
        run: any_case,
    },
    Case {
        name: "files::sync_succeeds_and_needs_write",
        run: sync,
    },
    Case {
        name: "files::stat_tells_the_truth",
        run: stat,
    },
    Case {
        name: "files::nil_takes_everything_and_gives_nothing",
        run: nil,
    },
];

/// Makes a directory, or empties one.
///
/// # Errors
///
/// Where something in it cannot be removed.
pub fn empty_folder(path: &str) -> fs::Result<()> {
    fs::create_dir_all(path)?;
    // Files as they are met; directories afterwards, the deepest first.
    let mut pending = vec![String::from(path)];
    let mut directories = Vec::new();
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(&directory)?.collect::<fs::Result<Vec<_>>>()? {
            let path = viper::path::join(&directory, entry.name());
            match entry.is_dir() {
                true => pending.push(path),
                false => fs::remove_file(&path)?,
            }
        }
        directories.push(directory);
    }
    directories
        .iter()
        .skip(1)
        .rev()
        .try_for_each(|directory| fs::remove_dir(directory))
}

/// A path for a test's file.
pub fn path(name: &str) -> String {
    format!("{FOLDER}/{name}")
}

/// Makes a file with these contents.
pub fn put(path: &str, bytes: &[u8]) -> fs::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes).map_err(|cause| file.error(cause))
}

/// All of a file.
pub fn get(path: &str) -> fs::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.read_to_end().map_err(|cause| file.error(cause))
}

fn written_is_read() -> Verdict {
    let path = path("plain");
    need!(put(&path, b"hello"));
    check_eq!(need!(get(&path)), b"hello");
    need!(put(&path, b"x"));
    check_eq!(need!(get(&path)), b"x");
    need!(put(&path, b""));
    check_eq!(need!(get(&path)), b"");
    Ok(())
}

fn offsets_and_positions() -> Verdict {
    let path = path("offsets");
    let file = need!(
        OpenOptions::new()
            .read()
            .write()
            .create()
            .truncate()
            .open(&path)
    );
    check_eq!(need!(file.write_at(0, b"0123456789")), 10);
    check_eq!(need!(file.write_at(4, b"xy")), 2);
    let mut bytes = [0; 4];
    check_eq!(need!(file.read_at(3, &mut bytes)), 4);
    check_eq!(&bytes, b"3xy6");
    check_eq!(need!(file.read_at(10, &mut bytes)), 0);
    check_eq!(need!(file.read_at(8, &mut bytes)), 2);
    check_eq!(need!(file.seek(-2, Whence::End)), 8);
    check_eq!(need!(file.seek(-3, Whence::Position)), 5);
    check_eq!(
        error_of(file.seek(-6, Whence::Position)),
        Some(abi::Error::InvalidArgument)
    );
    check_eq!(need!(file.seek(0, Whence::Position)), 5);
    Ok(())
}

fn append_goes_to_the_end() -> Verdict {
    let path = path("append");
    need!(put(&path, b"one "));
    let mut file = need!(OpenOptions::new().append().create().open(&path));
    need!(file.seek(0, Whence::Start));
    need!(file.write_all(b"two"));
    check_eq!(need!(get(&path)), b"one two");
    Ok(())
}

fn truncate() -> Verdict {
    let path = path("truncate");
    need!(put(&path, &[7; 10_000]));
    let file = need!(OpenOptions::new().read().write().open(&path));
    need!(file.set_len(5000));
    need!(file.set_len(9000));
    let bytes = need!(get(&path));
    check_eq!(bytes.len(), 9000);
    check!(bytes.iter().take(5000).all(|byte| *byte == 7));
    check!(bytes.iter().skip(5000).all(|byte| *byte == 0));
    need!(file.set_len(0));
    check_eq!(need!(get(&path)).len(), 0);
    Ok(())
}

/// Bytes that differ from page to page.
fn pattern(len: usize) -> Vec<u8> {
    (0..len)
        .map(|index| (index ^ (index >> 8) ^ (index >> 16)).to_le_bytes()[0])
        .collect()
}

fn large() -> Verdict {
    let path = path("large");
    let bytes = pattern(1_500_001);
    need!(put(&path, &bytes));
    check!(need!(get(&path)) == bytes);
    let file = need!(OpenOptions::new().read().write().open(&path));
    check_eq!(need!(file.write_at(777_777, b"middle")), 6);
    let mut some = [0; 8];
    check_eq!(need!(file.read_at(777_776, &mut some)), 8);
    check_eq!(some.get(1..7), Some(&b"middle"[..]));
    check_eq!(some.first(), bytes.get(777_776));
    check_eq!(need!(file.metadata()).len(), 1_500_001);
    need!(fs::remove_file(&path));
    Ok(())
}

fn hole() -> Verdict {
    let path = path("hole");
    let file = need!(
        OpenOptions::new()
            .read()
            .write()
            .create()
            .truncate()
            .open(&path)
    );
    check_eq!(need!(file.write_at(1_000_000, b"end")), 3);
    let bytes = need!(get(&path));
    check_eq!(bytes.len(), 1_000_003);
    check!(bytes.iter().take(1_000_000).all(|byte| *byte == 0));
    check!(bytes.ends_with(b"end"));
    need!(fs::remove_file(&path));
    Ok(())
}

fn create_new() -> Verdict {
    let path = path("new");
    let options = OpenOptions::new().write().create_new();
    need!(options.open(&path));
    check_eq!(
        error_of(options.open(&path)),
        Some(abi::Error::AlreadyExists)
    );
    need!(OpenOptions::new().write().create().open(&path));
    Ok(())
}

fn rename() -> Verdict {
    let (old, new) = (path("old"), path("renamed"));
    need!(put(&old, b"1"));
    need!(fs::rename(&old, &new, Existing::Keep));
    check!(!need!(fs::exists(&old)));
    check_eq!(need!(get(&new)), b"1");
    need!(put(&old, b"2"));
    let refused = fs::rename(&old, &new, Existing::Keep);
    check_eq!(error_of(refused), Some(abi::Error::AlreadyExists));
    check_eq!(need!(get(&new)), b"1");
    need!(fs::rename(&old, &new, Existing::Replace));
    check_eq!(need!(get(&new)), b"2");
    let missing = fs::rename(&old, &path("x"), Existing::Keep);
    check_eq!(error_of(missing), Some(abi::Error::NotFound));
    Ok(())
}

fn remove() -> Verdict {
    let path = path("removed");
    need!(put(&path, b"x"));
    need!(fs::remove_file(&path));
    check_eq!(error_of(fs::remove_file(&path)), Some(abi::Error::NotFound));
    check_eq!(error_of(File::open(&path)), Some(abi::Error::NotFound));
    need!(put(&path, b"y"));
    check_eq!(need!(get(&path)), b"y");
    Ok(())
}

fn open_outlives_name() -> Verdict {
    let path = path("unlinked");
    let file = need!(
        OpenOptions::new()
            .read()
            .write()
            .create()
            .truncate()
            .open(&path)
    );
    check_eq!(need!(file.write_at(0, b"kept")), 4);
    match fs::remove_file(&path) {
        Ok(()) => {}
        // A system may also refuse; then the file stays whole.
        Err(error) => check_eq!(error.cause, abi::Error::Busy),
    }
    let mut bytes = [0; 4];
    check_eq!(need!(file.read_at(0, &mut bytes)), 4);
    check_eq!(&bytes, b"kept");
    Ok(())
}

fn long_names() -> Verdict {
    let fits = path(&"n".repeat(255));
    need!(put(&fits, b"x"));
    check_eq!(need!(get(&fits)), b"x");
    need!(fs::remove_file(&fits));
    for len in [256, 300] {
        let name = "n".repeat(len);
        // The runtime refuses it; so must the kernel, where it is asked directly.
        check_eq!(
            error_of(put(&path(&name), b"x")),
            Some(abi::Error::NameTooLong)
        );
        let (directory, _) = need!(fs::open_directory(FOLDER));
        let flags = abi::fs::OpenFlags::CREATE | abi::fs::OpenFlags::WRITE;
        let direct = rt::directory::open(directory.get(), name.as_bytes(), flags);
        check_eq!(direct.err(), Some(abi::Error::NameTooLong));
    }
    Ok(())
}

fn bad_names() -> Verdict {
    let (directory, _) = need!(fs::open_directory(FOLDER));
    let flags = abi::fs::OpenFlags::CREATE | abi::fs::OpenFlags::WRITE;
    let names: [&[u8]; 3] = [b"a\0b", b"\0", b"T:name"];
    for name in names {
        let result = rt::directory::open(directory.get(), name, flags);
        check_eq!(result.err(), Some(abi::Error::BadName));
    }
    check!(rt::directory::open(directory.get(), b"good", flags).is_ok());
    // Steps above the directory end in it, or are refused; they never leave it.
    for name in [&b"../escape"[..], b"a/../../../escape"] {
        let _ = rt::directory::open(directory.get(), name, flags);
    }
    check!(!need!(fs::exists("T:escape")) && !need!(fs::exists("SYS:escape")));
    Ok(())
}

fn any_case() -> Verdict {
    need!(put(&path("MixedCase"), b"m"));
    check_eq!(need!(get(&path("mixedcase"))), b"m");
    check_eq!(need!(get(&path("MIXEDCASE"))), b"m");
    need!(put(&path("mixedCASE"), b"n"));
    check_eq!(need!(get(&path("MixedCase"))), b"n");
    need!(fs::remove_file(&path("mixedcase")));
    check!(!need!(fs::exists(&path("MixedCase"))));
    Ok(())
}

fn sync() -> Verdict {
    let path = path("sync");
    let mut file = need!(File::create(&path));
    need!(file.write_all(b"durable"));
    need!(file.sync_all());
    need!(fs::sync(FOLDER));
    let reader = need!(File::open(&path));
    check_eq!(error_of(reader.sync_all()), Some(abi::Error::AccessDenied));
    Ok(())
}

fn stat() -> Verdict {
    let path = path("stat");
    need!(put(&path, &[1; 4097]));
    let metadata = need!(fs::metadata(&path));
    check!(metadata.is_file() && !metadata.is_dir());
    check_eq!(metadata.len(), 4097);
    check!(metadata.stat().links >= 1);
    let same = need!(need!(File::open(&path)).metadata());
    check_eq!(same.stat().node, metadata.stat().node);
    check!(need!(fs::metadata(FOLDER)).is_dir());
    check_eq!(
        error_of(fs::metadata("T:selftest/none")),
        Some(abi::Error::NotFound)
    );
    Ok(())
}

fn nil() -> Verdict {
    need!(put("NIL:", b"gone"));
    check_eq!(need!(get("nil:")), b"");
    Ok(())
}
