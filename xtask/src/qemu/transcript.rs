//! What a machine wrote, readable while it writes.

use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Bytes that one thread appends and another waits for.
#[derive(Clone, Debug, Default)]
pub struct Transcript {
    shared: Arc<(Mutex<Vec<u8>>, Condvar)>,
}

impl Transcript {
    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything so far.
    pub fn contents(&self) -> Vec<u8> {
        self.bytes().clone()
    }

    /// Everything so far as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    /// Waits until `text` appears at or behind `from`; the value is the position
    /// behind it, or nothing when the time is over.
    pub fn wait_for(&self, text: &str, from: usize, limit: Duration) -> Option<usize> {
        let end = Instant::now() + limit;
        let mut bytes = self.bytes();
        loop {
            if let Some(at) = position(bytes.get(from..)?, text.as_bytes()) {
                return Some(from + at + text.len());
            }
            let left = end.checked_duration_since(Instant::now())?;
            let waited = self.shared.1.wait_timeout(bytes, left);
            bytes = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Write for Transcript {
    fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
        self.bytes().extend_from_slice(data);
        self.shared.1.notify_all();
        Ok(data.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Where `wanted` begins in `bytes`.
fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    if wanted.is_empty() {
        return Some(0);
    }
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_found_however_it_arrives() {
        let mut transcript = Transcript::default();
        let mut writer = transcript.clone();
        let thread = std::thread::spawn(move || {
            for part in ["SY", "S:", "> "] {
                std::thread::sleep(Duration::from_millis(5));
                writer.write_all(part.as_bytes()).expect("memory");
            }
        });
        assert_eq!(
            transcript.wait_for("SYS:> ", 0, Duration::from_secs(5)),
            Some(6)
        );
        thread.join().expect("no panic");
        assert_eq!(
            transcript.wait_for("SYS:> ", 6, Duration::from_millis(20)),
            None
        );
        transcript.write_all(b"SYS:> ").expect("memory");
        assert_eq!(
            transcript.wait_for("SYS:> ", 6, Duration::from_millis(20)),
            Some(12)
        );
        assert_eq!(transcript.text(), "SYS:> SYS:> ");
    }
}
