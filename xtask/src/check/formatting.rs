//! Formatting by rustfmt.

use crate::command;

use super::Findings;

/// Files that rustfmt would change.
pub fn findings() -> anyhow::Result<Findings> {
    let mut cargo = command::host_cargo();
    let output = command::output(cargo.args(["fmt", "--all", "--check", "--", "-l"]))?;
    if output.status.success() {
        return Ok(Findings::new());
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    let mut findings: Findings = text
        .lines()
        .take(40)
        .map(|line| format!("not formatted: {line}"))
        .collect();
    findings.push("`cargo fmt --all` formats them".to_owned());
    Ok(findings)
}
