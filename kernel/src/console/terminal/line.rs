//! Input of a terminal: bytes as typed, or whole lines with erase and kill.

use abi::terminal::TerminalMode;

use crate::console::Ring;
use crate::sync::AllocError;

const INTERRUPT: u8 = 0x03;
const END_OF_INPUT: u8 = 0x04;
const BACKSPACE: u8 = 0x08;
const KILL: u8 = 0x15;
const DELETE: u8 = 0x7f;

/// What became of a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// It is input.
    Stored,
    /// It took a character back.
    Erased,
    /// It was the break character.
    Break,
    /// There was no room for it.
    Lost,
    /// It has no effect here.
    Ignored,
}

/// Input that waits to be read.
#[derive(Debug)]
pub(super) struct LineInput {
    ring: Ring,
    /// Bytes that make whole lines; the rest can still be edited.
    ready: usize,
    /// End marks typed on an empty line.
    ends: usize,
    canonical: bool,
}

impl LineInput {
    /// Without input, with room for `size` bytes.
    pub(super) fn new(size: usize) -> Result<Self, AllocError> {
        Ok(LineInput {
            ring: Ring::new(size)?,
            ready: 0,
            ends: 0,
            canonical: true,
        })
    }

    /// Takes one typed byte.
    pub(super) fn hear(&mut self, byte: u8, mode: TerminalMode) -> Heard {
        if byte == INTERRUPT && mode.contains(TerminalMode::BREAK) {
            // What was typed before is no longer wanted.
            self.clear();
            return Heard::Break;
        }
        if !mode.contains(TerminalMode::CANONICAL) {
            let stored = self.ring.push(byte);
            self.ready = self.ring.len();
            return if stored { Heard::Stored } else { Heard::Lost };
        }
        let editable = self.ring.len().saturating_sub(self.ready);
        match byte {
            BACKSPACE | DELETE => self.erase(editable),
            KILL => {
                for _ in 0..editable {
                    self.ring.unpush();
                }
                Heard::Ignored
            }
            END_OF_INPUT if editable == 0 => {
                self.ends = self.ends.saturating_add(1);
                Heard::Ignored
            }
            END_OF_INPUT => {
                self.ready = self.ring.len();
                Heard::Ignored
            }
            b'\r' | b'\n' => self.store(b'\n'),
            _ => self.store(byte),
        }
    }

    /// Takes the last character back, all of its UTF-8 bytes.
    fn erase(&mut self, editable: usize) -> Heard {
        for _ in 0..editable {
            match self.ring.unpush() {
                Some(byte) if byte & 0xc0 == 0x80 => {}
                _ => return Heard::Erased,
            }
        }
        Heard::Ignored
    }

    fn store(&mut self, byte: u8) -> Heard {
        // The last place is kept for the end of the line, so that a line that is too
        // long can still be sent off.
        let room = self.ring.room();
        if room == 0 || (room == 1 && byte != b'\n') || !self.ring.push(byte) {
            return Heard::Lost;
        }
        if byte == b'\n' {
            self.ready = self.ring.len();
        }
        Heard::Stored
    }

    /// Whether a read would return something.
    pub(super) fn has_ready(&self) -> bool {
        self.ready > 0 || self.ends > 0
    }

    /// Takes bytes, at most one line in canonical mode; `None` where there is nothing.
    pub(super) fn take(&mut self, out: &mut [u8], mode: TerminalMode) -> Option<usize> {
        if self.ready == 0 {
            self.ends = self.ends.checked_sub(1)?;
            return Some(0);
        }
        let mut count = 0usize;
        for place in out.iter_mut() {
            if self.ready == 0 {
                break;
            }
            let Some(byte) = self.ring.pop() else { break };
            self.ready = self.ready.saturating_sub(1);
            *place = byte;
            count = count.saturating_add(1);
            if byte == b'\n' && mode.contains(TerminalMode::CANONICAL) {
                break;
            }
        }
        Some(count)
    }

    /// Goes over to another mode: what is half typed becomes input, or stays so.
    pub(super) fn change_mode(&mut self, mode: TerminalMode) {
        let canonical = mode.contains(TerminalMode::CANONICAL);
        if self.canonical && !canonical {
            self.ready = self.ring.len();
        }
        self.canonical = canonical;
    }

    /// Drops everything.
    pub(super) fn clear(&mut self) {
        self.ring.clear();
        self.ready = 0;
        self.ends = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: TerminalMode = TerminalMode::CANONICAL.union(TerminalMode::BREAK);
    const RAW: TerminalMode = TerminalMode::empty();

    fn typed(text: &[u8], mode: TerminalMode) -> LineInput {
        let mut input = LineInput::new(16).unwrap();
        input.change_mode(mode);
        for byte in text {
            input.hear(*byte, mode);
        }
        input
    }

    fn read(input: &mut LineInput, mode: TerminalMode) -> Option<alloc::vec::Vec<u8>> {
        let mut bytes = [0; 16];
        input
            .take(&mut bytes, mode)
            .map(|count| bytes[..count].to_vec())
    }

    #[test]
    fn lines_are_handed_over_whole_and_edited_before() {
        let mut input = typed("aäx\x7f\x7f\rcd".as_bytes(), LINES);
        assert_eq!(read(&mut input, LINES).unwrap(), b"a\n");
        assert_eq!(read(&mut input, LINES), None);
        input.hear(KILL, LINES);
        input.hear(b'e', LINES);
        input.hear(b'\n', LINES);
        assert_eq!(read(&mut input, LINES).unwrap(), b"e\n");
    }

    #[test]
    fn raw_bytes_come_at_once() {
        let mut input = typed(b"a\x7f\r", RAW);
        assert_eq!(read(&mut input, RAW).unwrap(), b"a\x7f\r");
        assert_eq!(input.hear(INTERRUPT, RAW), Heard::Stored);
    }

    #[test]
    fn the_end_mark_on_an_empty_line_is_the_end() {
        let mut input = typed(b"\x04", LINES);
        assert!(input.has_ready());
        assert_eq!(read(&mut input, LINES).unwrap(), b"");
        assert_eq!(read(&mut input, LINES), None);
        let mut input = typed(b"ab\x04", LINES);
        assert_eq!(read(&mut input, LINES).unwrap(), b"ab");
    }

    #[test]
    fn a_line_that_is_too_long_can_still_end() {
        let mut input = typed(&[b'x'; 40], LINES);
        assert_eq!(input.hear(b'y', LINES), Heard::Lost);
        assert_eq!(input.hear(b'\r', LINES), Heard::Stored);
        let line = read(&mut input, LINES).unwrap();
        assert_eq!((line.len(), line.last()), (16, Some(&b'\n')));
    }

    #[test]
    fn the_break_character_drops_what_was_typed() {
        let mut input = typed(b"abc", LINES);
        assert_eq!(input.hear(INTERRUPT, LINES), Heard::Break);
        assert!(!input.has_ready());
    }
}
