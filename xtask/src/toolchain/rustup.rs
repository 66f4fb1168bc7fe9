//! The active toolchain, and what rustup can add to it.

use std::path::PathBuf;
use std::process::Stdio;

use super::{KERNEL_TARGET, Toolchain, USER_TARGET, Way};
use crate::command;

/// The active toolchain, when it has library source.
pub fn with_source() -> Option<Toolchain> {
    let sysroot = sysroot()?;
    // Cargo needs the lock file of the library beside its source.
    let lock = sysroot.join("lib/rustlib/src/rust/library/Cargo.lock");
    if lock.exists() {
        active(Way::Source)
    } else {
        None
    }
}

/// The active toolchain, when it has the library compiled for both targets.
pub fn with_targets() -> Option<Toolchain> {
    let sysroot = sysroot()?;
    let has = |target: &str| {
        sysroot
            .join("lib/rustlib")
            .join(target)
            .join("lib")
            .is_dir()
    };
    if has(KERNEL_TARGET) && has(USER_TARGET) {
        active(Way::Target)
    } else {
        None
    }
}

/// Whether rustup could add the library source.
pub fn add_source() -> bool {
    add(&["component", "add", "rust-src"])
}

/// Whether rustup could add the compiled library.
pub fn add_targets() -> bool {
    add(&["target", "add", KERNEL_TARGET, USER_TARGET])
}

fn add(arguments: &[&str]) -> bool {
    let Some(rustup) = command::find("rustup") else {
        return false;
    };
    let mut rustup = command::program(rustup);
    // Standard output belongs to the guest's programs.
    rustup
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(std::io::stderr());
    eprintln!("toolchain: {}", command::line(&rustup));
    command::run(&mut rustup).is_ok()
}

fn active(way: Way) -> Option<Toolchain> {
    let sysroot = sysroot()?;
    let version = super::version_line(&sysroot.join("bin/rustc"))?;
    if !super::is_new_enough(&version) {
        return None;
    }
    // The targets ask for `rust-lld`, which lies beside rustup's compiler.
    let bundled = sysroot
        .join("lib/rustlib")
        .join(host()?)
        .join("bin/rust-lld");
    let linker = if bundled.exists() {
        None
    } else {
        Some(super::distribution::linker()?)
    };
    Some(Toolchain {
        way,
        version,
        linker,
    })
}

fn host() -> Option<String> {
    let text = command::capture(command::program("rustc").arg("-vV")).ok()?;
    text.lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
}

/// Folder of the active toolchain.
pub fn sysroot() -> Option<PathBuf> {
    let path = command::capture(command::program("rustc").args(["--print", "sysroot"])).ok()?;
    Some(PathBuf::from(path.trim()))
}
