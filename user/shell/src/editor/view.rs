//! Drawing a line on one row of a terminal.
//!
//! Uses carriage return, erase to the end of the line and cursor right only, which
//! every serial terminal since the VT100 understands.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::LineBuffer;

/// Width where the terminal does not tell its own.
const COLUMNS_DEFAULT: usize = 80;
/// Least width that is drawn for.
const COLUMNS_MIN: usize = 16;

/// Where and how a line is drawn.
#[derive(Debug)]
pub struct View {
    prompt: String,
    columns: usize,
    /// Whether the whole line was visible when it was last drawn.
    is_whole: bool,
}

impl View {
    /// A row of `columns` (0: unknown) that begins with `prompt`.
    pub fn new(prompt: &str, columns: usize) -> View {
        let columns = if columns == 0 {
            COLUMNS_DEFAULT
        } else {
            columns.max(COLUMNS_MIN)
        };
        // At least half of the row is for the line itself.
        let mut shown = prompt;
        while shown.width() > columns / 2 {
            shown = shown.get(char_len(shown)..).unwrap_or("");
        }
        View {
            prompt: shown.to_string(),
            columns,
            is_whole: true,
        }
    }

    /// Width of the terminal.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Columns for the line; the last one stays free, because writing into it makes
    /// some terminals go to the next row.
    fn room(&self) -> usize {
        self.columns
            .saturating_sub(self.prompt.width())
            .saturating_sub(1)
    }

    /// Whether a line with a character just added at its end is shown by writing that
    /// character.
    pub fn fits_one_more(&self, buffer: &LineBuffer) -> bool {
        self.is_whole && buffer.is_at_end() && buffer.text().width() < self.room()
    }

    /// Writes the prompt of an empty line where the cursor is: behind what a program left
    /// without a line end, which would be lost from the start of the row.
    pub fn begin(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.prompt.as_bytes());
    }

    /// Draws all of the row and puts the cursor in its place.
    pub fn draw(&mut self, buffer: &LineBuffer, out: &mut Vec<u8>) {
        let room = self.room();
        let mut before = buffer.before_cursor();
        self.is_whole = buffer.text().width() < room;
        if !self.is_whole {
            // Scroll so that the cursor stays inside, with some of what is behind it.
            let behind = buffer.after_cursor().width().min(room / 4);
            while before.width().saturating_add(behind) >= room && !before.is_empty() {
                before = before.get(char_len(before)..).unwrap_or("");
            }
        }
        let after = cut(buffer.after_cursor(), room.saturating_sub(before.width()));
        let column = self.prompt.width().saturating_add(before.width());
        out.extend_from_slice(format!("\r{}{before}{after}\x1b[K\r", self.prompt).as_bytes());
        if column > 0 {
            out.extend_from_slice(format!("\x1b[{column}C").as_bytes());
        }
    }
}

/// Length in bytes of the first character.
fn char_len(text: &str) -> usize {
    text.chars().next().map_or(0, char::len_utf8)
}

/// As much of a text as fits into `width` columns.
fn cut(text: &str, width: usize) -> &str {
    let mut used: usize = 0;
    for (index, c) in text.char_indices() {
        used = used.saturating_add(c.width().unwrap_or(0));
        if used > width {
            return text.get(..index).unwrap_or("");
        }
    }
    text
}

/// Arranges labels in columns, top to bottom, each row ended by CR LF.
pub fn columns(labels: &[&str], width: usize) -> String {
    let widest = labels.iter().map(|label| label.width()).max().unwrap_or(0);
    let cell = widest.saturating_add(2);
    let across = (width / cell).max(1);
    let rows = labels.len().div_ceil(across);
    let mut text = String::new();
    for row in 0..rows {
        for label in labels.iter().skip(row).step_by(rows) {
            text.push_str(label);
            let padding = cell.saturating_sub(label.width());
            text.extend(core::iter::repeat_n(' ', padding));
        }
        text.truncate(text.trim_end().len());
        text.push_str("\r\n");
    }
    text
}
