//! The line editor: key strokes in, a line out, and what the terminal must show.
//!
//! [`Editor::feed`] takes the bytes a terminal sent and says what to do next;
//! [`Editor::output`] holds the bytes that bring the screen up to date. The editor
//! knows no terminal and no files, so scripted bytes and a model of a screen test
//! all of it. The line is kept on one row of the screen: where it is longer, the
//! part around the cursor shows.

mod buffer;
mod history;
mod keys;
#[cfg(test)]
mod screen;
#[cfg(test)]
mod tests;
mod view;

use alloc::string::{String, ToString};
use alloc::vec::Vec;

pub use buffer::LineBuffer;
pub use history::History;
pub use keys::{Key, KeyDecoder};
pub use view::View;

/// What the caller has to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Feed more bytes.
    More,
    /// This line is finished.
    Line(String),
    /// The line was given up (Ctrl-C).
    Cancelled,
    /// The user wants no more lines (Ctrl-D on an empty one).
    EndOfInput,
}

/// What can be put in place of the word before the cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candidates {
    /// Where the word begins, in bytes.
    pub start: usize,
    /// Full replacements, each with what follows a finished word (blank, `/`, or nothing).
    pub choices: Vec<Choice>,
}

/// One replacement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Choice {
    /// What to put in place of the word.
    pub text: String,
    /// What to put behind it when it is the only one.
    pub ending: &'static str,
    /// How to show it in a list.
    pub label: String,
}

/// Finds what can complete a line.
pub trait Completer {
    /// Candidates for the word at the end of `before`.
    fn candidates(&mut self, before: &str) -> Candidates;
}

/// Knows no candidates.
#[derive(Clone, Copy, Debug)]
pub struct NoCompleter;

impl Completer for NoCompleter {
    fn candidates(&mut self, before: &str) -> Candidates {
        Candidates {
            start: before.len(),
            choices: Vec::new(),
        }
    }
}

/// A line being edited.
#[derive(Debug)]
pub struct Editor {
    buffer: LineBuffer,
    keys: KeyDecoder,
    view: View,
    output: Vec<u8>,
    /// Position in the history; its length is the line being typed.
    recalled: usize,
    /// The line that was being typed when the history was entered.
    typed: String,
    /// The last key was a Tab that could not decide.
    has_asked: bool,
    /// What Ctrl-K, Ctrl-U and Ctrl-W took away last.
    killed: String,
}

impl Editor {
    /// Begins a line behind `prompt` on a terminal `columns` wide.
    pub fn new(prompt: &str, columns: usize, history: &History) -> Editor {
        let mut editor = Editor {
            buffer: LineBuffer::default(),
            keys: KeyDecoder::default(),
            view: View::new(prompt, columns),
            output: Vec::new(),
            recalled: history.len(),
            typed: String::new(),
            has_asked: false,
            killed: String::new(),
        };
        editor.view.begin(&mut editor.output);
        editor
    }

    /// Takes the bytes that are to be written to the terminal.
    pub fn output(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.output)
    }

    /// Takes one byte from the terminal.
    pub fn feed(&mut self, byte: u8, history: &History, completer: &mut dyn Completer) -> Step {
        match self.keys.push(byte) {
            Some(key) => self.press(key, history, completer),
            None => Step::More,
        }
    }

    /// Acts on one key.
    fn press(&mut self, key: Key, history: &History, completer: &mut dyn Completer) -> Step {
        let has_asked = core::mem::replace(&mut self.has_asked, false);
        match key {
            Key::Enter => return self.finish(),
            Key::Control('c') => return self.cancel(),
            Key::Control('d') if self.buffer.is_empty() => return self.end_of_input(),
            Key::Tab => self.complete(completer, has_asked),
            Key::Up | Key::Control('p') => self.recall(history, self.recalled.checked_sub(1)),
            Key::Down | Key::Control('n') => {
                self.recall(history, self.recalled.checked_add(1));
            }
            Key::Control('l') => {
                self.output.extend_from_slice(b"\x1b[H\x1b[2J");
                self.redraw();
            }
            other => self.edit(other),
        }
        Step::More
    }

    /// Acts on a key that changes the line or the cursor only.
    fn edit(&mut self, key: Key) {
        match key {
            Key::Char(c) if self.buffer.is_at_end() => {
                self.buffer.insert(c);
                return self.show_appended(c);
            }
            Key::Char(c) => self.buffer.insert(c),
            Key::Left | Key::Control('b') => self.buffer.left(),
            Key::Right | Key::Control('f') => self.buffer.right(),
            Key::WordLeft => self.buffer.word_left(),
            Key::WordRight => self.buffer.word_right(),
            Key::Home | Key::Control('a') => self.buffer.home(),
            Key::End | Key::Control('e') => self.buffer.end(),
            Key::Backspace => drop(self.buffer.remove_before()),
            Key::Delete | Key::Control('d') => drop(self.buffer.remove_after()),
            Key::Control('u') => self.killed = self.buffer.kill_to_start(),
            Key::Control('k') => self.killed = self.buffer.kill_to_end(),
            Key::Control('w') => self.killed = self.buffer.kill_word_before(),
            Key::Control('y') => self
                .killed
                .clone()
                .chars()
                .for_each(|c| self.buffer.insert(c)),
            _ => self.output.push(BELL),
        }
        self.redraw();
    }

    /// Ends the line.
    fn finish(&mut self) -> Step {
        self.go_to_end();
        self.output.extend_from_slice(b"\r\n");
        Step::Line(self.buffer.text().to_string())
    }

    /// Puts the cursor behind the line, so that what follows does not overwrite it.
    fn go_to_end(&mut self) {
        if !self.buffer.is_at_end() {
            self.buffer.end();
            self.redraw();
        }
    }

    /// Gives the line up.
    fn cancel(&mut self) -> Step {
        self.go_to_end();
        self.output.extend_from_slice(b"^C\r\n");
        Step::Cancelled
    }

    /// Ends the input.
    fn end_of_input(&mut self) -> Step {
        self.output.extend_from_slice(b"\r\n");
        Step::EndOfInput
    }

    /// Puts a line of the history, or the line that was being typed, in place.
    fn recall(&mut self, history: &History, to: Option<usize>) {
        let Some(to) = to.filter(|to| *to <= history.len()) else {
            return self.output.push(BELL);
        };
        if self.recalled == history.len() {
            self.typed = self.buffer.text().to_string();
        }
        let text = history.get(to).unwrap_or(&self.typed);
        self.buffer = LineBuffer::from_text(text);
        self.recalled = to;
        self.redraw();
    }

    /// Completes the word before the cursor as far as it is certain; lists the
    /// possibilities at a second Tab.
    fn complete(&mut self, completer: &mut dyn Completer, has_asked: bool) {
        let candidates = completer.candidates(self.buffer.before_cursor());
        let choices = &candidates.choices;
        match choices.as_slice() {
            [] => self.output.push(BELL),
            [only] => {
                if only.text.starts_with('"') && self.buffer.after_cursor().starts_with('"') {
                    // The quote that an earlier completion put behind a directory.
                    self.buffer.remove_after();
                }
                let text = [only.text.as_str(), only.ending].concat();
                self.buffer.replace_before(candidates.start, &text);
                if only.ending == CLOSING_QUOTE {
                    self.buffer.left();
                }
                self.redraw();
            }
            several => {
                let common = common_prefix(several);
                let word = self
                    .buffer
                    .before_cursor()
                    .get(candidates.start..)
                    .unwrap_or("");
                if common.chars().count() > word.chars().count() {
                    self.buffer.replace_before(candidates.start, common);
                    self.redraw();
                } else if has_asked {
                    self.list(several);
                } else {
                    self.has_asked = true;
                    self.output.push(BELL);
                }
            }
        }
    }

    /// Lists choices in columns below the line, then shows the line again.
    fn list(&mut self, choices: &[Choice]) {
        let labels: Vec<&str> = choices.iter().map(|choice| choice.label.as_str()).collect();
        self.output.extend_from_slice(b"\r\n");
        self.output
            .extend_from_slice(view::columns(&labels, self.view.columns()).as_bytes());
        self.redraw();
    }

    /// Shows a character typed at the end, without drawing all of the line again.
    fn show_appended(&mut self, c: char) {
        if self.view.fits_one_more(&self.buffer) {
            self.output
                .extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        } else {
            self.redraw();
        }
    }

    /// Draws prompt and line.
    fn redraw(&mut self) {
        self.view.draw(&self.buffer, &mut self.output);
    }
}

/// The ending of a directory in quotes: the cursor stays before it, for names to follow.
pub const CLOSING_QUOTE: &str = "\"";

/// What makes a terminal beep.
const BELL: u8 = 7;

/// The longest text that all choices begin with, without regard to case, as the
/// first of them writes it.
fn common_prefix(choices: &[Choice]) -> &str {
    let Some((first, others)) = choices.split_first() else {
        return "";
    };
    let mut end = first.text.len();
    for other in others {
        let same = first
            .text
            .char_indices()
            .zip(other.text.chars())
            .find(|((_, a), b)| !a.to_lowercase().eq(b.to_lowercase()))
            .map_or(first.text.len().min(other.text.len()), |((at, _), _)| at);
        end = end.min(same);
    }
    while !first.text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    first.text.get(..end).unwrap_or("")
}
