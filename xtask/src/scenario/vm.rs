//! A machine with a scripted person at its console.

use std::io::Write;
use std::path::PathBuf;
use std::process::{ChildStdin, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::qemu::execution;
use crate::qemu::machine::Machine;
use crate::qemu::process::Qemu;
use crate::qemu::transcript::Transcript;
use crate::toolchain::emulator::Emulator;

/// Longest time to wait for an expected text.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running machine and what its console showed.
#[derive(Debug)]
pub struct Vm {
    qemu: Qemu,
    keyboard: ChildStdin,
    screen: Transcript,
    /// Position behind the last text that was waited for.
    seen: usize,
    log: PathBuf,
}

impl Vm {
    /// Starts a machine whose console is a pipe.
    pub fn start(emulator: &Emulator, machine: &Machine, log: PathBuf) -> anyhow::Result<Vm> {
        let streams = [Stdio::piped(), Stdio::piped(), Stdio::inherit()];
        let mut qemu = Qemu::start(emulator, machine, streams)?;
        let keyboard = qemu
            .child()
            .stdin
            .take()
            .context("QEMU has no standard input")?;
        let output = qemu
            .child()
            .stdout
            .take()
            .context("QEMU has no standard output")?;
        let screen = Transcript::default();
        // The thread ends with the machine.
        drop(execution::copy(output, Box::new(screen.clone())));
        Ok(Vm {
            qemu,
            keyboard,
            screen,
            seen: 0,
            log,
        })
    }

    /// Types.
    pub fn send(&mut self, keys: &str) -> anyhow::Result<()> {
        self.keyboard
            .write_all(keys.as_bytes())
            .context("the machine has ended")?;
        self.keyboard.flush().context("the machine has ended")
    }

    /// Waits until a text appears behind the last one waited for; the value is
    /// what came before it.
    pub fn expect(&mut self, text: &str) -> anyhow::Result<String> {
        let Some(end) = self.screen.wait_for(text, self.seen, PATIENCE) else {
            bail!(
                "{text:?} did not appear within {} s\n  console: {}\n  kernel log: {}",
                PATIENCE.as_secs(),
                self.screen.text().trim_end().replace('\n', "\n  console: "),
                self.log.display()
            );
        };
        let bytes = self.screen.contents();
        let before = bytes.get(self.seen..end - text.len()).unwrap_or_default();
        let before = String::from_utf8_lossy(before).into_owned();
        self.seen = end;
        Ok(before)
    }

    /// Types a line and waits for the prompt; the value is what appeared between.
    pub fn command(&mut self, line: &str, prompt: &str) -> anyhow::Result<String> {
        self.send(line)?;
        self.send("\r")?;
        // While a line is edited the prompt is drawn again and again; the first line
        // feed ends that.
        self.expect("\n")?;
        self.expect(prompt)
    }

    /// What the console showed so far.
    pub fn screen(&self) -> &Transcript {
        &self.screen
    }

    /// Cuts the power.
    pub fn kill(&mut self) {
        self.qemu.kill();
    }

    /// Waits until the machine powers off; the value is its exit code.
    pub fn wait_for_end(&mut self) -> anyhow::Result<i32> {
        let status = self.qemu.wait(PATIENCE)?;
        let status = status.context("the machine did not power off")?;
        status
            .code()
            .with_context(|| format!("QEMU ended with {status}"))
    }
}
