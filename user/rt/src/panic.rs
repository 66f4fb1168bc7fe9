//! What a program does when it panics: one line, then the end.
#![cfg(target_os = "none")]

use core::fmt::Write;
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicBool, Ordering};

use abi::Handle;
use abi::process::RC_FAIL;
use abi::startup::{EntryKind, Tag};

use crate::{process, startup, stream, time};

/// Set by the first panic; a second one ends the process without a word.
static PANICKING: AtomicBool = AtomicBool::new(false);

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    if !PANICKING.swap(true, Ordering::AcqRel)
        && let Some(stderr) = startup::handle(Tag::Stderr)
    {
        let mut line = Line {
            stream: stderr,
            used: 0,
            bytes: [0; LINE_BYTES_MAX],
        };
        let name = startup::get().and_then(|s| s.texts(EntryKind::Argument).next());
        let _ = writeln!(line, "{}: {info}", name.unwrap_or("program"));
        line.flush();
    }
    process::exit(RC_FAIL)
}

/// Longest wait for room in the stream, in ns.
const WAIT_NS: u64 = 1_000_000_000;
/// Bytes collected before they are written.
const LINE_BYTES_MAX: usize = 256;

/// A small buffer in front of a stream; the heap may be what is broken.
struct Line {
    stream: Handle,
    used: usize,
    bytes: [u8; LINE_BYTES_MAX],
}

impl Line {
    /// Writes what was collected; what the stream does not take in time is lost.
    fn flush(&mut self) {
        let bytes = self.bytes.get(..self.used).unwrap_or(&[]);
        let deadline = time::now().unwrap_or(0).saturating_add(WAIT_NS);
        let _ = stream::write_until(self.stream, bytes, deadline);
        self.used = 0;
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        for byte in text.bytes() {
            if self.used == LINE_BYTES_MAX {
                self.flush();
            }
            if let Some(slot) = self.bytes.get_mut(self.used) {
                *slot = byte;
                self.used += 1;
            }
        }
        Ok(())
    }
}
