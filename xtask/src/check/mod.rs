//! The command `check`: everything about the sources that needs no machine.

mod dependencies;
mod documents;
mod formatting;
mod layers;
mod lints;
mod source;
pub mod unsafe_ledger;

use std::time::Instant;

use anyhow::bail;

use crate::arguments::CheckOptions;

/// What a part found wrong, one line each; empty when all is well.
type Findings = Vec<String>;

/// A part of the check.
struct Part {
    name: &'static str,
    run: fn() -> anyhow::Result<Findings>,
}

const PARTS: [Part; 6] = [
    Part {
        name: "fmt",
        run: formatting::findings,
    },
    Part {
        name: "layers",
        run: layers::findings,
    },
    Part {
        name: "unsafe",
        run: unsafe_ledger::findings,
    },
    Part {
        name: "docs",
        run: documents::findings,
    },
    Part {
        name: "dependencies",
        run: dependencies::findings,
    },
    Part {
        name: "clippy",
        run: lints::findings,
    },
];

/// Runs the parts asked for, or all; the exit code is 1 when any found something.
pub fn check(options: &CheckOptions) -> anyhow::Result<u8> {
    if let Some(unknown) = options
        .parts
        .iter()
        .find(|name| PARTS.iter().all(|part| part.name != **name))
    {
        let known: Vec<_> = PARTS.iter().map(|part| part.name).collect();
        bail!(
            "check has no part {unknown}; there are {}",
            known.join(", ")
        );
    }
    let mut failed = 0;
    for part in &PARTS {
        if !options.parts.is_empty() && !options.parts.iter().any(|name| name == part.name) {
            continue;
        }
        let start = Instant::now();
        let findings = (part.run)()?;
        let seconds = start.elapsed().as_secs_f32();
        let verdict = if findings.is_empty() { "ok" } else { "FAILED" };
        println!("check {:<13} {verdict} ({seconds:.1} s)", part.name);
        for finding in &findings {
            println!("  {finding}");
        }
        failed += usize::from(!findings.is_empty());
    }
    println!(
        "{}",
        if failed == 0 {
            "check passed"
        } else {
            "check failed"
        }
    );
    Ok(u8::from(failed > 0))
}
