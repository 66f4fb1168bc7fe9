//! Runs at a terminal: the console on standard input and output.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::qemu::machine::{Console, Machine};
use crate::qemu::process::Qemu;
use crate::toolchain::emulator::Emulator;
use crate::workspace;

/// How long a machine may be silent before a hint is given.
const SILENCE: Duration = Duration::from_secs(10);

/// File with everything the console of the last run showed.
pub fn console_log() -> PathBuf {
    workspace::output().join("console.log")
}

/// Runs the machine until it powers off or the person leaves with Ctrl-A X.
pub fn run(emulator: &Emulator, machine: &Machine) -> anyhow::Result<u8> {
    if std::io::stdin().is_terminal() {
        eprintln!("run: Ctrl-A X leaves");
    }
    let terminal = SavedTerminal::new();
    let streams = [Stdio::inherit(), Stdio::inherit(), Stdio::inherit()];
    if let Console::Terminal { log } = &machine.console {
        // What an earlier run left would look like output of this one.
        let _ = std::fs::remove_file(log);
    }
    let mut qemu = Qemu::start(emulator, machine, streams)?;
    let mut status = qemu.wait(SILENCE)?;
    if status.is_none() {
        hint_when_silent(&machine.console);
    }
    while status.is_none() {
        status = qemu.wait(Duration::from_secs(3600))?;
    }
    drop(terminal);
    let code = status.and_then(|status| status.code()).unwrap_or(1);
    Ok(u8::try_from(code).unwrap_or(u8::MAX))
}

fn hint_when_silent(console: &Console) {
    let Console::Terminal { log } = console else {
        return;
    };
    if is_silent(log) {
        eprint!(
            "\r\nrun: no output from the machine for {} s. `cargo xtask debug` shows where it is; \
             `--append \"log=serial verbose\"` shows how far it came. Ctrl-A X leaves.\r\n",
            SILENCE.as_secs()
        );
    }
}

fn is_silent(log: &Path) -> bool {
    std::fs::metadata(log).map_or(true, |metadata| metadata.len() == 0)
}

/// The terminal's settings, put back at the end: a QEMU that is killed cannot.
struct SavedTerminal(Option<Termios>);

impl SavedTerminal {
    fn new() -> SavedTerminal {
        SavedTerminal(tcgetattr(std::io::stdin()).ok())
    }
}

impl Drop for SavedTerminal {
    fn drop(&mut self) {
        if let Some(settings) = &self.0 {
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, settings);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_a_byte_of_output_is_silent() {
        let folder = tempfile::tempdir().expect("folder");
        let log = folder.path().join("console.log");
        assert!(is_silent(&log));
        std::fs::write(&log, "").expect("written");
        assert!(is_silent(&log));
        std::fs::write(&log, "V").expect("written");
        assert!(!is_silent(&log));
    }
}
