//! The distribution's own toolchain, named by full path.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Toolchain, Way};
use crate::command;

/// Packages with compiler, cargo, library source, lints, formatter and linker.
pub const PACKAGES: &[&str] = &[
    "rustc-web",
    "cargo-web",
    "rust-web-src",
    "rust-web-clippy",
    "rustfmt-web",
    "rust-web-llvm",
];

const CARGO: &str = "/usr/bin/cargo";
const CLIPPY: &str = "/usr/bin/cargo-clippy";
const RUSTC: &str = "/usr/bin/rustc";
const LIBRARY_LOCK: &str = "/usr/lib/rustlib/src/rust/library/Cargo.lock";

/// The toolchain, when all of it is there and new enough.
pub fn installed() -> Option<Toolchain> {
    let complete = [CARGO, RUSTC, LIBRARY_LOCK]
        .iter()
        .all(|file| Path::new(file).exists());
    if !complete {
        return None;
    }
    let version = super::version_line(Path::new(RUSTC))?;
    if !super::is_new_enough(&version) {
        return None;
    }
    Some(Toolchain {
        way: Way::Distribution,
        version,
        linker: Some(linker()?),
    })
}

/// A linker the distribution has.
pub fn linker() -> Option<PathBuf> {
    ["rust-lld", "ld.lld-22", "ld.lld"]
        .into_iter()
        .find_map(|name| {
            let path = Path::new("/usr/bin").join(name);
            path.exists().then_some(path)
        })
}

/// `/usr/bin/cargo`, held to the compiler beside it.
///
/// Alone it would take `rustc` from the path, where rustup's may come first.
pub fn cargo() -> Command {
    held_to_usr_bin(CARGO)
}

/// `cargo clippy`; by way of cargo it would be looked up on the path as well.
pub fn clippy() -> Command {
    let mut clippy = held_to_usr_bin(CLIPPY);
    clippy.arg("clippy");
    clippy
}

/// Whether the package with clippy is there.
pub fn has_clippy() -> bool {
    Path::new(CLIPPY).exists()
}

fn held_to_usr_bin(program: &str) -> Command {
    let mut cargo = command::program(program);
    command::forget_outer_build(&mut cargo);
    cargo
        .env("RUSTC", RUSTC)
        .env("RUSTDOC", "/usr/bin/rustdoc")
        .env("CARGO", CARGO)
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("RUSTC_WRAPPER")
        .env_remove("RUSTC_WORKSPACE_WRAPPER");
    // `cargo run` puts rustup's libraries here; this compiler must load its own.
    cargo.env_remove("LD_LIBRARY_PATH");
    cargo
}
