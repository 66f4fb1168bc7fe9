//! A machine that runs to its own end, its output copied elsewhere.

use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;

use super::machine::Machine;
use super::process::Qemu;
use crate::toolchain::emulator::Emulator;

/// Exit code of a kernel that panicked.
pub const PANIC: u8 = 101;

/// Exit code that stands for a machine that did not end in time.
pub const HANG: u8 = 124;

/// How a machine ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With this exit code.
    Code(u8),
    /// QEMU was killed by this signal.
    Signal(i32),
    /// Not in time; it was killed.
    Hang,
}

impl End {
    /// The exit code of a command that ran the machine.
    pub fn exit_code(self) -> u8 {
        match self {
            End::Code(code) => code,
            // As shells do.
            End::Signal(signal) => 128u8.saturating_add(u8::try_from(signal).unwrap_or(0)),
            End::Hang => HANG,
        }
    }
}

/// Where the bytes of a stream go.
pub type Sink = Box<dyn Write + Send>;

/// Runs a machine to its end, or to the time limit.
///
/// `stdout` gets what the serial console carries, `stderr` what QEMU and the
/// kernel log say, when the machine sends it there.
pub fn execute(
    emulator: &Emulator,
    machine: &Machine,
    stdout: Sink,
    stderr: Sink,
    limit: Duration,
) -> anyhow::Result<End> {
    // Pipes, because QEMU cannot open a standard error that is a socket.
    let streams = [Stdio::null(), Stdio::piped(), Stdio::piped()];
    let mut qemu = Qemu::start(emulator, machine, streams)?;
    let output = qemu
        .child()
        .stdout
        .take()
        .context("QEMU has no standard output")?;
    let messages = qemu
        .child()
        .stderr
        .take()
        .context("QEMU has no standard error")?;
    let copies = [copy(output, stdout), copy(messages, stderr)];
    let status = qemu.wait(limit)?;
    qemu.kill();
    for copy in copies {
        // A panic of the copying thread was reported by itself.
        let _ = copy.join();
    }
    Ok(match status {
        None => End::Hang,
        Some(status) => match status.code() {
            Some(code) => End::Code(u8::try_from(code).unwrap_or(u8::MAX)),
            None => End::Signal(status.signal().unwrap_or(0)),
        },
    })
}

/// Copies a stream until it ends; a reader that went away does not stop the machine.
pub fn copy(mut from: impl Read + Send + 'static, mut to: Sink) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        let mut is_wanted = true;
        loop {
            match from.read(&mut buffer) {
                Ok(0) => return,
                Ok(count) => {
                    let bytes = buffer.get(..count).unwrap_or_default();
                    is_wanted = is_wanted && to.write_all(bytes).and_then(|()| to.flush()).is_ok();
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_has_its_code() {
        assert_eq!(End::Code(10).exit_code(), 10);
        assert_eq!(End::Signal(9).exit_code(), 137);
        assert_eq!(End::Hang.exit_code(), 124);
    }
}
