//! Completion of commands, paths and assigns.
//!
//! The first word of a statement is a command or a path, every other one a path. A
//! path without a slash or colon may also become the name of an assign.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use viper::path;

use crate::editor::{CLOSING_QUOTE, Candidates, Choice, Completer};

/// Most choices offered.
const CHOICES_MAX: usize = 2000;

/// Where names to complete come from.
pub trait Names {
    /// Names of all commands that can be called without a path.
    fn commands(&self) -> Vec<String>;

    /// Names of all assigns, without colons.
    fn assigns(&self) -> Vec<String>;

    /// Names in a directory, and whether each is a directory; none where it cannot be read.
    fn entries(&self, directory: &str) -> Vec<(String, bool)>;
}

/// The word to be completed.
#[derive(Debug, PartialEq, Eq)]
struct Target<'a> {
    /// Where it begins, with its quote, in bytes.
    start: usize,
    /// What it says so far, without its quote.
    text: &'a str,
    is_command: bool,
}

impl<N: Names> Completer for N {
    fn candidates(&mut self, before: &str) -> Candidates {
        let target = target(before);
        let mut choices = Vec::new();
        if target.is_command && !target.text.contains([':', '/']) {
            let fitting = self
                .commands()
                .into_iter()
                .filter(|name| fits(name, target.text));
            choices.extend(fitting.map(|name| choice(&name, " ")));
        }
        if !target.text.contains([':', '/']) {
            let fitting = self
                .assigns()
                .into_iter()
                .filter(|name| fits(name, target.text));
            choices.extend(fitting.map(|name| choice(&format!("{name}:"), "")));
        }
        let (directory, name) = path::split_last(target.text);
        let entries = self.entries(directory);
        let fitting = entries.into_iter().filter(|(entry, _)| fits(entry, name));
        choices.extend(
            fitting.map(|(entry, is_directory)| path_choice(directory, &entry, is_directory)),
        );
        choices.sort();
        choices.dedup_by(|a, b| a.text == b.text);
        choices.truncate(CHOICES_MAX);
        Candidates {
            start: target.start,
            choices,
        }
    }
}

/// Finds the word at the end of a line, and whether it is a command.
fn target(before: &str) -> Target<'_> {
    let mut start = 0;
    let mut is_quoted = false;
    let mut is_command = true;
    let mut expects_file = false;
    let mut has_word = false;
    for (index, c) in before.char_indices() {
        let next = index.saturating_add(c.len_utf8());
        match c {
            '"' => {
                is_quoted = !is_quoted;
                has_word = true;
            }
            _ if is_quoted => {}
            ';' => {
                (start, is_command, has_word, expects_file) = (next, true, false, false);
            }
            '<' | '>' => (start, has_word, expects_file) = (next, false, true),
            c if c.is_whitespace() => {
                if has_word {
                    // A file name behind a redirection is not the command yet.
                    is_command = is_command && expects_file;
                    expects_file = false;
                }
                (start, has_word) = (next, false);
            }
            _ => has_word = true,
        }
    }
    let text = before.get(start..).unwrap_or("");
    Target {
        start,
        text: text.strip_prefix('"').unwrap_or(text),
        is_command: is_command && !expects_file,
    }
}

/// Whether a name begins with what was typed, in any case.
fn fits(name: &str, typed: &str) -> bool {
    let mut name = name.chars().flat_map(char::to_lowercase);
    typed
        .chars()
        .flat_map(char::to_lowercase)
        .all(|c| name.next() == Some(c))
}

fn choice(text: &str, ending: &'static str) -> Choice {
    Choice {
        text: text.to_string(),
        ending,
        label: text.to_string(),
    }
}

/// A path, in quotes where it needs them.
fn path_choice(directory: &str, name: &str, is_directory: bool) -> Choice {
    let slash = if is_directory { "/" } else { "" };
    let label = format!("{name}{slash}");
    let text = format!("{directory}{label}");
    match text.contains(|c: char| c.is_whitespace() || matches!(c, ';' | '<' | '>' | '$')) {
        false => Choice {
            text,
            ending: if is_directory { "" } else { " " },
            label,
        },
        true => {
            let ending = if is_directory { CLOSING_QUOTE } else { "\" " };
            Choice {
                text: format!("\"{text}"),
                ending,
                label,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    struct Disk;

    impl Names for Disk {
        fn commands(&self) -> Vec<String> {
            ["Copy", "Cd", "Dir"].map(String::from).into()
        }

        fn assigns(&self) -> Vec<String> {
            ["SYS", "WORK"].map(String::from).into()
        }

        fn entries(&self, directory: &str) -> Vec<(String, bool)> {
            let names: &[(&str, bool)] = match directory {
                "WORK:" => &[("notes", true), ("My file", false), ("copy", false)],
                "WORK:notes/" => &[("today", false)],
                _ => &[],
            };
            names
                .iter()
                .map(|(name, is_directory)| (String::from(*name), *is_directory))
                .collect()
        }
    }

    /// What a line becomes for each choice.
    fn completed(before: &str) -> Vec<String> {
        let candidates = Disk.candidates(before);
        let kept = &before[..candidates.start];
        candidates
            .choices
            .iter()
            .map(|c| format!("{kept}{}{}", c.text, c.ending))
            .collect()
    }

    #[test]
    fn the_first_word_of_each_statement_is_a_command() {
        assert_eq!(completed("c"), ["Cd ", "Copy "]);
        assert_eq!(completed("Dir; d"), ["Dir; Dir "]);
        assert_eq!(completed("Dir d"), Vec::<String>::new());
        assert_eq!(completed(">WORK:x d"), [">WORK:x Dir "]);
        assert_eq!(completed("Echo \"a; d"), Vec::<String>::new());
    }

    #[test]
    fn paths_and_assigns_complete_anywhere() {
        assert_eq!(completed("Dir w"), ["Dir WORK:"]);
        assert_eq!(completed("Dir WORK:n"), ["Dir WORK:notes/"]);
        assert_eq!(completed("Type >WORK:notes/"), ["Type >WORK:notes/today "]);
        assert_eq!(completed("w"), ["WORK:"]);
    }

    #[test]
    fn names_with_blanks_are_quoted() {
        assert_eq!(completed("Type WORK:m"), ["Type \"WORK:My file\" "]);
        assert_eq!(completed("Type \"WORK:My f"), ["Type \"WORK:My file\" "]);
    }
}
