//! The terminal: line discipline over a serial device.
//!
//! Interrupts move bytes between the device and two rings; programs read lines or bytes
//! and write to the output ring. Input that finds no room is counted as lost. The BREAK
//! signal tells whoever waits that Ctrl-C was typed.
//!
//! Lock order: the input, then the output, then the device; signals are changed under the
//! lock of what they speak of.

mod line;

use abi::terminal::{TERMINAL_UNATTENDED, TerminalInfo, TerminalMode};
use abi::{ObjectKind, Signals};

use crate::cap::{KernelObject, ObjectBase};
use crate::limits::{TERMINAL_INPUT_BYTES, TERMINAL_OUTPUT_BYTES};
use crate::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use crate::sync::{AllocError, Ref, SpinLock, WaitQueue};

use super::{Ring, SerialDevice};
use line::{Heard, LineInput};

/// A console with line discipline.
pub struct Terminal {
    base: ObjectBase,
    device: Ref<dyn SerialDevice>,
    input: SpinLock<LineInput>,
    output: SpinLock<Ring>,
    mode: AtomicU32,
    lost: AtomicU64,
    unattended: bool,
    /// Waits for the output ring to be empty.
    drainers: WaitQueue,
    /// Something was written since the last read: for the mark of an idle prompt.
    spoke: AtomicBool,
}

impl core::fmt::Debug for Terminal {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        out.write_str("Terminal")
    }
}

/// The mode a terminal begins in.
const FIRST_MODE: TerminalMode = TerminalMode::CANONICAL
    .union(TerminalMode::ECHO)
    .union(TerminalMode::BREAK)
    .union(TerminalMode::NEWLINE);

impl Terminal {
    /// A terminal on `device`. An unattended one changes nothing of what is written and
    /// echoes nothing.
    ///
    /// # Errors
    /// [`AllocError`] where there is no memory.
    pub fn new(device: Ref<dyn SerialDevice>, unattended: bool) -> Result<Terminal, AllocError> {
        let mode = if unattended {
            TerminalMode::empty()
        } else {
            FIRST_MODE
        };
        Ok(Terminal {
            base: ObjectBase::new(Signals::WRITABLE),
            device,
            input: SpinLock::new(LineInput::new(TERMINAL_INPUT_BYTES)?),
            output: SpinLock::new(Ring::new(TERMINAL_OUTPUT_BYTES)?),
            mode: AtomicU32::new(mode.bits()),
            lost: AtomicU64::new(0),
            unattended,
            drainers: WaitQueue::new(),
            spoke: AtomicBool::new(false),
        })
    }

    fn mode(&self) -> TerminalMode {
        TerminalMode::from_bits_truncate(self.mode.load(Ordering::Relaxed))
    }

    /// Serves the device's interrupt.
    pub fn serve(&self) {
        let mut bytes = [0; 32];
        loop {
            let count = self.device.read(&mut bytes);
            let received = bytes.get(..count).unwrap_or(&[]);
            received.iter().for_each(|byte| self.receive(*byte));
            if count < bytes.len() {
                break;
            }
        }
        self.push_output();
    }

    fn receive(&self, byte: u8) {
        let mode = self.mode();
        let mut input = self.input.lock();
        let heard = input.hear(byte, mode);
        match heard {
            Heard::Lost => {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
            Heard::Break => self.base.signals().update(Signals::empty(), Signals::BREAK),
            Heard::Stored | Heard::Erased | Heard::Ignored => {}
        }
        if input.has_ready() {
            self.base
                .signals()
                .update(Signals::empty(), Signals::READABLE);
        }
        drop(input);
        if mode.contains(TerminalMode::ECHO) {
            self.echo(byte, heard, mode);
        }
    }

    fn echo(&self, byte: u8, heard: Heard, mode: TerminalMode) {
        let mut output = self.output.lock();
        let text: &[u8] = match heard {
            Heard::Stored if byte == b'\r' || byte == b'\n' => b"\n",
            Heard::Stored if byte < 0x20 => b"",
            Heard::Stored => &[byte],
            Heard::Erased => b"\x08 \x08",
            Heard::Break => b"^C\n",
            Heard::Lost => b"\x07",
            Heard::Ignored => b"",
        };
        for byte in text {
            // An echo that finds no room is not worth waiting for.
            put(&mut output, *byte, mode);
        }
        drop(output);
        self.push_output();
    }

    /// Moves output to the device as far as it takes any.
    fn push_output(&self) {
        let is_empty = {
            let mut output = self.output.lock();
            self.push(&mut output);
            output.is_empty()
        };
        if is_empty {
            self.drainers.wake_all();
        }
    }

    /// As [`Terminal::push_output`], and tells writers where there is room again.
    fn push(&self, output: &mut Ring) {
        loop {
            let taken = self.device.write(output.front());
            if taken == 0 {
                break;
            }
            output.consume(taken);
        }
        self.device.want_write_interrupt(!output.is_empty());
        let signals = self.base.signals();
        if output.room() > TERMINAL_OUTPUT_BYTES / 2
            && !signals.raised().contains(Signals::WRITABLE)
        {
            signals.update(Signals::empty(), Signals::WRITABLE);
        }
    }

    /// Takes what can be read now; `None` where there is nothing. 0 bytes is the end of
    /// the input (Ctrl-D on an empty line).
    pub fn read(&self, out: &mut [u8]) -> Option<usize> {
        let mut input = self.input.lock();
        let count = input.take(out, self.mode());
        if !input.has_ready() {
            self.base
                .signals()
                .update(Signals::READABLE, Signals::empty());
        }
        drop(input);
        if count.is_none() && self.spoke.swap(false, Ordering::Relaxed) {
            crate::arch::terminal_idle_mark();
        }
        count
    }

    /// Writes as many of the bytes as there is room for; returns how many. Where these are
    /// not all, `WRITABLE` is raised when there is room again.
    pub fn write(&self, bytes: &[u8]) -> usize {
        let mode = self.mode();
        self.spoke.store(true, Ordering::Relaxed);
        let mut output = self.output.lock();
        let mut done = 0usize;
        loop {
            let before = done;
            let rest = bytes.get(done..).unwrap_or(&[]);
            let taken = rest
                .iter()
                .take_while(|byte| put(&mut output, **byte, mode));
            done = done.saturating_add(taken.count());
            self.push(&mut output);
            if done == bytes.len() {
                return done;
            }
            if done == before {
                let signals = self.base.signals();
                signals.update(Signals::WRITABLE, Signals::empty());
                return done;
            }
        }
    }

    /// Waits until everything written has reached the device. May sleep.
    pub fn drain(&self) {
        self.drainers.wait_until(abi::NEVER, || {
            self.push_output();
            self.output.lock().is_empty().then_some(())
        });
    }

    /// What is known about the terminal.
    pub fn info(&self) -> TerminalInfo {
        TerminalInfo {
            mode: self.mode().bits(),
            columns: 0,
            rows: 0,
            lost: self.lost.load(Ordering::Relaxed),
            flags: if self.unattended {
                TERMINAL_UNATTENDED
            } else {
                0
            },
        }
    }

    /// Sets the mode and clears the BREAK signal; returns the old mode.
    pub fn control(&self, mode: TerminalMode, discard: bool) -> TerminalMode {
        let mut input = self.input.lock();
        let old = TerminalMode::from_bits_truncate(self.mode.swap(mode.bits(), Ordering::Relaxed));
        input.change_mode(mode);
        if discard {
            input.clear();
        }
        let raise = if input.has_ready() {
            Signals::READABLE
        } else {
            Signals::empty()
        };
        self.base
            .signals()
            .update(Signals::BREAK | Signals::READABLE, raise);
        old
    }
}

/// Puts one byte into the ring, with a line feed made whole; returns whether it fitted.
fn put(output: &mut Ring, byte: u8, mode: TerminalMode) -> bool {
    if byte == b'\n' && mode.contains(TerminalMode::NEWLINE) {
        return output.room() >= 2 && output.push(b'\r') && output.push(b'\n');
    }
    output.push(byte)
}

impl KernelObject for Terminal {
    fn kind(&self) -> ObjectKind {
        ObjectKind::Terminal
    }

    fn base(&self) -> &ObjectBase {
        &self.base
    }
}
