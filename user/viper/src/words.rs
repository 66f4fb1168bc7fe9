//! Lines split into words, with quotes and their escapes.
//!
//! Words are separated by blanks. `"…"` makes one word of anything; inside it,
//! `*` is the escape character: `*"` a quote, `**` a star, `*n` a new line, `*e`
//! the escape character of terminals. A quote may also begin within a word, as
//! in `TO="a b"`.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// One word of a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word {
    /// What it says, without quotes and escapes.
    pub text: String,
    /// It began with a quote, so it is never a keyword.
    pub quoted: bool,
}

impl Word {
    /// A word without quotes.
    pub fn plain(text: &str) -> Word {
        Word {
            text: text.into(),
            quoted: false,
        }
    }
}

/// A quote without its partner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unclosed;

impl fmt::Display for Unclosed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a quote (\") is not closed")
    }
}

/// Splits a line into words.
///
/// # Errors
///
/// [`Unclosed`] where a quote has no partner.
pub fn split(line: &str) -> Result<Vec<Word>, Unclosed> {
    let mut words = Vec::new();
    let mut chars = line.chars().peekable();
    loop {
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        let Some(&first) = chars.peek() else {
            return Ok(words);
        };
        let mut word = Word {
            text: String::new(),
            quoted: first == '"',
        };
        while let Some(c) = chars.next_if(|c| !c.is_whitespace()) {
            match c {
                '"' => quoted_part(&mut chars, &mut word.text)?,
                other => word.text.push(other),
            }
        }
        words.push(word);
    }
}

/// Reads what follows an opening quote, up to its partner.
///
/// # Errors
///
/// [`Unclosed`] where there is none.
pub fn quoted_part(
    chars: &mut impl Iterator<Item = char>,
    text: &mut String,
) -> Result<(), Unclosed> {
    while let Some(c) = chars.next() {
        match c {
            '"' => return Ok(()),
            '*' => text.push(escaped(chars.next().ok_or(Unclosed)?)),
            other => text.push(other),
        }
    }
    Err(Unclosed)
}

/// The character that `*` and `code` stand for inside quotes.
pub fn escaped(code: char) -> char {
    match code {
        'n' | 'N' => '\n',
        'e' | 'E' => '\u{1b}',
        't' | 'T' => '\t',
        other => other,
    }
}

/// Writes words as a line that [`split`] takes apart into the same words.
pub fn join(words: &[Word]) -> String {
    let mut line = String::new();
    for (index, word) in words.iter().enumerate() {
        if index > 0 {
            line.push(' ');
        }
        let needs_quotes = word.quoted
            || word.text.is_empty()
            || word.text.contains(|c: char| c.is_whitespace() || c == '"');
        if needs_quotes
            && !word.quoted
            && let Some((key, value)) = word.text.split_once('=')
            && !key.is_empty()
            && !key.contains(|c: char| c.is_whitespace() || c == '"')
        {
            // `KEY="a b"`: with the quote in front it would be no keyword any more.
            line.push_str(key);
            line.push('=');
            push_quoted(&mut line, value);
        } else if needs_quotes {
            push_quoted(&mut line, &word.text);
        } else {
            line.push_str(&word.text);
        }
    }
    line
}

/// Appends a text in quotes.
fn push_quoted(line: &mut String, text: &str) {
    line.push('"');
    for c in text.chars() {
        match c {
            '"' => line.push_str("*\""),
            '*' => line.push_str("**"),
            '\n' => line.push_str("*n"),
            '\t' => line.push_str("*t"),
            '\u{1b}' => line.push_str("*e"),
            other => line.push(other),
        }
    }
    line.push('"');
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use alloc::vec;

    fn texts(line: &str) -> Vec<String> {
        split(line)
            .unwrap()
            .into_iter()
            .map(|word| word.text)
            .collect()
    }

    #[test]
    fn blanks_separate_and_quotes_hold_together() {
        assert_eq!(
            texts(r#"  Copy  "my file"	TO x "#),
            ["Copy", "my file", "TO", "x"]
        );
        assert_eq!(texts(r#"TO="a b"c"#), ["TO=a bc"]);
        assert_eq!(texts(""), Vec::<String>::new());
        assert_eq!(texts(r#""""#), [""]);
    }

    #[test]
    fn stars_escape_inside_quotes_only() {
        assert_eq!(texts(r#""a*"b*nc**" *n"#), ["a\"b\nc*", "*n"]);
    }

    #[test]
    fn an_open_quote_is_an_error() {
        assert_eq!(split("Echo \"abc"), Err(Unclosed));
        assert_eq!(split("Echo \"abc*"), Err(Unclosed));
        assert!(split("Echo \"abc\"").is_ok());
    }

    #[test]
    fn join_is_undone_by_split() {
        let words = vec![
            Word::plain("TO=a b"),
            Word {
                text: "ALL".into(),
                quoted: true,
            },
            Word::plain(""),
            Word {
                text: "x*y\"\n\u{1b}".into(),
                quoted: false,
            },
            Word::plain("plain"),
        ];
        let again = split(&join(&words)).unwrap();
        assert!(!again[0].quoted && again[1].quoted);
        for (old, new) in words.iter().zip(&again) {
            assert_eq!(old.text, new.text);
        }
    }
}
