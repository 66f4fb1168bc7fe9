//! Freshness of the documents: generated pages, links, names of files.

use std::path::{Path, PathBuf};

use crate::docs;
use crate::workspace;

use super::Findings;

/// Folders whose files documents name.
const NAMED: [&str; 7] = [
    "abi/", "kernel/", "user/", "tools/", "xtask/", "docs/", ".ci/",
];

/// Stale pages, dead links and names of files that are not there.
pub fn findings() -> anyhow::Result<Findings> {
    let mut findings = docs::stale()?;
    for page in pages()? {
        let text = workspace::read_text(&page)?;
        let shown = workspace::relative(&page);
        for missing in missing(&page, &text) {
            findings.push(format!("{}: {missing} is not there", shown.display()));
        }
    }
    Ok(findings)
}

/// Every page for people.
fn pages() -> anyhow::Result<Vec<PathBuf>> {
    let root = workspace::root();
    let mut pages = workspace::files_with_extension(&root.join("docs"), "md")?;
    // The change log tells of files as they were.
    for name in ["README.md", "CONTRIBUTING.md"] {
        pages.push(root.join(name));
    }
    Ok(pages)
}

/// What a page names that is not there.
fn missing(page: &Path, text: &str) -> Vec<String> {
    let folder = page.parent().unwrap_or(page);
    let mut missing: Vec<String> = links(text)
        .into_iter()
        .filter(|link| !folder.join(link).exists())
        .map(|link| format!("link {link}"))
        .collect();
    let root = workspace::root();
    missing.extend(
        named_files(text)
            .into_iter()
            .filter(|name| !root.join(name).exists())
            .map(|name| format!("`{name}`")),
    );
    missing
}

/// Targets of Markdown links to files, without their anchors.
fn links(text: &str) -> Vec<String> {
    let mut links = Vec::new();
    for part in text.split("](").skip(1) {
        let Some((target, _)) = part.split_once(')') else {
            continue;
        };
        let file = target.split('#').next().unwrap_or_default();
        if !file.is_empty() && !file.contains("://") && !file.starts_with("mailto:") {
            links.push(file.to_owned());
        }
    }
    links
}

/// Words in backquotes that are paths of one file or folder of the project.
fn named_files(text: &str) -> Vec<String> {
    let is_path = |word: &&str| {
        NAMED.iter().any(|folder| word.starts_with(folder))
            && word
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c))
    };
    text.split('`')
        .skip(1)
        .step_by(2)
        .filter(is_path)
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dead_links_and_names_are_found() {
        let page = workspace::root().join("docs/page.md");
        let text = "See [a](no-such-page.md#part), [b](../README.md), [c](https://example.org), \
                    `xtask/src/main.rs`, `xtask/src/no_such_file.rs`, `kernel/{a,b}.rs`, `cargo`.";
        let found = missing(&page, text);
        assert_eq!(
            found,
            ["link no-such-page.md", "`xtask/src/no_such_file.rs`"]
        );
    }
}
