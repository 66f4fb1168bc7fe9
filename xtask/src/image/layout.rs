//! What goes where on a disk.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::build::guest::Program;
use crate::workspace;

/// Folders every disk has, parents first.
pub const FOLDERS: [&str; 5] = [
    "/System",
    "/System/C",
    "/System/S",
    "/System/Tests",
    "/Work",
];

/// A file of the host and its place on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// On the host.
    pub host: PathBuf,
    /// On the disk, from the root.
    pub guest: String,
    /// Whether debug information is left out.
    pub is_program: bool,
}

impl File {
    /// Reads `HOST:GUEST`; GUEST is from the root, or begins with `SYS:` or `WORK:`.
    pub fn from_pair(pair: &str) -> anyhow::Result<File> {
        let (host, guest) = pair
            .split_once(':')
            .filter(|(host, guest)| !host.is_empty() && !guest.is_empty())
            .with_context(|| format!("--add {pair}: write it as HOST:GUEST"))?;
        let guest = match guest.split_once(':') {
            Some(("SYS", rest)) => format!("/System/{rest}"),
            Some(("WORK", rest)) => format!("/Work/{rest}"),
            Some(_) => bail!("--add {pair}: the disk has SYS: and WORK:, no other assign"),
            None => format!("/{}", guest.trim_start_matches('/')),
        };
        Ok(File {
            host: host.into(),
            guest,
            is_program: false,
        })
    }
}

/// Programs and fixed files of the system.
pub fn system_files(programs: &[Program]) -> anyhow::Result<Vec<File>> {
    let mut files: Vec<File> = programs
        .iter()
        .map(|program| File {
            host: program.file.clone(),
            guest: place(program),
            is_program: true,
        })
        .collect();
    files.extend(fixed_files(&workspace::root().join("user/system"))?);
    Ok(files)
}

/// Where a program goes: where its manifest says, else by its package.
fn place(program: &Program) -> String {
    let name = program
        .installed_as
        .clone()
        .unwrap_or_else(|| capitalised(&program.binary));
    if name.contains('/') {
        return format!("/System/{}", name.trim_start_matches('/'));
    }
    match program.package.as_str() {
        "init" => format!("/System/{name}"),
        "user-tests" => format!("/System/Tests/{name}"),
        _ => format!("/System/C/{name}"),
    }
}

/// `make-dir` as `MakeDir`.
fn capitalised(binary: &str) -> String {
    let mut name = String::new();
    for word in binary.split(['-', '_']) {
        let mut letters = word.chars();
        name.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        name.extend(letters);
    }
    name
}

/// The files below `folder`, at the same places below `/System`.
fn fixed_files(folder: &Path) -> anyhow::Result<Vec<File>> {
    let mut files = Vec::new();
    for host in workspace::files(folder)? {
        let below = host
            .strip_prefix(folder)?
            .to_str()
            .context("a name is not UTF-8")?;
        files.push(File {
            guest: format!("/System/{below}"),
            host,
            is_program: false,
        });
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(package: &str, binary: &str, installed_as: Option<&str>) -> Program {
        Program {
            package: package.to_owned(),
            binary: binary.to_owned(),
            installed_as: installed_as.map(str::to_owned),
            file: PathBuf::new(),
        }
    }

    #[test]
    fn programs_have_their_places() {
        assert_eq!(place(&program("init", "init", None)), "/System/Init");
        assert_eq!(place(&program("shell", "shell", None)), "/System/C/Shell");
        assert_eq!(
            place(&program("programs", "make-dir", None)),
            "/System/C/MakeDir"
        );
        assert_eq!(
            place(&program("programs", "makedir", Some("MakeDir"))),
            "/System/C/MakeDir"
        );
        assert_eq!(
            place(&program("user-tests", "writer", None)),
            "/System/Tests/Writer"
        );
        let moved = program("user-tests", "selftest", Some("C/SelfTest"));
        assert_eq!(place(&moved), "/System/C/SelfTest");
    }

    #[test]
    fn added_files_are_named_from_the_root_or_by_an_assign() {
        let guest = |pair: &str| File::from_pair(pair).map(|file| file.guest);
        assert_eq!(guest("a.txt:notes/a").expect("valid"), "/notes/a");
        assert_eq!(guest("a.txt:/Work/a").expect("valid"), "/Work/a");
        assert_eq!(guest("a.txt:WORK:b/a").expect("valid"), "/Work/b/a");
        assert_eq!(guest("a.txt:SYS:S/a").expect("valid"), "/System/S/a");
        for wrong in ["a.txt", "a.txt:", ":b", "a.txt:DF0:a"] {
            assert!(guest(wrong).is_err(), "{wrong}");
        }
    }
}
