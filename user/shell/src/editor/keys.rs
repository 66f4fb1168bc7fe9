//! Keys from the bytes of a terminal: UTF-8, control characters, escapes.

use alloc::vec::Vec;

/// One key stroke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A character.
    Char(char),
    /// A letter together with Ctrl.
    Control(char),
    /// Return.
    Enter,
    /// Tab.
    Tab,
    /// Removes the character before the cursor.
    Backspace,
    /// Removes the character under the cursor.
    Delete,
    /// Cursor keys.
    Up,
    /// …
    Down,
    /// …
    Left,
    /// …
    Right,
    /// Ctrl or Alt with a cursor key.
    WordLeft,
    /// …
    WordRight,
    /// To the start of the line.
    Home,
    /// To the end of the line.
    End,
    /// A sequence without a meaning here.
    Unknown,
}

/// Longest escape sequence that is waited for, in bytes.
const SEQUENCE_BYTES_MAX: usize = 16;

/// Where in a sequence of bytes the decoder is.
#[derive(Debug, Default)]
enum State {
    /// Between keys.
    #[default]
    Ground,
    /// After CR: an LF that follows belongs to it.
    AfterReturn,
    /// Inside a character of several bytes.
    Utf8 { bytes: Vec<u8>, missing: usize },
    /// After ESC.
    Escape,
    /// After `ESC [`, with the parameters so far.
    Csi(Vec<u8>),
    /// After `ESC O`.
    Ss3,
}

/// Turns bytes into keys, one byte at a time.
#[derive(Debug, Default)]
pub struct KeyDecoder {
    state: State,
}

impl KeyDecoder {
    /// Takes one byte; the key it completes, if it does.
    pub fn push(&mut self, byte: u8) -> Option<Key> {
        match core::mem::take(&mut self.state) {
            State::AfterReturn if byte == b'\n' => None,
            State::Ground | State::AfterReturn => self.begin(byte),
            State::Utf8 { bytes, missing } => self.continue_character(bytes, missing, byte),
            State::Escape => self.after_escape(byte),
            State::Csi(parameters) => self.continue_csi(parameters, byte),
            State::Ss3 => Some(cursor_key(byte, false)),
        }
    }

    /// A byte between keys.
    fn begin(&mut self, byte: u8) -> Option<Key> {
        let multibyte = |missing| State::Utf8 {
            bytes: alloc::vec![byte],
            missing,
        };
        match byte {
            b'\r' => {
                self.state = State::AfterReturn;
                Some(Key::Enter)
            }
            b'\n' => Some(Key::Enter),
            b'\t' => Some(Key::Tab),
            0x08 | 0x7f => Some(Key::Backspace),
            0x1b => {
                self.state = State::Escape;
                None
            }
            0x01..=0x1a => Some(Key::Control(char::from(byte | 0x60))),
            0x00 | 0x1c..=0x1f => Some(Key::Unknown),
            0x20..=0x7e => Some(Key::Char(char::from(byte))),
            0xc2..=0xdf => {
                self.state = multibyte(1);
                None
            }
            0xe0..=0xef => {
                self.state = multibyte(2);
                None
            }
            0xf0..=0xf4 => {
                self.state = multibyte(3);
                None
            }
            0x80..=0xc1 | 0xf5..=0xff => Some(Key::Char(char::REPLACEMENT_CHARACTER)),
        }
    }

    /// A byte inside a character of several bytes.
    fn continue_character(&mut self, mut bytes: Vec<u8>, missing: usize, byte: u8) -> Option<Key> {
        if byte & 0xc0 != 0x80 {
            // The character was cut short; the byte begins something else, which
            // counts more than a mark for what was lost.
            return self.begin(byte);
        }
        bytes.push(byte);
        let missing = missing.saturating_sub(1);
        if missing > 0 {
            self.state = State::Utf8 { bytes, missing };
            return None;
        }
        let text = core::str::from_utf8(&bytes).ok();
        Some(match text.and_then(|text| text.chars().next()) {
            // U+0080 to U+009F would control the terminal instead of showing.
            Some(c) if c.is_control() => Key::Unknown,
            Some(c) => Key::Char(c),
            None => Key::Char(char::REPLACEMENT_CHARACTER),
        })
    }

    /// The byte after ESC.
    fn after_escape(&mut self, byte: u8) -> Option<Key> {
        match byte {
            b'[' => {
                self.state = State::Csi(Vec::new());
                None
            }
            b'O' => {
                self.state = State::Ss3;
                None
            }
            b'b' => Some(Key::WordLeft),
            b'f' => Some(Key::WordRight),
            0x1b => {
                self.state = State::Escape;
                None
            }
            _ => Some(Key::Unknown),
        }
    }

    /// A byte of a control sequence (ECMA-48, section 5.4).
    fn continue_csi(&mut self, mut parameters: Vec<u8>, byte: u8) -> Option<Key> {
        match byte {
            0x20..=0x3f if parameters.len() < SEQUENCE_BYTES_MAX => {
                parameters.push(byte);
                self.state = State::Csi(parameters);
                None
            }
            b'~' => Some(match parameters.split(|byte| *byte == b';').next() {
                Some(b"1" | b"7") => Key::Home,
                Some(b"3") => Key::Delete,
                Some(b"4" | b"8") => Key::End,
                _ => Key::Unknown,
            }),
            0x40..=0x7e => Some(cursor_key(byte, parameters.contains(&b';'))),
            _ => Some(Key::Unknown),
        }
    }
}

/// The key a final byte stands for; `modified`: together with Ctrl, Alt or Shift.
fn cursor_key(byte: u8, modified: bool) -> Key {
    match (byte, modified) {
        (b'A', _) => Key::Up,
        (b'B', _) => Key::Down,
        (b'C', false) => Key::Right,
        (b'C', true) => Key::WordRight,
        (b'D', false) => Key::Left,
        (b'D', true) => Key::WordLeft,
        (b'H', _) => Key::Home,
        (b'F', _) => Key::End,
        _ => Key::Unknown,
    }
}
