//! Allocations in the kernel that cannot report failure.
//!
//! After boot kernel objects are allocated fallibly. Code whose collections
//! cannot fail runs inside a `mm::HeapReservation` taken before; the modules of that
//! kind are left out here.

use std::path::Path;

use crate::workspace;

use super::Findings;
use super::source::{self, Token};

/// Modules that allocate during boot only, inside a reservation, or in tests; and the one
/// that makes boxes of nothing.
const LEFT_OUT: [&str; 8] = [
    "arch/host/",
    "block/",
    "fs/viperfs/",
    "init",
    "ktest/",
    "main.rs",
    "sync/boxed.rs",
    "workload/",
];

/// Calls that end the machine when memory is exhausted.
const INFALLIBLE: [&[&str]; 12] = [
    &["Arc", ":", ":", "new"],
    &["Box", ":", ":", "new"],
    &["Rc", ":", ":", "new"],
    &["String", ":", ":", "from"],
    &["vec", "!"],
    &["format", "!"],
    &["with_capacity", "("],
    &[".", "to_vec", "(", ")"],
    &[".", "to_owned", "(", ")"],
    &[".", "to_string", "(", ")"],
    &[".", "collect", "(", ")"],
    &[".", "collect", ":", ":"],
];

/// Infallible allocations in the kernel's sources.
pub fn findings() -> anyhow::Result<Findings> {
    let folder = workspace::root().join("kernel/src");
    let mut findings = Findings::new();
    for file in workspace::files_with_extension(&folder, "rs")? {
        if is_left_out(file.strip_prefix(&folder)?) {
            continue;
        }
        let shown = workspace::relative(&file);
        for (line, what) in infallible(&source::tokens_of_file(&file)?) {
            findings.push(format!(
                "{}:{line}: {what} cannot report failure",
                shown.display()
            ));
        }
    }
    Ok(findings)
}

fn is_left_out(file: &Path) -> bool {
    let text = file.to_string_lossy();
    let is_test = text.ends_with("/tests.rs") || text.contains("/models");
    is_test || LEFT_OUT.iter().any(|prefix| text.starts_with(prefix))
}

fn infallible(tokens: &[Token]) -> Vec<(usize, String)> {
    let begins = |at: usize, words: &[&str]| {
        words.iter().enumerate().all(|(index, word)| {
            tokens
                .get(at + index)
                .is_some_and(|token| token.text == *word)
        })
    };
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        if let Some(call) = INFALLIBLE.iter().find(|call| begins(at, call)) {
            found.push((token.line, call.concat()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn infallible_allocations_are_found() {
        let source = "fn f() { let a = Arc::new(1);\n let b = Box::new(2);\n vec![0; n];\n \
                      format!(\"\");\n Vec::<u8>::with_capacity(9);\n b\"\".to_vec();\n \
                      i.collect::<Vec<_>>(); }";
        let tokens = source::tokens(source).expect("Rust");
        let lines: Vec<_> = infallible(&tokens)
            .into_iter()
            .map(|(line, _)| line)
            .collect();
        assert_eq!(lines, [1, 2, 3, 4, 5, 6, 7]);
        let fallible = source::tokens(
            "fn f() { try_box(1); Vec::new(); port.collect(&mut events); user.to_vec(9); }",
        )
        .expect("Rust");
        assert!(infallible(&fallible).is_empty());
        assert!(is_left_out(Path::new("fs/viperfs/mount.rs")));
        for inside in [
            "process/spawn.rs",
            "drivers/virtio/blk.rs",
            "fs/vfs/file.rs",
        ] {
            assert!(!is_left_out(Path::new(inside)));
        }
    }
}
