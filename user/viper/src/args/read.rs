//! Reading words by a template.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use super::key::Key;
use super::template::{Kind, Template};
use crate::words::{self, Word};

/// Why words do not fit a template, with the number AmigaDOS gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArgsError {
    /// 115: a number is expected.
    BadNumber(String),
    /// 116: an argument is missing.
    Missing(String),
    /// 117: a keyword has nothing behind it.
    NeedsValue(String),
    /// 118: there are more words than arguments.
    TooMany(String),
    /// 115: a toggle is neither on nor off.
    BadToggle(String),
}

impl ArgsError {
    /// The number AmigaDOS gives it.
    pub const fn number(&self) -> u32 {
        match self {
            ArgsError::BadNumber(_) | ArgsError::BadToggle(_) => 115,
            ArgsError::Missing(_) => 116,
            ArgsError::NeedsValue(_) => 117,
            ArgsError::TooMany(_) => 118,
        }
    }
}

impl fmt::Display for ArgsError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArgsError::BadNumber(word) => write!(out, "{word} is not a number"),
            ArgsError::Missing(name) => write!(out, "required argument {name} is missing"),
            ArgsError::NeedsValue(name) => write!(out, "{name} needs a value"),
            ArgsError::TooMany(word) => write!(out, "too many arguments, from {word} on"),
            ArgsError::BadToggle(word) => write!(out, "{word} is neither ON nor OFF"),
        }?;
        write!(out, " ({}); ? shows the template", self.number())
    }
}

/// Arguments that were read; [`Args::get`] picks one by its key.
#[derive(Clone, Debug, Default)]
pub struct Args {
    /// For each argument of the template: its texts, and whether it is on.
    values: Vec<(Vec<String>, bool)>,
}

impl Args {
    /// The value of an argument.
    pub fn get<K: Key>(&self, key: K) -> K::Value<'_> {
        key.of(self)
    }

    pub(super) fn texts(&self, index: usize) -> &[String] {
        self.values.get(index).map_or(&[], |(texts, _)| texts)
    }

    pub(super) fn is_on(&self, index: usize) -> bool {
        self.values.get(index).is_some_and(|(_, is_on)| *is_on)
    }

    fn is_set(&self, index: usize) -> bool {
        self.values
            .get(index)
            .is_some_and(|(texts, is_on)| !texts.is_empty() || *is_on)
    }

    fn push(&mut self, index: usize, text: String) {
        if let Some((texts, _)) = self.values.get_mut(index) {
            texts.push(text);
        }
    }

    fn turn(&mut self, index: usize, on: bool) {
        if let Some((_, is_on)) = self.values.get_mut(index) {
            *is_on = on;
        }
    }

    fn pop(&mut self, index: usize) -> Option<String> {
        self.values.get_mut(index)?.0.pop()
    }
}

impl Template {
    /// Reads words by this template.
    ///
    /// # Errors
    ///
    /// [`ArgsError`] says which word or argument is wrong.
    pub fn read(&self, words: &[Word]) -> Result<Args, ArgsError> {
        let mut args = Args {
            values: alloc::vec![(Vec::new(), false); self.items().len()],
        };
        let mut rest = words;
        while let Some((word, after)) = rest.split_first() {
            rest = match self.keyword(word) {
                Some((index, value)) => self.take_keyword(&mut args, index, value, word, after)?,
                None => self.take_positional(&mut args, word, rest)?,
            };
        }
        self.lend_from_many(&mut args);
        self.check(&args)?;
        Ok(args)
    }

    /// The argument a word names, and the value behind its `=`.
    fn keyword<'a>(&self, word: &'a Word) -> Option<(usize, Option<&'a str>)> {
        if word.quoted {
            return None;
        }
        if let Some(index) = self.find(&word.text) {
            return Some((index, None));
        }
        let (name, value) = word.text.split_once('=')?;
        let index = self.find(name)?;
        let is_switch = self
            .items()
            .get(index)
            .is_some_and(|item| item.kind == Kind::Switch);
        (!is_switch).then_some((index, Some(value)))
    }

    /// Takes what belongs to a keyword; the words after it.
    fn take_keyword<'a>(
        &self,
        args: &mut Args,
        index: usize,
        value: Option<&str>,
        word: &Word,
        after: &'a [Word],
    ) -> Result<&'a [Word], ArgsError> {
        let kind = self.items().get(index).map_or(Kind::One, |item| item.kind);
        if kind == Kind::Switch {
            args.turn(index, true);
            return Ok(after);
        }
        if kind == Kind::Rest {
            let behind = rest_text(after);
            args.push(
                index,
                value.map_or(behind.clone(), |v| {
                    [v, &behind].join(" ").trim_end().to_string()
                }),
            );
            return Ok(&[]);
        }
        // `KEY = value` with blanks around the sign is one more way to write it.
        let after = match after.split_first() {
            Some((sign, after)) if value.is_none() && !sign.quoted && sign.text == "=" => after,
            _ => after,
        };
        let (text, after) = match value {
            Some(value) if !value.is_empty() => (value.to_string(), after),
            _ => {
                let needs = || ArgsError::NeedsValue(word.text.trim_end_matches('=').to_string());
                let (next, after) = after.split_first().ok_or_else(needs)?;
                (next.text.clone(), after)
            }
        };
        if kind == Kind::Toggle {
            let on = toggle(&text).ok_or(ArgsError::BadToggle(text))?;
            args.turn(index, on);
            return Ok(after);
        }
        if kind == Kind::One && args.is_set(index) {
            return Err(ArgsError::TooMany(text));
        }
        args.push(index, text);
        Ok(after)
    }

    /// Puts a word where it belongs by its place; the words after it.
    fn take_positional<'a>(
        &self,
        args: &mut Args,
        word: &Word,
        rest: &'a [Word],
    ) -> Result<&'a [Word], ArgsError> {
        let after = rest.get(1..).unwrap_or(&[]);
        for (index, item) in self.items().iter().enumerate() {
            match item.kind {
                Kind::Switch | Kind::Toggle => {}
                _ if item.keyword => {}
                Kind::Many => {
                    args.push(index, word.text.clone());
                    return Ok(after);
                }
                Kind::Rest => {
                    args.push(index, rest_text(rest));
                    return Ok(&[]);
                }
                Kind::One if args.is_set(index) => {}
                Kind::One => {
                    args.push(index, word.text.clone());
                    return Ok(after);
                }
            }
        }
        Err(ArgsError::TooMany(word.text.clone()))
    }

    /// Gives required arguments that are missing the last words of the `/M` before them,
    /// so that `FROM/A/M,TO/A` reads `a b c` as from `a b` to `c`.
    fn lend_from_many(&self, args: &mut Args) {
        let Some(many) = self.items().iter().position(|item| item.kind == Kind::Many) else {
            return;
        };
        for (index, item) in self.items().iter().enumerate().rev() {
            let lends = index > many && item.required && !item.keyword && !args.is_set(index);
            if lends && let Some(text) = args.pop(many) {
                args.push(index, text);
            }
        }
    }

    /// Looks for what is missing, and for numbers that are none.
    fn check(&self, args: &Args) -> Result<(), ArgsError> {
        for (index, item) in self.items().iter().enumerate() {
            if item.required && !args.is_set(index) {
                let name = self.names(item).next().unwrap_or("");
                return Err(ArgsError::Missing(name.to_string()));
            }
            if item.number
                && let Some(bad) = args
                    .texts(index)
                    .iter()
                    .find(|text| text.parse::<i64>().is_err())
            {
                return Err(ArgsError::BadNumber(bad.clone()));
            }
        }
        Ok(())
    }
}

/// The rest of a line for `/F`: a single word as it is, more of them as they were written.
fn rest_text(words: &[Word]) -> String {
    match words {
        [only] => only.text.clone(),
        several => words::join(several),
    }
}

/// Whether a word means on or off.
fn toggle(word: &str) -> Option<bool> {
    let is = |texts: [&str; 2]| texts.iter().any(|text| text.eq_ignore_ascii_case(word));
    match () {
        () if is(["ON", "YES"]) => Some(true),
        () if is(["OFF", "NO"]) => Some(false),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::super::{Many, Number, Required, Switch, Text};
    use super::*;

    const COPY: Template = Template::parse("FROM/A/M,TO=AS/A,ALL/S,BUF=BUFFER/K/N,PAT/K,SAFE/T");
    const FROM: Many = COPY.many("FROM");
    const TO: Required = COPY.required("TO");
    const ALL: Switch = COPY.switch("ALL");
    const BUFFER: Number = COPY.number("BUFFER");
    const PAT: Text = COPY.text("PAT");
    const SAFE: Switch = COPY.switch("SAFE");

    fn copy(line: &str) -> Result<Args, ArgsError> {
        COPY.read(&words::split(line).unwrap())
    }

    #[test]
    fn words_by_place_and_by_name() {
        let args = copy("a b c all BUF=12 pat = #?.c safe yes").unwrap();
        assert_eq!(args.get(FROM), ["a", "b"]);
        assert_eq!(args.get(TO), "c");
        assert!(args.get(ALL) && args.get(SAFE));
        assert_eq!(args.get(BUFFER), Some(12));
        assert_eq!(args.get(PAT), Some("#?.c"));
    }

    #[test]
    fn absent_ones_have_no_value() {
        let args = copy("a TO b").unwrap();
        assert_eq!(
            (args.get(FROM), args.get(TO)),
            (&["a".to_string()][..], "b")
        );
        assert!(!args.get(ALL) && !args.get(SAFE));
        assert_eq!((args.get(BUFFER), args.get(PAT)), (None, None));
    }

    #[test]
    fn a_quoted_word_is_never_a_keyword() {
        let args = copy("\"all\" \"to=x\" c").unwrap();
        assert_eq!(args.get(FROM), ["all", "to=x"]);
        assert!(!args.get(ALL));
        let args = copy("a TO=\"b c\"").unwrap();
        assert_eq!(args.get(TO), "b c");
    }

    #[test]
    fn each_error_names_what_is_wrong() {
        for (line, number, word) in [
            ("", 116, "FROM"),
            ("a", 116, "FROM"),
            ("a b BUF", 117, "BUF"),
            ("a b BUF=x", 115, "x"),
            ("a TO b TO c", 118, "c"),
            ("a b SAFE maybe", 115, "maybe"),
        ] {
            let error = copy(line).unwrap_err();
            assert_eq!(error.number(), number, "{line}");
            assert!(std::format!("{error}").contains(word), "{line}: {error}");
        }
        const ONE: Template = Template::parse("NAME,QUIET/S");
        let error = ONE.read(&words::split("a b").unwrap()).unwrap_err();
        assert_eq!(error, ArgsError::TooMany("b".into()));
    }

    #[test]
    fn the_rest_of_the_line_keeps_its_quotes() {
        const SET: Template = Template::parse("NAME,STRING/F");
        const STRING: Text = SET.text("STRING");
        let read = |line: &str| {
            let args = SET.read(&words::split(line).unwrap()).unwrap();
            args.get(STRING).map(String::from)
        };
        assert_eq!(read("x a \"b c\" ALL").as_deref(), Some("a \"b c\" ALL"));
        assert_eq!(read("x \"b c\"").as_deref(), Some("b c"));
        assert_eq!(read("x"), None);
    }
}
