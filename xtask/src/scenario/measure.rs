//! Benchmarks and the debugger, run as a person runs them.

use anyhow::{Context, bail, ensure};

use super::exec::xtask;
use super::lab::Rig;
use crate::command;

/// Most instructions from reset to the first program, and to the prompt.
const TO_INIT_MAX: f64 = 15_000_000.0;
const TO_PROMPT_MAX: f64 = 40_000_000.0;

/// Largest difference between two runs, as a share.
const REPEATABLE: f64 = 0.001;

/// Boot costs are the same from run to run and below their limits.
pub fn boot_costs(rig: &Rig<'_>) -> anyhow::Result<()> {
    let first = measure(rig)?;
    let second = measure(rig)?;
    for (name, limit) in [
        ("insn_reset_to_init_entry", TO_INIT_MAX),
        ("insn_reset_to_prompt", TO_PROMPT_MAX),
    ] {
        let (one, two) = (value(&first, name)?, value(&second, name)?);
        println!("        {name} {one}, then {two}");
        ensure!(one <= limit, "{name} is {one}, the limit is {limit}");
        let difference = (one - two).abs() / one;
        ensure!(difference <= REPEATABLE, "{name} is {one}, then {two}");
    }
    Ok(())
}

/// `cargo xtask debug --check` hits both breakpoints.
pub fn breakpoints(rig: &Rig<'_>) -> anyhow::Result<()> {
    if crate::toolchain::debugger::resolve().is_err() {
        bail!("GDB for AArch64 is not there and cannot be installed");
    }
    let _ = rig;
    command::capture(&mut xtask(&["debug", "--check"])?).map(drop)
}

fn measure(rig: &Rig<'_>) -> anyhow::Result<String> {
    let _ = rig;
    command::capture(&mut xtask(&["bench", "boot", "--icount"])?)
}

fn value(output: &str, name: &str) -> anyhow::Result<f64> {
    output
        .lines()
        .find_map(|line| {
            line.strip_prefix(&format!("bench {name} "))?
                .strip_suffix(" insn")
        })
        .with_context(|| format!("no line about {name} in {output:?}"))?
        .parse()
        .context("no number")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_by_name() {
        let output = "bench a 1 insn\nbench ab 2 insn\n";
        assert_eq!(value(output, "ab").expect("there"), 2.0);
        assert!(value(output, "b").is_err());
    }
}
