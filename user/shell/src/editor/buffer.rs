//! The text of a line and the cursor in it.

use alloc::string::{String, ToString};

/// Longest line, in bytes; more typing does nothing.
const LINE_BYTES_MAX: usize = 16 * 1024;

/// A line and a cursor that always stands between two characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LineBuffer {
    text: String,
    /// In bytes; always a character boundary.
    cursor: usize,
}

impl LineBuffer {
    /// A line with the cursor at its end.
    pub fn from_text(text: &str) -> LineBuffer {
        LineBuffer {
            text: text.to_string(),
            cursor: text.len(),
        }
    }

    /// All of it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The part before the cursor.
    pub fn before_cursor(&self) -> &str {
        self.text.get(..self.cursor).unwrap_or("")
    }

    /// The part behind the cursor.
    pub fn after_cursor(&self) -> &str {
        self.text.get(self.cursor..).unwrap_or("")
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Whether the cursor is at the end.
    pub fn is_at_end(&self) -> bool {
        self.cursor == self.text.len()
    }

    /// Puts a character in, before the cursor.
    pub fn insert(&mut self, c: char) {
        if self.text.len().saturating_add(c.len_utf8()) <= LINE_BYTES_MAX {
            self.text.insert(self.cursor, c);
            self.cursor = self.cursor.saturating_add(c.len_utf8());
        }
    }

    /// One character to the left.
    pub fn left(&mut self) {
        let step = self
            .before_cursor()
            .chars()
            .next_back()
            .map_or(0, char::len_utf8);
        self.cursor = self.cursor.saturating_sub(step);
    }

    /// One character to the right.
    pub fn right(&mut self) {
        let step = self.after_cursor().chars().next().map_or(0, char::len_utf8);
        self.cursor = self.cursor.saturating_add(step);
    }

    /// To the start of the word before the cursor.
    pub fn word_left(&mut self) {
        self.cursor = word_start(self.before_cursor());
    }

    /// Behind the word after the cursor.
    pub fn word_right(&mut self) {
        let after = self.after_cursor();
        let word = after.trim_start_matches(is_separator);
        let rest = word.trim_start_matches(|c| !is_separator(c));
        self.cursor = self.text.len().saturating_sub(rest.len());
    }

    /// To the start of the line.
    pub fn home(&mut self) {
        self.cursor = 0;
    }

    /// To the end of the line.
    pub fn end(&mut self) {
        self.cursor = self.text.len();
    }

    /// Takes the character before the cursor away.
    pub fn remove_before(&mut self) -> Option<char> {
        if self.cursor == 0 {
            return None;
        }
        self.left();
        self.remove_after()
    }

    /// Takes the character behind the cursor away.
    pub fn remove_after(&mut self) -> Option<char> {
        (!self.is_at_end()).then(|| self.text.remove(self.cursor))
    }

    /// Takes everything before the cursor away.
    pub fn kill_to_start(&mut self) -> String {
        self.kill(0)
    }

    /// Takes everything behind the cursor away.
    pub fn kill_to_end(&mut self) -> String {
        self.text.split_off(self.cursor)
    }

    /// Takes the word before the cursor away.
    pub fn kill_word_before(&mut self) -> String {
        let before = self.before_cursor().trim_end_matches(char::is_whitespace);
        let start = before
            .rfind(char::is_whitespace)
            .map_or(0, |at| at.saturating_add(1));
        self.kill(start)
    }

    /// Puts `text` in place of everything from `start` to the cursor.
    pub fn replace_before(&mut self, start: usize, text: &str) {
        self.kill(start);
        for c in text.chars() {
            self.insert(c);
        }
    }

    /// Takes what is from `start` (a character boundary) to the cursor away.
    fn kill(&mut self, start: usize) -> String {
        if start > self.cursor || !self.text.is_char_boundary(start) {
            return String::new();
        }
        let killed = self.text.drain(start..self.cursor).collect();
        self.cursor = start;
        killed
    }
}

/// What stands between words for moving over them.
fn is_separator(c: char) -> bool {
    c.is_whitespace() || matches!(c, '/' | ':' | '"' | ';')
}

/// Where the last word of a text begins.
fn word_start(text: &str) -> usize {
    text.trim_end_matches(is_separator)
        .trim_end_matches(|c| !is_separator(c))
        .len()
}
