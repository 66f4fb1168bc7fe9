//! The kernel log.

use core::fmt::{self, Write};

use ::log::{Level, LevelFilter, Metadata, Record};

use crate::limits::{LOG_BYTES, LOG_LINE_BYTES_MAX};
use crate::sync::{Once, SpinLock};
use crate::time::now_ns;
use crate::word;

/// Where new log lines are shown.
#[derive(Clone, Copy, Debug)]
pub struct LogSink {
    /// Shows text.
    pub write: fn(&str),
    /// Least important lines that are shown.
    pub level: LevelFilter,
}

struct Store {
    bytes: [u8; LOG_BYTES],
    /// Bytes ever written; the ring holds the last of them.
    written: u64,
}

static STORE: SpinLock<Store> = SpinLock::new(Store {
    bytes: [0; LOG_BYTES],
    written: 0,
});
static SINK: Once<LogSink> = Once::new();

struct KernelLog;
static KERNEL_LOG: KernelLog = KernelLog;

impl Store {
    fn append(&mut self, text: &str) {
        for byte in text.bytes() {
            let at = word::index(self.written) % LOG_BYTES;
            if let Some(place) = self.bytes.get_mut(at) {
                *place = byte;
            }
            self.written = self.written.wrapping_add(1);
        }
    }
}

/// One line that is put together before it is stored, so that lines do not mix.
struct Line {
    text: [u8; LOG_LINE_BYTES_MAX],
    len: usize,
}

impl Line {
    const fn new() -> Self {
        Line {
            text: [0; LOG_LINE_BYTES_MAX],
            len: 0,
        }
    }

    fn as_str(&self) -> &str {
        let text = self.text.get(..self.len).unwrap_or(&[]);
        core::str::from_utf8(text).unwrap_or("(unreadable line)\n")
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for part in text.chars() {
            let end = self.len.saturating_add(part.len_utf8());
            // The last byte is kept for the end of the line.
            if end >= LOG_LINE_BYTES_MAX {
                return Ok(());
            }
            if let Some(room) = self.text.get_mut(self.len..end) {
                part.encode_utf8(room);
            }
            self.len = end;
        }
        Ok(())
    }
}

impl ::log::Log for KernelLog {
    fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let mut line = Line::new();
        let now = now_ns();
        let mark = match record.level() {
            Level::Error => "error: ",
            Level::Warn => "warning: ",
            _ => "",
        };
        let (seconds, micros) = (now / 1_000_000_000, now / 1_000 % 1_000_000);
        let _ = write!(line, "[{seconds:4}.{micros:06}] {mark}{}", record.args());
        if let Some(end) = line.text.get_mut(line.len) {
            *end = b'\n';
            line.len = line.len.saturating_add(1);
        }
        STORE.lock().append(line.as_str());
        if let Some(sink) = SINK.get().filter(|sink| record.level() <= sink.level) {
            (sink.write)(line.as_str());
        }
    }

    fn flush(&self) {}
}

/// Makes the log take lines from the `log` macros.
pub fn init_log() {
    if ::log::set_logger(&KERNEL_LOG).is_ok() {
        ::log::set_max_level(LevelFilter::Info);
    }
}

/// Chooses where lines are shown from here on; what was logged before is only in the log.
pub fn set_log_sink(sink: LogSink) {
    SINK.call_once(|| sink);
}

/// Stores text of a dying kernel if the log can still be reached.
pub fn write_emergency(text: &str) {
    if let Some(mut store) = STORE.try_lock() {
        store.append(text);
    }
}

/// Logs a line for a program; control characters are escaped.
pub fn write_from_program(name: &str, text: &[u8]) {
    struct Escaped<'a>(&'a [u8]);
    impl fmt::Display for Escaped<'_> {
        fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            for chunk in self.0.utf8_chunks() {
                for part in chunk.valid().chars() {
                    if part.is_control() {
                        write!(out, "{}", part.escape_default())?;
                    } else {
                        out.write_char(part)?;
                    }
                }
                for byte in chunk.invalid() {
                    write!(out, "\\x{byte:02x}")?;
                }
            }
            Ok(())
        }
    }
    ::log::info!("{name}: {}", Escaped(text.trim_ascii_end()));
}

/// Copies the log from `position` on; returns the bytes copied and the position after
/// them. What was overwritten meanwhile is skipped.
pub fn read_log(position: u64, out: &mut [u8]) -> (usize, u64) {
    let store = STORE.lock();
    let oldest = store.written.saturating_sub(LOG_BYTES as u64);
    let start = position.clamp(oldest, store.written);
    let mut count = 0usize;
    for (place, at) in out.iter_mut().zip(start..store.written) {
        let index = word::index(at) % LOG_BYTES;
        *place = store.bytes.get(index).copied().unwrap_or_default();
        count = count.saturating_add(1);
    }
    (count, start.saturating_add(count as u64))
}
