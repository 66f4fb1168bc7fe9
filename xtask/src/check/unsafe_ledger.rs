//! The ledger of unsafe blocks.
//!
//! `docs/unsafe.md` has one row for each file with unsafe blocks. A number that
//! rises without an edit of that page fails the check; so does unsafe in a place
//! that is not meant for it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use crate::workspace;

use super::Findings;
use super::source::{self, Token};

/// Folders whose sources are counted.
const COUNTED: [&str; 6] = [
    "abi/src",
    "kernel/src",
    "tools/src",
    "user",
    "xtask/src",
    "kernel/tests",
];

/// Where unsafe may stand; `docs/01-architecture.md` says why.
const ALLOWED: [&str; 7] = [
    "kernel/src/arch/",
    "kernel/src/sync/",
    "kernel/src/mm/frame",
    "kernel/src/mm/heap",
    "kernel/src/mm/page_table",
    "kernel/src/drivers/mmio",
    "kernel/src/drivers/virtio",
];

/// Tests that need an allocator of their own.
const ALLOWED_TESTS: [&str; 2] = [
    "kernel/src/workload/tests.rs",
    "kernel/tests/viperfs_memory.rs",
];

/// The same for user space.
const ALLOWED_USER: [&str; 2] = ["user/rt/", "user/libc/"];

/// Most blocks the kernel may come to have.
const KERNEL_GOAL: usize = 250;

/// Number of unsafe blocks, implementations and functions by file.
type Counts = BTreeMap<String, usize>;

/// Differences between the sources and the ledger.
pub fn findings() -> anyhow::Result<Findings> {
    let counts = count_all()?;
    let ledger = std::fs::read_to_string(page()).unwrap_or_default();
    Ok(compare(&counts, &rows(&ledger)))
}

/// The page with the ledger.
fn page() -> PathBuf {
    workspace::root().join("docs/unsafe.md")
}

fn count_all() -> anyhow::Result<Counts> {
    let mut counts = Counts::new();
    for folder in COUNTED {
        for file in workspace::files_with_extension(&workspace::root().join(folder), "rs")? {
            let count = count(&source::tokens_of_file(&file)?);
            if count > 0 {
                counts.insert(workspace::relative(&file).display().to_string(), count);
            }
        }
    }
    Ok(counts)
}

/// Unsafe blocks and implementations; a declaration alone does nothing.
fn count(tokens: &[Token]) -> usize {
    let is_use =
        |pair: &&[Token]| pair[0].text == "unsafe" && matches!(pair[1].text.as_str(), "{" | "impl");
    tokens.windows(2).filter(is_use).count()
}

/// Files and numbers in the ledger's table.
fn rows(page: &str) -> Counts {
    let row = |line: &str| {
        let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
        let file = cells.next()?.trim_matches('`').to_owned();
        Some((file, cells.next()?.parse().ok()?))
    };
    page.lines().filter_map(row).collect()
}

fn compare(counts: &Counts, ledger: &Counts) -> Findings {
    let mut findings = Findings::new();
    for (file, count) in counts {
        let known = ledger.get(file).copied().unwrap_or(0);
        if *count > known {
            findings.push(format!(
                "{file}: {count} unsafe blocks, docs/unsafe.md says {known}; \
                 `cargo xtask docs` writes the new number, the commit says why"
            ));
        }
        if !is_allowed(file) {
            findings.push(format!("{file}: unsafe is not meant to stand here"));
        }
    }
    let kernel = kernel_total(counts);
    if kernel >= KERNEL_GOAL {
        findings.push(format!(
            "the kernel has {kernel} unsafe blocks; the limit is {KERNEL_GOAL}"
        ));
    }
    findings
}

fn is_allowed(file: &str) -> bool {
    ALLOWED
        .iter()
        .chain(&ALLOWED_USER)
        .chain(&ALLOWED_TESTS)
        .any(|place| file.starts_with(place))
}

fn kernel_total(counts: &Counts) -> usize {
    counts
        .iter()
        .filter(|(file, _)| file.starts_with("kernel/src/"))
        .map(|(_, n)| n)
        .sum()
}

/// Writes the ledger anew, keeping what is said about each file.
pub fn write() -> anyhow::Result<PathBuf> {
    let path = page();
    let old = std::fs::read_to_string(&path).unwrap_or_default();
    workspace::write(&path, render(&count_all()?, &reasons(&old)))?;
    Ok(path)
}

/// What the third column says about each file.
fn reasons(page: &str) -> BTreeMap<String, String> {
    let row = |line: &str| {
        let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
        let file = cells.next()?.trim_matches('`').to_owned();
        cells.next()?.parse::<usize>().ok()?;
        Some((file, cells.next()?.to_owned()))
    };
    page.lines().filter_map(row).collect()
}

fn render(counts: &Counts, reasons: &BTreeMap<String, String>) -> String {
    let mut page = String::from(
        "# Unsafe ledger\n\n\
         Unsafe blocks and implementations by file, tests left out. `cargo xtask check` fails when\n\
         a number rises above the one here; `cargo xtask docs` writes the numbers, the last column\n\
         is written by hand.\n\n\
         | file | blocks | what for |\n|---|---:|---|\n",
    );
    for (file, count) in counts {
        let reason = reasons.get(file).map_or("", String::as_str);
        let _ = writeln!(page, "| `{file}` | {count} | {reason} |");
    }
    let total: usize = counts.values().sum();
    let kernel = kernel_total(counts);
    let _ = writeln!(
        page,
        "\nTotal {total}, of these {kernel} in the kernel (limit {KERNEL_GOAL})."
    );
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(rows: &[(&str, usize)]) -> Counts {
        rows.iter()
            .map(|(file, count)| ((*file).to_owned(), *count))
            .collect()
    }

    #[test]
    fn blocks_and_implementations_are_counted() {
        let source = r#"
            // unsafe { comment }
            unsafe fn declared() {}
            unsafe impl Send for A {}
            fn f() { unsafe { g() }; let _ = "unsafe { text }"; m!(unsafe { h() }); }
            #[cfg(test)]
            mod tests { fn t() { unsafe { g() } } }
        "#;
        assert_eq!(count(&source::tokens(source).expect("Rust")), 3);
    }

    #[test]
    fn a_number_that_rises_is_found() {
        let ledger = counts(&[("kernel/src/arch/mmu.rs", 2)]);
        assert!(compare(&counts(&[("kernel/src/arch/mmu.rs", 2)]), &ledger).is_empty());
        assert!(compare(&counts(&[("kernel/src/arch/mmu.rs", 1)]), &ledger).is_empty());
        assert_eq!(
            compare(&counts(&[("kernel/src/arch/mmu.rs", 3)]), &ledger).len(),
            1
        );
        assert_eq!(
            compare(&counts(&[("kernel/src/arch/gic.rs", 1)]), &ledger).len(),
            1
        );
    }

    #[test]
    fn unsafe_in_the_wrong_place_is_found() {
        let here = counts(&[("kernel/src/fs/vfs/mod.rs", 1)]);
        assert_eq!(compare(&here, &here).len(), 1);
        assert!(is_allowed("user/rt/src/start.rs"));
        assert!(!is_allowed("user/shell/src/lib.rs"));
    }

    #[test]
    fn too_many_blocks_are_found() {
        let many = counts(&[("kernel/src/arch/mmu.rs", KERNEL_GOAL)]);
        assert_eq!(compare(&many, &many).len(), 1);
    }

    #[test]
    fn the_page_is_read_back_as_written() {
        let counts = counts(&[("kernel/src/arch/mmu.rs", 4), ("user/rt/src/heap.rs", 1)]);
        let reasons = [("user/rt/src/heap.rs".to_owned(), "the allocator".to_owned())].into();
        let page = render(&counts, &reasons);
        assert_eq!(rows(&page), counts);
        assert_eq!(
            self::reasons(&page).get("user/rt/src/heap.rs"),
            reasons.get("user/rt/src/heap.rs")
        );
    }
}
