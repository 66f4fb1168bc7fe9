//! Client of QEMU's control protocol (QMP): one JSON object per line.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::{Value, json};

/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(10);

/// A connection past the greeting.
#[derive(Debug)]
pub struct Qmp {
    reader: BufReader<UnixStream>,
    writer: UnixStream,
}

impl Qmp {
    /// Connects, waiting for QEMU to make the socket.
    pub fn connect(socket: &Path) -> anyhow::Result<Qmp> {
        let stream = connect_in_time(socket)?;
        stream.set_read_timeout(Some(ANSWER))?;
        let mut qmp = Qmp {
            reader: BufReader::new(stream.try_clone()?),
            writer: stream,
        };
        let greeting = qmp.line()?;
        if greeting.get("QMP").is_none() {
            bail!("QEMU's control socket greets with {greeting}");
        }
        qmp.execute("qmp_capabilities")?;
        Ok(qmp)
    }

    /// Runs a command without arguments; the value is what it returns.
    pub fn execute(&mut self, name: &str) -> anyhow::Result<Value> {
        self.execute_with(name, json!({}))
    }

    /// As [`Qmp::execute`], with arguments.
    fn execute_with(&mut self, name: &str, arguments: Value) -> anyhow::Result<Value> {
        let request = json!({ "execute": name, "arguments": arguments });
        writeln!(self.writer, "{request}")?;
        loop {
            let mut answer = self.line().with_context(|| format!("QMP command {name}"))?;
            if let Some(error) = answer.get("error") {
                bail!("QMP command {name} failed: {error}");
            }
            // Events come in between.
            if let Some(value) = answer.get_mut("return") {
                return Ok(value.take());
            }
        }
    }

    /// Instructions executed since reset.
    pub fn instructions(&mut self) -> anyhow::Result<u64> {
        let replay = self.execute("query-replay")?;
        replay
            .get("icount")
            .and_then(Value::as_u64)
            .context("query-replay has no icount")
    }

    /// What the program counter of the first CPU is, by the monitor for people.
    pub fn pc(&mut self) -> anyhow::Result<u64> {
        let line = json!({ "command-line": "info registers" });
        let answer = self.execute_with("human-monitor-command", line)?;
        let text = answer.as_str().unwrap_or_default();
        let digits = text.split("PC=").nth(1).and_then(|rest| rest.get(..16));
        digits
            .and_then(|digits| u64::from_str_radix(digits, 16).ok())
            .with_context(|| format!("no program counter in {text:?}"))
    }

    fn line(&mut self) -> anyhow::Result<Value> {
        let mut text = String::new();
        if self
            .reader
            .read_line(&mut text)
            .context("QEMU does not answer")?
            == 0
        {
            bail!("QEMU closed its control socket");
        }
        serde_json::from_str(&text).with_context(|| format!("no JSON: {}", text.trim()))
    }
}

/// Connects to a socket that a starting QEMU is about to make.
pub fn connect_in_time(socket: &Path) -> anyhow::Result<UnixStream> {
    let end = Instant::now() + ANSWER;
    loop {
        match UnixStream::connect(socket) {
            Ok(stream) => return Ok(stream),
            Err(error) if Instant::now() >= end => {
                return Err(error).with_context(|| format!("cannot reach {}", socket.display()));
            }
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    /// A server that plays a fixed script of lines.
    fn serve(script: &'static [&'static str]) -> (tempfile::TempDir, anyhow::Result<Qmp>) {
        let folder = tempfile::tempdir().expect("folder");
        let socket = folder.path().join("qmp");
        let listener = UnixListener::bind(&socket).expect("bound");
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("accepted");
            let mut lines = BufReader::new(stream.try_clone().expect("clone"));
            for (index, line) in script.iter().enumerate() {
                if index > 0 {
                    let mut request = String::new();
                    lines.read_line(&mut request).expect("request");
                }
                writeln!(stream, "{line}").expect("answer");
            }
        });
        let qmp = Qmp::connect(&socket);
        (folder, qmp)
    }

    #[test]
    fn answers_are_told_from_events() {
        let (_folder, qmp) = serve(&[
            r#"{"QMP": {}}"#,
            "{\"event\": \"RESUME\"}\n{\"return\": {}}",
            r#"{"return": {"mode": "none", "icount": 3700000}}"#,
        ]);
        assert_eq!(
            qmp.expect("greeted").instructions().expect("answered"),
            3_700_000
        );
    }

    #[test]
    fn errors_and_silence_are_reported() {
        let (_folder, qmp) = serve(&[
            r#"{"QMP": {}}"#,
            r#"{"return": {}}"#,
            r#"{"error": {"desc": "no"}}"#,
        ]);
        let mut qmp = qmp.expect("greeted");
        assert!(qmp.execute("stop").is_err());
        assert!(qmp.execute("stop").is_err(), "closed");
        let (_folder, qmp) = serve(&[r#"{"hello": 1}"#]);
        assert!(qmp.is_err());
    }
}
