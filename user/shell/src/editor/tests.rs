//! Scripted key strokes against the screen model.

extern crate std;

use super::screen::Screen;
use super::*;

/// Completes from a fixed list of words.
struct Words(&'static [&'static str]);

impl Completer for Words {
    fn candidates(&mut self, before: &str) -> Candidates {
        let start = before.rfind(' ').map_or(0, |at| at + 1);
        let word = before[start..].to_lowercase();
        let choices = self
            .0
            .iter()
            .filter(|candidate| candidate.to_lowercase().starts_with(&word))
            .map(|text| Choice {
                text: (*text).into(),
                ending: " ",
                label: (*text).into(),
            })
            .collect();
        Candidates { start, choices }
    }
}

/// A terminal with somebody typing.
struct Desk {
    editor: Editor,
    history: History,
    screen: Screen,
    words: Words,
}

impl Desk {
    fn new(columns: usize, history: &[&str]) -> Desk {
        let mut lines = History::default();
        history.iter().for_each(|line| lines.push(line));
        let editor = Editor::new("SYS:> ", columns, &lines);
        let words = Words(&["Delete", "Delta", "Dir", "Copy"]);
        let mut desk = Desk {
            editor,
            history: lines,
            screen: Screen::new(columns),
            words,
        };
        desk.show();
        desk
    }

    fn show(&mut self) {
        let output = self.editor.output();
        self.screen.write(&output);
    }

    /// Types bytes; what the last of them led to.
    fn type_bytes(&mut self, bytes: &[u8]) -> Step {
        let mut step = Step::More;
        for byte in bytes {
            assert_eq!(step, Step::More, "a line ended early");
            step = self.editor.feed(*byte, &self.history, &mut self.words);
            self.show();
        }
        step
    }

    fn check(&mut self, typed: &str, line: &str, cursor: usize) {
        assert_eq!(self.type_bytes(typed.as_bytes()), Step::More);
        assert_eq!(self.screen.line(), line);
        assert_eq!(self.screen.cursor().1, cursor);
    }
}

#[test]
fn typing_shows_and_return_ends_the_line() {
    let mut desk = Desk::new(80, &[]);
    desk.check("", "SYS:>", 6);
    desk.check("Dir", "SYS:> Dir", 9);
    assert_eq!(desk.type_bytes(b"\r"), Step::Line("Dir".into()));
    assert_eq!(desk.screen.cursor(), (1, 0));
}

#[test]
fn the_prompt_leaves_what_is_before_it() {
    let mut screen = Screen::new(80);
    screen.write(b"no line end");
    screen.write(&Editor::new("SYS:> ", 80, &History::default()).output());
    assert_eq!(screen.line(), "no line endSYS:>");
}

#[test]
fn return_and_line_feed_together_are_one_key() {
    let mut decoder = KeyDecoder::default();
    let keys: Vec<_> = b"\r\n\n\r"
        .iter()
        .filter_map(|byte| decoder.push(*byte))
        .collect();
    assert_eq!(keys, [Key::Enter, Key::Enter, Key::Enter]);
}

#[test]
fn the_cursor_moves_and_text_goes_where_it_is() {
    let mut desk = Desk::new(80, &[]);
    desk.check("acd\x1b[D\x1b[Db", "SYS:> abcd", 8);
    desk.check("\x1b[Hx\x1b[Fy", "SYS:> xabcdy", 12);
    desk.check("\x01\x1b[3~\x05\x7f", "SYS:> abcd", 10);
    desk.check("\x1b[D\x1b[D\x0b", "SYS:> ab", 8);
    desk.check("\x15", "SYS:>", 6);
    desk.check("\x19", "SYS:> ab", 8);
}

#[test]
fn characters_are_whole_and_wide_ones_take_two_columns() {
    let mut desk = Desk::new(80, &[]);
    desk.check("äß中x", "SYS:> äß中x", 11);
    desk.check("\x1b[D\x7f", "SYS:> äßx", 8);
    desk.check("\x7f\x7f", "SYS:> x", 6);
    // A lone continuation byte and a character cut short do no harm.
    assert_eq!(desk.type_bytes(b"\x80\xe4\xb8"), Step::More);
    desk.check("y", "SYS:> \u{fffd}yx", 8);
}

#[test]
fn words_are_killed_and_jumped_over() {
    let mut desk = Desk::new(80, &[]);
    desk.check("Copy WORK:a/b c \x17", "SYS:> Copy WORK:a/b", 20);
    desk.check("\x17", "SYS:> Copy", 11);
    desk.check("WORK:a\x1b[1;5D", "SYS:> Copy WORK:a", 16);
    desk.check("\x1b[1;5D\x1b[1;5C", "SYS:> Copy WORK:a", 15);
}

#[test]
fn history_keeps_the_line_being_typed() {
    let mut desk = Desk::new(80, &["one", "two"]);
    desk.check("new\x1b[A", "SYS:> two", 9);
    desk.check("\x1b[A", "SYS:> one", 9);
    desk.check("\x1b[A", "SYS:> one", 9);
    assert_eq!(desk.screen.bells, 1);
    desk.check("\x1b[B\x1b[B", "SYS:> new", 9);
}

#[test]
fn tab_completes_what_is_certain_and_lists_at_the_second() {
    let mut desk = Desk::new(80, &[]);
    desk.check("c\t", "SYS:> Copy", 11);
    desk.check("d\t", "SYS:> Copy d", 12);
    assert_eq!(desk.screen.bells, 1);
    desk.check("\t", "SYS:> Copy d", 12);
    assert_eq!(desk.screen.text(1), "Delete  Delta   Dir");
    desk.check("e\t", "SYS:> Copy Del", 14);
    desk.check("e\t", "SYS:> Copy Delete", 18);
    desk.check("x\t", "SYS:> Copy Delete x", 19);
    assert_eq!(desk.screen.bells, 2);
}

#[test]
fn a_quoted_directory_is_closed_and_can_be_gone_into() {
    struct Folder;
    impl Completer for Folder {
        fn candidates(&mut self, before: &str) -> Candidates {
            let inside = before.contains('/');
            let (text, ending) = match inside {
                false => ("\"My notes/", CLOSING_QUOTE),
                true => ("\"My notes/today", "\" "),
            };
            let choice = Choice {
                text: text.into(),
                ending,
                label: text.into(),
            };
            Candidates {
                start: 0,
                choices: [choice].into(),
            }
        }
    }
    let history = History::default();
    let mut editor = Editor::new("", 80, &history);
    editor.feed(b'm', &history, &mut Folder);
    editor.feed(b'\t', &history, &mut Folder);
    assert_eq!(editor.buffer.text(), "\"My notes/\"");
    editor.feed(b'\t', &history, &mut Folder);
    assert_eq!(
        editor.feed(b'\r', &history, &mut Folder),
        Step::Line("\"My notes/today\" ".into())
    );
}

#[test]
fn a_long_line_scrolls_on_its_row() {
    let mut desk = Desk::new(24, &[]);
    let text = "abcdefghijklmnopqrstuvwxyz0123456789";
    assert_eq!(desk.type_bytes(text.as_bytes()), Step::More);
    assert_eq!(desk.screen.cursor().0, 0);
    let shown = desk.screen.line();
    assert!(
        shown.starts_with("SYS:> ") && shown.ends_with('9'),
        "{shown}"
    );
    desk.check("\x01", "SYS:> abcdefghijklmnopq", 6);
    assert_eq!(desk.type_bytes(b"\r"), Step::Line(text.into()));
}

#[test]
fn control_keys_cancel_end_and_clear() {
    let mut desk = Desk::new(80, &[]);
    assert_eq!(desk.type_bytes(b"abc\x03"), Step::Cancelled);
    let mut desk = Desk::new(80, &[]);
    assert_eq!(desk.type_bytes(b"\x04"), Step::EndOfInput);
    let mut desk = Desk::new(80, &[]);
    desk.check("ab\x01\x04", "SYS:> b", 6);
    desk.check("\x0c", "SYS:> b", 6);
    assert_eq!(desk.screen.cursor().0, 0);
}

#[test]
fn any_bytes_leave_a_whole_line_and_a_cursor_inside() {
    let mut state: u64 = 0x1234_5678;
    for _ in 0..200 {
        let mut desk = Desk::new(20, &["one", "zwei drei"]);
        for _ in 0..200 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let byte = match state >> 60 {
                0..=3 => b"\x1b[ABCDH~3;5O"[(state >> 33) as usize % 12],
                4 => b'\t',
                _ => (state >> 40) as u8,
            };
            if desk.type_bytes(&[byte]) != Step::More {
                break;
            }
            assert!(desk.screen.cursor().1 < 20);
        }
    }
}
