//! What is installed, what is missing, and how to get it.

use crate::toolchain::{self, Way, debugger, distribution, emulator, packages};

/// One thing that is looked for.
struct Finding {
    what: &'static str,
    /// What was found, if anything was.
    found: Option<String>,
    /// How to get it.
    remedy: String,
    /// Whether nothing works without it.
    needed: bool,
}

/// Prints every finding; the exit code is 1 when something needed is missing.
pub fn doctor() -> anyhow::Result<u8> {
    let findings = [compiler(), qemu(), gdb(), clippy(), rustfmt()];
    for finding in &findings {
        println!("{}", line(finding));
    }
    for way in Way::ALL {
        let state = toolchain::find(way).map_or("not there".to_owned(), |found| found.to_string());
        println!("  way to compile `{}`: {state}", way.name());
    }
    let healthy = findings
        .iter()
        .all(|finding| finding.found.is_some() || !finding.needed);
    println!(
        "{}",
        if healthy {
            "everything needed is here"
        } else {
            "something needed is missing"
        }
    );
    Ok(if healthy { 0 } else { 1 })
}

fn line(finding: &Finding) -> String {
    match &finding.found {
        Some(found) => format!("found    {:<20} {found}", finding.what),
        None => format!("missing  {:<20} get it: {}", finding.what, finding.remedy),
    }
}

fn compiler() -> Finding {
    Finding {
        what: "AArch64 compiler",
        found: Way::ALL
            .into_iter()
            .find_map(toolchain::find)
            .map(|found| found.to_string()),
        remedy: format!(
            "rustup component add rust-src, or {}",
            packages::install_line(distribution::PACKAGES)
        ),
        needed: true,
    }
}

fn qemu() -> Finding {
    Finding {
        what: "QEMU",
        found: emulator::find().map(|found| found.version),
        remedy: packages::install_line(emulator::PACKAGES),
        needed: true,
    }
}

fn gdb() -> Finding {
    Finding {
        what: "GDB (for debug)",
        found: debugger::find().map(|path| path.display().to_string()),
        remedy: packages::install_line(debugger::PACKAGES),
        needed: false,
    }
}

fn clippy() -> Finding {
    Finding {
        what: "clippy (for check)",
        found: cargo_says("clippy"),
        remedy: "rustup component add clippy".to_owned(),
        needed: false,
    }
}

fn rustfmt() -> Finding {
    Finding {
        what: "rustfmt (for check)",
        found: cargo_says("fmt"),
        remedy: "rustup component add rustfmt".to_owned(),
        needed: false,
    }
}

fn cargo_says(subcommand: &str) -> Option<String> {
    let mut cargo = crate::command::host_cargo();
    let text = crate::command::capture(cargo.args([subcommand, "--version"])).ok()?;
    text.lines().next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_comes_with_a_remedy() {
        let missing = Finding {
            what: "thing",
            found: None,
            remedy: "fetch it".into(),
            needed: true,
        };
        assert!(line(&missing).starts_with("missing") && line(&missing).ends_with("fetch it"));
        let found = Finding {
            found: Some("1.0".into()),
            ..missing
        };
        assert!(line(&found).starts_with("found") && !line(&found).contains("fetch it"));
    }
}
