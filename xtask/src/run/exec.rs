//! Runs with `--exec`: commands in, their output and return code out.

use std::time::Duration;

use anyhow::bail;

use crate::qemu::execution::{self, End, Sink};
use crate::qemu::machine::Machine;
use crate::qemu::transcript::Transcript;
use crate::toolchain::emulator::{self, Emulator};

/// Runs the machine's commands; standard output carries what they write and
/// nothing else, the exit code is the last command's return code.
pub fn run(emulator: &Emulator, machine: &Machine, timeout: u64) -> anyhow::Result<u8> {
    let messages = Transcript::default();
    let stderr: Sink = Box::new(Both(std::io::stderr(), messages.clone()));
    let stdout: Sink = Box::new(std::io::stdout());
    let limit = Duration::from_secs(timeout);
    let end = execution::execute(emulator, machine, stdout, stderr, limit)?;
    match end {
        End::Hang => eprintln!("error: the machine did not end within {timeout} s; it was stopped"),
        End::Code(execution::PANIC) => {
            eprintln!("error: the kernel panicked; its report is in the log")
        }
        // QEMU's own complaints begin with its name; a program's code 1 has none.
        End::Code(1) if messages.text().starts_with(emulator::PROGRAM) => {
            bail!("QEMU did not start the machine; it says why above");
        }
        End::Signal(signal) => eprintln!("error: QEMU was killed by signal {signal}"),
        End::Code(_) => {}
    }
    Ok(end.exit_code())
}

/// Writes everything to two places.
struct Both<A, B>(A, B);

impl<A: std::io::Write, B: std::io::Write> std::io::Write for Both<A, B> {
    fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
        self.0.write_all(data)?;
        self.1.write_all(data)?;
        Ok(data.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()?;
        self.1.flush()
    }
}
