//! Runs of commands without a terminal.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};

use super::lab::{LIMIT, Rig};
use super::vm::Vm;
use crate::command;
use crate::image::kernel_image;
use crate::qemu::execution::{End, PANIC};
use crate::qemu::gdb_remote::Stub;

/// Nothing stands on standard output but what the commands write: no prompt, no
/// echo, no carriage return, no kernel log.
pub fn output_is_pure(rig: &Rig<'_>) -> anyhow::Result<()> {
    let mut machine = rig.machine()?;
    machine.boot_arguments.push("verbose".to_owned());
    let outcome = rig.run(machine, "Echo one; Echo two\nEcho \"three, four\"")?;
    outcome
        .expect_code(0)?
        .expect_output("one\ntwo\nthree, four\n")?;
    ensure!(
        !outcome.log.trim().is_empty(),
        "the kernel log is empty\n{outcome}"
    );
    ensure!(
        !outcome.log.contains("three, four"),
        "output in the kernel log\n{outcome}"
    );
    Ok(())
}

/// The last command's return code is the exit code.
pub fn return_codes(rig: &Rig<'_>) -> anyhow::Result<()> {
    rig.run(rig.machine()?, "Version")?
        .expect_code(0)?
        .expect_line_with(&["ViperOS"])?;
    let missing = rig.run(rig.machine()?, "Type WORK:missing")?;
    missing
        .expect_code(10)?
        .expect_line_with(&["WORK:missing"])?;
    let unknown = rig.run(rig.machine()?, "NoSuchCommand")?;
    unknown.expect_line_with(&["NoSuchCommand"])?;
    ensure!(
        matches!(unknown.end, End::Code(10 | 20)),
        "an unknown command succeeds\n{unknown}"
    );
    rig.run(rig.machine()?, "Type WORK:missing; Echo on")?
        .expect_code(0)?;
    let with_variable = rig.run(rig.machine()?, "Type WORK:missing\nEcho $RC")?;
    with_variable.expect_line_with(&["10"])?;
    Ok(())
}

/// A program that writes to address 0 ends with 20; the shell goes on.
pub fn fault(rig: &Rig<'_>) -> anyhow::Result<()> {
    let outcome = rig.run(rig.machine()?, "SYS:Tests/FaultNull")?;
    outcome
        .expect_code(20)?
        .expect_line_with(&["FaultNull", "0x0"])?;
    let outcome = rig.run(rig.machine()?, "SYS:Tests/FaultNull; Echo still here")?;
    outcome.expect_code(0)?.expect_line_with(&["still here"])?;
    Ok(())
}

/// A machine that does not end is ended, and the exit code tells.
pub fn hang(rig: &Rig<'_>) -> anyhow::Result<()> {
    rig.machine()?;
    let disk = rig.disk().display().to_string();
    // QEMU's -S leaves the machine stopped at reset for ever.
    let arguments = [
        "run",
        "--disk",
        &disk,
        "--exec",
        "Version",
        "--timeout",
        "2",
        "--",
        "-S",
    ];
    let output = command::output(&mut xtask(&arguments)?)?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.code() == Some(124),
        "{}: {complaint}",
        output.status
    );
    ensure!(complaint.contains("did not end within 2 s"), "{complaint}");
    Ok(())
}

/// Kernel function that is called when the shell waits for input.
const IDLE_MARK: &str = "terminal_idle_mark";

/// Boots a machine with a GDB stub at the socket that is returned; it waits for the debugger.
pub(super) fn boot_debugged(rig: &Rig<'_>) -> anyhow::Result<(Vm, PathBuf)> {
    let mut machine = rig.machine()?;
    // Breakpoints are at linked addresses.
    machine.boot_arguments.push("noaslr".to_owned());
    let socket = rig.folder.join("gdb");
    machine.gdb = Some(format!("unix:{},server=on,wait=off", socket.display()));
    Ok((rig.boot(machine)?, socket))
}

/// Types `keys`, makes the kernel run where nothing is mapped when the shell waits for input
/// next, and returns the log with its report.
pub(super) fn panic_when_idle(
    rig: &Rig<'_>,
    vm: &mut Vm,
    socket: &Path,
    keys: &str,
) -> anyhow::Result<String> {
    let address = kernel_image::function_address(&rig.lab.system.kernel_elf, IDLE_MARK)?;
    let mut stub = Stub::connect(socket)?;
    stub.break_at(address)?;
    vm.send(keys)?;
    stub.run_to_breakpoint(LIMIT)
        .with_context(|| format!("breakpoint at {IDLE_MARK}"))?;
    stub.unbreak(address)?;
    stub.set_pc(0x1000)?;
    stub.detach()?;
    let code = vm.wait_for_end()?;
    let log = std::fs::read_to_string(rig.log())?;
    ensure!(code == i32::from(PANIC), "exit code {code}\n{log}");
    Ok(log)
}

/// A kernel that is made to run where nothing is mapped reports once, names the
/// functions on its stack, and ends with 101.
pub fn panic(rig: &Rig<'_>) -> anyhow::Result<()> {
    let (mut vm, socket) = boot_debugged(rig)?;
    let log = panic_when_idle(rig, &mut vm, &socket, "")?;
    ensure!(
        log.to_lowercase().matches("kernel panic").count() == 1,
        "not one report:\n{log}"
    );
    ensure!(
        log.contains("0x1000"),
        "the report lacks the address:\n{log}"
    );
    ensure!(
        !log.contains("trace of CPU"),
        "a trace that nobody turned on:\n{log}"
    );
    ensure!(
        log.contains("kernel::"),
        "the backtrace names no function:\n{log}"
    );
    Ok(())
}

/// The line of `--print` boots the same machine when a shell runs it.
pub fn printed_line(rig: &Rig<'_>) -> anyhow::Result<()> {
    rig.machine()?;
    let disk = rig.disk().display().to_string();
    let commands = "Echo \"it's a, b\"";
    let line = command::capture(&mut xtask(&[
        "run", "--disk", &disk, "--print", "--exec", commands,
    ])?)?;
    let output = command::output(command::program("sh").args(["-c", &line]))
        .context("the printed line does not run")?;
    let text = String::from_utf8_lossy(&output.stdout);
    if output.status.code() != Some(0) || text != "it's a, b\n" {
        let complaint = String::from_utf8_lossy(&output.stderr);
        bail!(
            "{line}\nends with {} and {text:?}\n{complaint}",
            output.status
        );
    }
    Ok(())
}

/// This program with other arguments.
pub fn xtask(arguments: &[&str]) -> anyhow::Result<std::process::Command> {
    let mut command = command::program(std::env::current_exe()?);
    command.args(arguments);
    Ok(command)
}
