//! Client of the GDB remote protocol, as far as breakpoints need it.
//!
//! A packet is `$DATA#CC` with the sum of DATA's bytes in two hexadecimal
//! digits, acknowledged by `+` (GDB manual, appendix "Remote Protocol").

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::qmp::connect_in_time;

/// How long QEMU may take to answer a request.
const ANSWER: Duration = Duration::from_secs(10);

/// How long one read waits before the time limit is looked at again.
const POLL: Duration = Duration::from_millis(50);

/// A connection to QEMU's stub, the machine stopped.
#[derive(Debug)]
pub struct Stub {
    stream: UnixStream,
    /// Whether the description of the registers was read.
    has_registers: bool,
}

impl Stub {
    /// Connects to the stub's socket.
    pub fn connect(socket: &Path) -> anyhow::Result<Stub> {
        let stream = connect_in_time(socket)?;
        stream.set_read_timeout(Some(POLL))?;
        let mut stub = Stub {
            stream,
            has_registers: false,
        };
        // Asking why it stopped shows that the stub works.
        let reason = stub.request("?", ANSWER)?;
        if !is_stop(&reason) {
            bail!("the GDB stub says {reason:?} instead of being stopped");
        }
        Ok(stub)
    }

    /// Sets a hardware breakpoint, which works before the memory there is mapped.
    pub fn break_at(&mut self, address: u64) -> anyhow::Result<()> {
        self.expect_ok(&format!("Z1,{address:x},4"))
    }

    /// Removes a hardware breakpoint.
    pub fn unbreak(&mut self, address: u64) -> anyhow::Result<()> {
        self.expect_ok(&format!("z1,{address:x},4"))
    }

    /// Lets the machine run until it stops at a breakpoint.
    pub fn run_to_breakpoint(&mut self, limit: Duration) -> anyhow::Result<()> {
        let reason = self.request("c", limit)?;
        if !is_stop(&reason) {
            bail!("the machine ended before the breakpoint ({reason})");
        }
        Ok(())
    }

    /// Executes the instruction at which the CPU stopped, a breakpoint there or not.
    pub fn step_over(&mut self, breakpoint: u64) -> anyhow::Result<()> {
        self.unbreak(breakpoint)?;
        let reason = self.request("s", ANSWER)?;
        if !is_stop(&reason) {
            bail!("the machine ended in a single step ({reason})");
        }
        self.break_at(breakpoint)
    }

    /// Where the CPU that stopped goes on.
    pub fn pc(&mut self) -> anyhow::Result<u64> {
        self.describe_registers()?;
        let answer = self.request("p20", ANSWER)?;
        u64::from_str_radix(&answer, 16)
            .map(u64::swap_bytes)
            .with_context(|| format!("the GDB stub says that the program counter is {answer:?}"))
    }

    /// Makes the CPU that stopped go on elsewhere.
    pub fn set_pc(&mut self, address: u64) -> anyhow::Result<()> {
        self.describe_registers()?;
        // Register 32 of org.gnu.gdb.aarch64.core; bytes in the target's order.
        let bytes: String = address
            .to_le_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        self.expect_ok(&format!("P20={bytes}"))
    }

    /// Lets the machine run without waiting for anything.
    pub fn detach(&mut self) -> anyhow::Result<()> {
        self.expect_ok("D")
    }

    /// QEMU knows single registers only after their description was read.
    fn describe_registers(&mut self) -> anyhow::Result<()> {
        if !self.has_registers {
            self.request("qXfer:features:read:target.xml:0,ffb", ANSWER)?;
            self.has_registers = true;
        }
        Ok(())
    }

    fn expect_ok(&mut self, request: &str) -> anyhow::Result<()> {
        let mut answer = self.request(request, ANSWER)?;
        if is_stop(&answer) {
            // A machine that ran until the stub was connected to tells that it has stopped.
            answer = self.answer(Instant::now() + ANSWER)?;
        }
        match answer.as_str() {
            "OK" => Ok(()),
            answer => bail!("the GDB stub answers {request} with {answer:?}"),
        }
    }

    /// Sends a packet and returns the data of the answer.
    fn request(&mut self, data: &str, limit: Duration) -> anyhow::Result<String> {
        self.stream.write_all(packet(data).as_bytes())?;
        let end = Instant::now() + limit;
        self.answer(end)
            .with_context(|| format!("GDB request {data}"))
    }

    /// The data of the next packet. One that QEMU says was damaged is not sent again: the
    /// connection is a local socket, which loses nothing.
    fn answer(&mut self, end: Instant) -> anyhow::Result<String> {
        loop {
            match self.byte(end)? {
                b'$' => break,
                b'-' => bail!("the GDB stub got a damaged request"),
                _ => {}
            }
        }
        let mut answer = Vec::new();
        loop {
            match self.byte(end)? {
                b'#' => break,
                byte => answer.push(byte),
            }
        }
        let sum = [self.byte(end)?, self.byte(end)?];
        let answer = String::from_utf8_lossy(&answer).into_owned();
        if sum != checksum(&answer).as_bytes() {
            bail!("the GDB stub's answer is damaged");
        }
        // A QEMU that said its last word has closed the connection already.
        let _ = self.stream.write_all(b"+");
        Ok(answer)
    }

    fn byte(&mut self, end: Instant) -> anyhow::Result<u8> {
        let mut byte = [0];
        loop {
            match self.stream.read(&mut byte) {
                Ok(0) => bail!("QEMU closed the GDB connection"),
                Ok(_) => return Ok(byte[0]),
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => return Err(error).context("GDB connection"),
            }
            if Instant::now() >= end {
                bail!("no answer in time");
            }
        }
    }
}

/// Whether an answer says that the machine has stopped.
fn is_stop(answer: &str) -> bool {
    answer.starts_with(['S', 'T'])
}

fn packet(data: &str) -> String {
    format!("${data}#{}", checksum(data))
}

fn checksum(data: &str) -> String {
    format!("{:02x}", data.bytes().fold(0, u8::wrapping_add))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn packets_carry_their_sum() {
        assert_eq!(packet("OK"), "$OK#9a");
        assert_eq!(packet("?"), "$?#3f");
    }

    /// A stub that answers each request it reads with the next of `answers`.
    fn serve(answers: Vec<String>) -> (tempfile::TempDir, anyhow::Result<Stub>) {
        let folder = tempfile::tempdir().expect("folder");
        let socket = folder.path().join("gdb");
        let listener = UnixListener::bind(&socket).expect("bound");
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("accepted");
            for answer in answers {
                let mut last = [0; 3];
                while last[0] != b'#' {
                    let mut byte = [0];
                    stream.read_exact(&mut byte).expect("request");
                    last = [last[1], last[2], byte[0]];
                }
                stream
                    .write_all(format!("+{answer}").as_bytes())
                    .expect("answer");
            }
        });
        let stub = Stub::connect(&socket);
        (folder, stub)
    }

    #[test]
    fn a_breakpoint_is_set_and_hit() {
        let pc = "0000400000000000";
        let answers = [
            "T05",
            "OK",
            "T05",
            "l<target/>",
            pc,
            "OK",
            "T05",
            "OK",
            "OK",
            "OK",
        ];
        let answers = answers.map(packet).to_vec();
        let (_folder, stub) = serve(answers);
        let mut stub = stub.expect("stopped");
        stub.break_at(0x40_0000).expect("set");
        stub.run_to_breakpoint(ANSWER).expect("hit");
        assert_eq!(stub.pc().expect("told"), 0x40_0000);
        stub.step_over(0x40_0000).expect("stepped");
        stub.set_pc(0x1234).expect("set");
        stub.detach().expect("gone on");
    }

    #[test]
    fn refusals_ends_and_damage_are_errors() {
        let (_folder, stub) = serve(["T05", "E22", "W00"].map(packet).to_vec());
        let mut stub = stub.expect("stopped");
        assert!(stub.break_at(1).is_err());
        assert!(stub.run_to_breakpoint(ANSWER).is_err());
        let (_folder, stub) = serve(vec!["$T05#00".to_owned()]);
        assert!(stub.is_err());
    }
}
