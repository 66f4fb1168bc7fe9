//! The lines that were entered before.

use alloc::collections::VecDeque;
use alloc::string::{String, ToString};

/// Most lines kept.
const LINES_MAX: usize = 1000;

/// Lines, the oldest first.
#[derive(Debug, Default)]
pub struct History {
    lines: VecDeque<String>,
}

impl History {
    /// Adds a line, unless it is blank or the same as the last one.
    pub fn push(&mut self, line: &str) {
        if line.trim().is_empty() || self.lines.back().is_some_and(|last| last == line) {
            return;
        }
        if self.lines.len() == LINES_MAX {
            self.lines.pop_front();
        }
        self.lines.push_back(line.to_string());
    }

    /// Number of lines.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// A line by its place, the oldest being 0.
    pub fn get(&self, index: usize) -> Option<&str> {
        self.lines.get(index).map(String::as_str)
    }

    /// All lines, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.lines.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_and_repetitions_are_left_out_and_the_oldest_go_first() {
        let mut history = History::default();
        history.push("a");
        history.push("a");
        history.push("  ");
        assert_eq!(history.len(), 1);
        for number in 0..LINES_MAX {
            history.push(&number.to_string());
        }
        assert_eq!((history.len(), history.get(0)), (LINES_MAX, Some("0")));
    }
}
