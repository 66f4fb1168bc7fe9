//! A running QEMU.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;

use super::command_line;
use super::machine::Machine;
use crate::command;
use crate::toolchain::emulator::Emulator;

/// How often a waiting host looks whether QEMU has ended.
const POLL: Duration = Duration::from_millis(5);

/// The QEMU command for a machine.
///
/// Where the system has `setpriv`, QEMU dies with the thread that started it, so
/// that an interrupted test leaves no machine behind.
pub fn command(emulator: &Emulator, machine: &Machine) -> Command {
    let mut qemu = match command::find("setpriv") {
        Some(setpriv) => {
            let mut wrapped = command::program(setpriv);
            wrapped
                .args(["--pdeathsig", "KILL", "--"])
                .arg(&emulator.path);
            wrapped
        }
        None => command::program(&emulator.path),
    };
    qemu.args(command_line::arguments(machine));
    qemu
}

/// The line a person can paste into a shell.
pub fn printable(emulator: &Emulator, machine: &Machine) -> String {
    let arguments = command_line::arguments(machine);
    let mut line = command::quote(&emulator.path.display().to_string());
    for word in arguments {
        line.push(' ');
        line.push_str(&command::quote(&word));
    }
    line
}

/// A QEMU process that is killed when this value goes.
#[derive(Debug)]
pub struct Qemu {
    child: Child,
}

impl Qemu {
    /// Starts QEMU with the given connections.
    pub fn start(
        emulator: &Emulator,
        machine: &Machine,
        [stdin, stdout, stderr]: [Stdio; 3],
    ) -> anyhow::Result<Qemu> {
        let mut command = command(emulator, machine);
        let child = command.stdin(stdin).stdout(stdout).stderr(stderr).spawn();
        Ok(Qemu {
            child: child.context("cannot start QEMU")?,
        })
    }

    /// The process, for its pipes.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Waits for the end; nothing when it does not come in time.
    pub fn wait(&mut self, limit: Duration) -> anyhow::Result<Option<ExitStatus>> {
        let end = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(Some(status));
            }
            if Instant::now() >= end {
                return Ok(None);
            }
            std::thread::sleep(POLL);
        }
    }

    /// Ends it at once, as a power cut would.
    pub fn kill(&mut self) {
        // It may have ended by itself; either way it is gone afterwards.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        self.kill();
    }
}
