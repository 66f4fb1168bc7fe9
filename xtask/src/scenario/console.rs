//! A person at the console.

use anyhow::ensure;

use super::lab::Rig;

/// Prompt, directories, return codes, history, completion, Ctrl-C.
pub fn session(rig: &Rig<'_>) -> anyhow::Result<()> {
    let mut vm = rig.boot(rig.machine()?)?;
    vm.expect("SYS:> ")?;
    vm.command("Cd WORK:", "WORK:> ")?;
    vm.command("MakeDir notes", "WORK:> ")?;
    vm.command("cd notes", "WORK:notes> ")?;
    let shown = vm.command("Type missing", "WORK:notes> ")?;
    ensure!(
        shown.contains("missing"),
        "the error names no file: {shown:?}"
    );
    let shown = vm.command("Echo $RC", "WORK:notes> ")?;
    ensure!(shown.contains("\n10"), "$RC after an error: {shown:?}");
    vm.command("Echo unusual", "WORK:notes> ")?;
    // Arrow up brings the last line back.
    let shown = vm.command("\x1b[A", "WORK:notes> ")?;
    ensure!(shown.contains("\nunusual"), "the history brought {shown:?}");
    // Tab completes a command's name.
    let shown = vm.command("Vers\t", "WORK:notes> ")?;
    ensure!(shown.contains("ViperOS"), "completion led to {shown:?}");
    // Ctrl-C drops a half-typed line.
    vm.send("Echo dropp")?;
    vm.expect("dropp")?;
    vm.send("\x03")?;
    vm.expect("WORK:notes> ")?;
    let shown = vm.command("Echo after", "WORK:notes> ")?;
    ensure!(!shown.contains("dropp"), "Ctrl-C kept the line: {shown:?}");
    vm.send("Shutdown\r")?;
    ensure!(vm.wait_for_end()? == 0, "Shutdown fails");
    Ok(())
}
