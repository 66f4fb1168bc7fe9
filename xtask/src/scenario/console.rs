//! A person at the console.

use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use super::exec::xtask;
use super::lab::{LIMIT, Rig};
use crate::qemu::execution;
use crate::qemu::transcript::Transcript;

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
    ensure!(shown.starts_with("10"), "$RC after an error: {shown:?}");
    vm.command("Echo unusual", "WORK:notes> ")?;
    // Arrow up brings the last line back.
    let shown = vm.command("\x1b[A", "WORK:notes> ")?;
    ensure!(
        shown.starts_with("unusual"),
        "the history brought {shown:?}"
    );
    // Tab completes a command's name.
    let shown = vm.command("Vers\t", "WORK:notes> ")?;
    ensure!(shown.contains("ViperOS"), "completion led to {shown:?}");
    // Ctrl-C drops a half-typed line.
    vm.send("Echo dropp")?;
    vm.expect("dropp")?;
    vm.send("\x03")?;
    vm.expect("\n")?;
    vm.expect("WORK:notes> ")?;
    let shown = vm.command("Echo after", "WORK:notes> ")?;
    ensure!(!shown.contains("dropp"), "Ctrl-C kept the line: {shown:?}");
    vm.send("Shutdown\r")?;
    ensure!(vm.wait_for_end()? == 0, "Shutdown fails");
    Ok(())
}

/// `cargo xtask run` brings the prompt, and Ctrl-A X leaves.
pub fn leaving(rig: &Rig<'_>) -> anyhow::Result<()> {
    rig.machine()?;
    let disk = rig.disk().display().to_string();
    let mut run = xtask(&["run", "--serial", "--disk", &disk])?;
    run.stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = run.spawn().context("cannot start xtask")?;
    let mut keyboard = child.stdin.take().context("no standard input")?;
    let screen = Transcript::default();
    let output = child.stdout.take().context("no standard output")?;
    drop(execution::copy(output, Box::new(screen.clone())));
    let messages = child.stderr.take().context("no standard error")?;
    drop(execution::copy(messages, Box::new(std::io::sink())));
    let prompt = screen.wait_for("SYS:> ", 0, LIMIT);
    if prompt.is_some() {
        keyboard.write_all(b"\x01x")?;
        keyboard.flush()?;
    } else {
        child.kill()?;
    }
    let status = wait(&mut child)?;
    ensure!(prompt.is_some(), "no prompt: {}", screen.text());
    ensure!(status.success(), "Ctrl-A X ends with {status}");
    Ok(())
}

fn wait(child: &mut std::process::Child) -> anyhow::Result<std::process::ExitStatus> {
    for _ in 0..300 {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    child.kill()?;
    child.wait()?;
    bail!("the machine did not end within 30 s")
}
