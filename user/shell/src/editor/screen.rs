//! A model of a terminal's screen, to see what the editor draws.

use alloc::string::String;
use alloc::vec::Vec;

use unicode_width::UnicodeWidthChar;

/// A terminal of fixed width that scrolls without end.
#[derive(Debug)]
pub struct Screen {
    rows: Vec<Vec<char>>,
    row: usize,
    column: usize,
    columns: usize,
    pending: Vec<u8>,
    /// Beeps heard.
    pub bells: usize,
}

impl Screen {
    /// An empty screen.
    pub fn new(columns: usize) -> Screen {
        let rows = alloc::vec![Vec::new()];
        Screen {
            rows,
            row: 0,
            column: 0,
            columns,
            pending: Vec::new(),
            bells: 0,
        }
    }

    /// The row the cursor is in, without blanks at its end.
    pub fn line(&self) -> String {
        self.text(self.row)
    }

    /// A row from above, without blanks at its end.
    pub fn text(&self, row: usize) -> String {
        let text: String = self.rows[row].iter().filter(|c| **c != '\0').collect();
        text.trim_end().into()
    }

    /// Where the cursor is: row and column.
    pub fn cursor(&self) -> (usize, usize) {
        (self.row, self.column)
    }

    /// Takes what was written to the terminal.
    pub fn write(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
        let bytes = core::mem::take(&mut self.pending);
        let text = core::str::from_utf8(&bytes).expect("the editor writes UTF-8");
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            match c {
                '\r' => self.column = 0,
                '\n' => self.next_row(),
                '\u{7}' => self.bells += 1,
                '\u{1b}' => {
                    assert_eq!(chars.next(), Some('['), "only control sequences");
                    let mut number = 0;
                    let end = loop {
                        match chars.next().expect("a complete sequence") {
                            digit @ '0'..='9' => {
                                number = number * 10 + digit.to_digit(10).unwrap() as usize;
                            }
                            end => break end,
                        }
                    };
                    self.sequence(end, number);
                }
                c if c.is_control() => panic!("unexpected control character {c:?}"),
                c => self.put(c),
            }
        }
    }

    fn sequence(&mut self, end: char, number: usize) {
        match end {
            'K' => self.rows[self.row].truncate(self.column),
            'C' => self.column = (self.column + number.max(1)).min(self.columns - 1),
            'H' => (self.row, self.column) = (0, 0),
            'J' => self.rows.iter_mut().for_each(Vec::clear),
            other => panic!("unexpected sequence {other}"),
        }
    }

    fn next_row(&mut self) {
        self.row += 1;
        if self.row == self.rows.len() {
            self.rows.push(Vec::new());
        }
    }

    fn put(&mut self, c: char) {
        let width = c.width().unwrap_or(0);
        if width == 0 {
            // Joins the character before it, and takes no place of its own.
            return;
        }
        if self.column + width > self.columns {
            self.column = 0;
            self.next_row();
        }
        let row = &mut self.rows[self.row];
        while row.len() < self.column + width {
            row.push(' ');
        }
        row[self.column] = c;
        if width == 2 {
            row[self.column + 1] = '\0';
        }
        self.column += width;
    }
}
