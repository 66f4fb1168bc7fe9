//! Every package from outside has a row with its reason.

use std::collections::BTreeSet;

use crate::build::packages;
use crate::command;
use crate::workspace;

use super::Findings;

/// Dependencies without a row in `docs/dependencies.md`, and a stale lock file.
pub fn findings() -> anyhow::Result<Findings> {
    let page = workspace::root().join("docs/dependencies.md");
    let page = std::fs::read_to_string(page).unwrap_or_default();
    let packages = packages::all()?;
    let outside: BTreeSet<String> = packages
        .iter()
        .flat_map(|package| &package.dependencies)
        .filter(|dependency| dependency.source.is_some())
        .map(|dependency| dependency.name.clone())
        .collect();
    let mut findings = without_row(&outside, &page);
    let mut cargo = command::host_cargo();
    // Packages for other hosts may not have been fetched yet.
    cargo.args(["metadata", "--locked", "--format-version", "1"]);
    if !command::output(&mut cargo)?.status.success() {
        findings.push("Cargo.lock does not fit the manifests; `cargo update -w` writes it".into());
    }
    Ok(findings)
}

fn without_row(dependencies: &BTreeSet<String>, page: &str) -> Findings {
    let rows: BTreeSet<&str> = page
        .lines()
        .filter_map(|line| {
            Some(
                line.strip_prefix('|')?
                    .split('|')
                    .next()?
                    .trim()
                    .trim_matches('`'),
            )
        })
        .collect();
    dependencies
        .iter()
        .filter(|name| !rows.contains(name.as_str()))
        .map(|name| format!("dependency {name} has no row in docs/dependencies.md"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_without_a_row_is_found() {
        let names = ["anyhow".to_owned(), "clap".to_owned()].into();
        let page = "| crate | used by | why |\n|---|---|---|\n| `clap` | xtask | arguments |\n";
        assert_eq!(
            without_row(&names, page),
            ["dependency anyhow has no row in docs/dependencies.md"]
        );
    }
}
