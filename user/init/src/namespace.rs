//! The assigns of the system, made from the root directory of its volume.

use alloc::sync::Arc;

use abi::fs::OpenFlags;
use abi::startup::Tag;
use rt::OwnedHandle;
use viper::assign::{self, Current};
use viper::path::FullPath;
use viper::{Failure, eprintln, fs};

/// The directories directly below the root that have a name of their own.
const FROM_ROOT: [(&str, &str); 2] = [("SYS", "System"), ("WORK", "Work")];
/// The assigns inside `SYS:`.
const IN_SYSTEM: [(&str, &str); 3] = [("C", "SYS:C"), ("S", "SYS:S"), ("T", "SYS:T")];
/// The one of them that is made where it is missing: for temporary files.
const TEMPORARY: &str = "SYS:T";

/// Makes the assigns; `SYS:` becomes the current directory.
///
/// # Errors
///
/// Where the root or the system's own directory is missing.
pub fn set_up() -> Result<(), Failure> {
    let root = rt::startup::handle(Tag::Root).ok_or_else(|| Failure::not_given("the root"))?;
    for (name, directory) in FROM_ROOT {
        let opened = open_or_make(root, directory).map_err(|cause| {
            let path = alloc::format!("/{directory}");
            Failure::from(fs::Error::new(&path, cause))
        })?;
        assign::with(|namespace| namespace.set(name, "", alloc::vec![Arc::new(opened)]));
    }
    for (name, path) in IN_SYSTEM {
        match open(path) {
            Ok((handle, full)) => assign::with(|namespace| {
                let target = alloc::format!("{full}");
                namespace.set(name, &target, alloc::vec![Arc::new(handle)]);
            }),
            // The shell can still start from SYS:, and the user can mend it.
            Err(error) => eprintln!("Init: {error}"),
        }
    }
    let (directory, _) = fs::open_directory("SYS:")?;
    let current = Current {
        path: FullPath::root("SYS"),
        directory: Some(Arc::new(directory)),
    };
    assign::with(|namespace| namespace.set_current(current));
    Ok(())
}

/// Opens a directory below the root with every right, or makes it.
fn open_or_make(root: abi::Handle, name: &str) -> rt::Result<OwnedHandle> {
    let flags = OpenFlags::DIRECTORY
        | OpenFlags::READ
        | OpenFlags::WRITE
        | OpenFlags::EXECUTE
        | OpenFlags::ANY_CASE;
    match rt::directory::open(root, name.as_bytes(), flags) {
        Err(abi::Error::NotFound) => {
            rt::directory::open(root, name.as_bytes(), flags | OpenFlags::CREATE)
        }
        Err(abi::Error::ReadOnly) => {
            rt::directory::open(root, name.as_bytes(), flags.difference(OpenFlags::WRITE))
        }
        other => other,
    }
    .map(|(handle, _)| handle)
}

/// Opens one of the directories in `SYS:`.
fn open(path: &str) -> fs::Result<(OwnedHandle, FullPath)> {
    match fs::open_directory(path) {
        Err(error) if error.cause == abi::Error::NotFound && path == TEMPORARY => {
            fs::create_dir(path)?;
            fs::open_directory(path)
        }
        other => other,
    }
}
