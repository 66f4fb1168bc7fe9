//! The command `check`: everything about the sources that needs no machine.

mod allocations;
mod dependencies;
mod documents;
mod formatting;
mod layers;
mod lints;
mod shape;
mod source;
pub mod unsafe_ledger;

use std::time::Instant;

use anyhow::bail;

use crate::arguments::CheckOptions;

/// What a part found wrong, one line each; empty when all is well.
type Findings = Vec<String>;

/// What a part does.
type Run = fn() -> anyhow::Result<Findings>;

/// A part of the check.
struct Part {
    name: &'static str,
    weight: Weight,
    run: Run,
}

/// What a finding means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weight {
    /// The check fails.
    Error,
    /// It is worth a look.
    Warning,
}

const PARTS: [Part; 8] = [
    Part::error("fmt", formatting::findings),
    Part::error("layers", layers::findings),
    Part::error("unsafe", unsafe_ledger::findings),
    Part::error("docs", documents::findings),
    Part::error("dependencies", dependencies::findings),
    Part::warning("shape", shape::findings),
    Part::error("allocations", allocations::findings),
    Part::error("clippy", lints::findings),
];

impl Part {
    const fn error(name: &'static str, run: Run) -> Part {
        Part {
            name,
            weight: Weight::Error,
            run,
        }
    }

    const fn warning(name: &'static str, run: Run) -> Part {
        Part {
            name,
            weight: Weight::Warning,
            run,
        }
    }
}

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
        let verdict = match part.weight {
            _ if findings.is_empty() => "ok",
            Weight::Error => "FAILED",
            Weight::Warning => "warns",
        };
        println!("check {:<13} {verdict} ({seconds:.1} s)", part.name);
        for finding in &findings {
            println!("  {finding}");
        }
        failed += usize::from(verdict == "FAILED");
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
