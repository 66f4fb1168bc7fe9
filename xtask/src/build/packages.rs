//! The workspace's packages, as `cargo metadata` tells them.

use std::collections::BTreeMap;

use anyhow::Context;
use serde::Deserialize;

use crate::command;

/// One package of the workspace.
#[derive(Clone, Debug, Deserialize)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Libraries, binaries, tests.
    pub targets: Vec<Target>,
    /// What it depends on.
    pub dependencies: Vec<Dependency>,
    /// The table `[package.metadata]`.
    #[serde(default)]
    metadata: Option<Metadata>,
}

/// One thing that is compiled.
#[derive(Clone, Debug, Deserialize)]
pub struct Target {
    /// Its name.
    pub name: String,
    /// `bin`, `lib`, `test`, …
    pub kind: Vec<String>,
    /// Features without which it is left out.
    #[serde(default, rename = "required-features")]
    pub required_features: Vec<String>,
}

/// One line of a dependency table.
#[derive(Clone, Debug, Deserialize)]
pub struct Dependency {
    /// Name of the package.
    pub name: String,
    /// The registry; none for a package of the workspace.
    pub source: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Metadata {
    viperos: Option<Viperos>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Viperos {
    #[serde(default)]
    install: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
struct Workspace {
    packages: Vec<Package>,
}

impl Package {
    /// Names of the binaries that run in the machine.
    pub fn guest_binaries(&self) -> Vec<&str> {
        let in_guest = |target: &&Target| {
            target.kind.iter().any(|kind| kind == "bin")
                && target
                    .required_features
                    .iter()
                    .any(|feature| feature == "guest")
        };
        self.targets
            .iter()
            .filter(in_guest)
            .map(|target| target.name.as_str())
            .collect()
    }

    /// Where the manifest wants a binary in the system, by
    /// `[package.metadata.viperos.install]`.
    pub fn installed_as(&self, binary: &str) -> Option<&str> {
        let viperos = self.metadata.as_ref()?.viperos.as_ref()?;
        viperos.install.get(binary).map(String::as_str)
    }
}

/// Every package of the workspace.
pub fn all() -> anyhow::Result<Vec<Package>> {
    let mut cargo = command::host_cargo();
    cargo.args(["metadata", "--no-deps", "--format-version", "1"]);
    let text = command::capture(&mut cargo)?;
    let workspace: Workspace =
        serde_json::from_str(&text).context("cargo metadata wrote something unexpected")?;
    Ok(workspace.packages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guest_binaries_and_their_places_come_from_the_manifest() {
        let package: Package = serde_json::from_str(
            r#"{"name": "programs", "dependencies": [],
                "targets": [
                    {"name": "programs", "kind": ["lib"]},
                    {"name": "dir", "kind": ["bin"], "required-features": ["guest"]},
                    {"name": "host-only", "kind": ["bin"]}],
                "metadata": {"viperos": {"install": {"dir": "Dir"}}}}"#,
        )
        .expect("valid");
        assert_eq!(package.guest_binaries(), ["dir"]);
        assert_eq!(package.installed_as("dir"), Some("Dir"));
        assert_eq!(package.installed_as("list"), None);
    }

    #[test]
    fn the_kernel_is_in_the_workspace() {
        let packages = all().expect("cargo metadata");
        assert!(packages.iter().any(|package| package.name == "kernel"));
    }
}
