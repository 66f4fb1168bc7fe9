//! The compiler for what runs in the machine.
//!
//! [`resolve`] takes the first way that works and says which. The two ways with
//! library source come first, because they compile `core` with BTI and PAC and
//! position independent; `docs/adr/0001-toolchain-order.md` says why.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::command;

pub mod debugger;
pub mod distribution;
pub mod emulator;
pub mod packages;
pub mod rustup;

/// Target of the kernel: no vector registers.
pub const KERNEL_TARGET: &str = "aarch64-unknown-none-softfloat";

/// Target of programs.
pub const USER_TARGET: &str = "aarch64-unknown-none";

/// Oldest compiler that builds the project, from the workspace's manifest.
pub const OLDEST_RUST: &str = env!("CARGO_PKG_RUST_VERSION");

/// Environment variable that asks for one way by its [`Way::name`].
pub const CHOICE: &str = "VIPEROS_TOOLCHAIN";

/// Where the standard library comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The active toolchain has its source (`rust-src`).
    Source,
    /// The distribution's toolchain has its source.
    Distribution,
    /// The active toolchain has it compiled for the targets.
    Target,
}

impl Way {
    /// Every way, in the order of preference.
    pub const ALL: [Way; 3] = [Way::Source, Way::Distribution, Way::Target];

    /// The word for [`CHOICE`].
    pub const fn name(self) -> &'static str {
        match self {
            Way::Source => "source",
            Way::Distribution => "distribution",
            Way::Target => "target",
        }
    }

    /// Whether `core` is compiled here, with our flags.
    pub const fn builds_core(self) -> bool {
        matches!(self, Way::Source | Way::Distribution)
    }
}

/// A way to compile for the machine.
#[derive(Clone, Debug)]
pub struct Toolchain {
    /// Which.
    pub way: Way,
    /// What `rustc --version` says.
    pub version: String,
    /// The linker, where the default one is not to be used.
    pub linker: Option<PathBuf>,
}

impl fmt::Display for Toolchain {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match self.way {
            Way::Source => "active toolchain with rust-src, core built with BTI and PAC",
            Way::Distribution => "distribution's toolchain, core built with BTI and PAC",
            Way::Target => "active toolchain with compiled core, without BTI and PAC",
        };
        write!(out, "{} ({how})", self.version)
    }
}

impl Toolchain {
    /// A cargo command that compiles with this toolchain.
    pub fn cargo(&self) -> Command {
        self.prepared(match self.way {
            Way::Source | Way::Target => command::host_cargo(),
            Way::Distribution => distribution::cargo(),
        })
    }

    /// `cargo clippy` of this toolchain, when it has it.
    pub fn clippy(&self) -> Option<Command> {
        let command = match self.way {
            Way::Source | Way::Target => {
                let mut cargo = command::host_cargo();
                cargo.arg("clippy");
                cargo
            }
            Way::Distribution if distribution::has_clippy() => distribution::clippy(),
            Way::Distribution => return None,
        };
        Some(self.prepared(command))
    }

    fn prepared(&self, mut cargo: Command) -> Command {
        cargo.env_remove("RUSTFLAGS");
        cargo.env("RUSTC_BOOTSTRAP", "1");
        // The report is about the library, which is not ours to change.
        cargo.env("CARGO_FUTURE_INCOMPAT_REPORT_FREQUENCY", "never");
        if let Some(linker) = &self.linker {
            for target in [KERNEL_TARGET, USER_TARGET] {
                cargo.env(target_variable(target, "LINKER"), linker);
            }
        }
        cargo
    }

    /// Arguments that make cargo build the standard library, where it has to.
    pub fn library_arguments(&self) -> &'static [&'static str] {
        match self.way.builds_core() {
            true => &["-Zbuild-std=core,alloc,compiler_builtins"],
            false => &[],
        }
    }
}

/// Name of cargo's environment variable for a setting of a target.
pub fn target_variable(target: &str, setting: &str) -> String {
    format!(
        "CARGO_TARGET_{}_{setting}",
        target.to_uppercase().replace('-', "_")
    )
}

/// Finds a toolchain, or installs one where that is allowed.
pub fn resolve() -> anyhow::Result<Toolchain> {
    if let Some(wanted) = std::env::var_os(CHOICE) {
        let wanted = wanted.to_string_lossy();
        let Some(way) = Way::ALL.into_iter().find(|way| way.name() == wanted) else {
            bail!("{CHOICE}={wanted} names no way; use source, distribution or target");
        };
        return find(way)
            .or_else(|| install(way))
            .with_context(|| cannot_get(way));
    }
    if let Some(found) = Way::ALL.into_iter().find_map(find) {
        return Ok(found);
    }
    const BY_EFFORT: [Way; 3] = [Way::Source, Way::Target, Way::Distribution];
    BY_EFFORT.into_iter().find_map(install).with_context(|| {
        format!(
            "no way to compile for AArch64: {}; or as root: {}",
            "run `rustup component add rust-src`",
            packages::install_line(distribution::PACKAGES)
        )
    })
}

fn cannot_get(way: Way) -> String {
    format!(
        "{CHOICE}={}: this way is not there and cannot be installed",
        way.name()
    )
}

/// The toolchain of one way, when it is installed.
pub fn find(way: Way) -> Option<Toolchain> {
    match way {
        Way::Source => rustup::with_source(),
        Way::Distribution => distribution::installed(),
        Way::Target => rustup::with_targets(),
    }
}

/// Installs the toolchain of one way; nothing when that cannot be done.
fn install(way: Way) -> Option<Toolchain> {
    match way {
        Way::Source => rustup::add_source().then(rustup::with_source)?,
        Way::Target => rustup::add_targets().then(rustup::with_targets)?,
        Way::Distribution => {
            packages::install(distribution::PACKAGES).ok()?;
            distribution::installed()
        }
    }
}

/// Version of the compiler for the host.
pub fn host_version() -> String {
    version_line(Path::new("rustc")).unwrap_or_else(|| "unknown".to_owned())
}

/// What `PROGRAM --version` says first, when it runs.
pub fn version_line(program: &Path) -> Option<String> {
    let text = command::capture(command::program(program).arg("--version")).ok()?;
    text.lines().next().map(str::to_owned)
}

/// The first number of the form `X.Y` or `X.Y.Z` in a text, as a pair.
pub fn version_number(text: &str) -> Option<(u32, u32)> {
    text.split(|c: char| !(c.is_ascii_digit() || c == '.'))
        .find_map(|word| {
            let mut parts = word.split('.');
            Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
        })
}

/// Whether a `rustc --version` line is new enough.
pub fn is_new_enough(version: &str) -> bool {
    version_number(version) >= version_number(OLDEST_RUST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_programs_print() {
        assert_eq!(
            version_number("rustc 1.95.0 (59807616e 2026-04-14)"),
            Some((1, 95))
        );
        assert_eq!(
            version_number("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg)"),
            Some((7, 2))
        );
        assert_eq!(version_number("no number"), None);
        assert!(is_new_enough("rustc 1.100.0"));
        assert!(!is_new_enough("rustc 1.63.0"));
        assert!(!is_new_enough("rustc of unknown age"));
    }

    #[test]
    fn settings_are_named_as_cargo_wants() {
        let name = target_variable(KERNEL_TARGET, "LINKER");
        assert_eq!(name, "CARGO_TARGET_AARCH64_UNKNOWN_NONE_SOFTFLOAT_LINKER");
    }
}
