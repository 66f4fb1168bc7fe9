//! AmigaDOS patterns: `#?`, `?`, `(a|b)`, `~x`, `[a-z]`, `%`, `'c`, `*`.
//!
//! Matching ignores case. A pattern is a tree; matching computes, for a node and
//! a set of positions in the name, the set of positions it can end at, so the
//! cost is bounded by pattern length times the square of the name's length
//! whatever the pattern.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

/// Longest pattern, in characters.
pub const PATTERN_CHARS_MAX: usize = 512;
/// Deepest nesting of brackets and prefixes.
const DEPTH_MAX: usize = 32;

/// A compiled pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    root: Node,
}

/// Part of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    /// This character.
    Char(char),
    /// `?`: any one character.
    Any,
    /// `#x`: any number of x.
    Repeat(Box<Node>),
    /// `~x`: whatever is not x.
    Not(Box<Node>),
    /// `[a-z]`, or `[~a-z]` for any other character.
    Class {
        ranges: Vec<(char, char)>,
        inverted: bool,
    },
    /// `(a|b)`.
    OneOf(Vec<Node>),
    /// One after the other; `%` is an empty one.
    Sequence(Vec<Node>),
}

/// Why a text is no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatternError {
    /// A `(` or `[` is not closed.
    Unclosed,
    /// A `)` or `]` closes nothing.
    Unopened,
    /// `#`, `~` or `'` has nothing behind it.
    Dangling,
    /// Too long or too deeply nested.
    TooComplex,
}

impl fmt::Display for PatternError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            PatternError::Unclosed => "the pattern has a bracket that is not closed",
            PatternError::Unopened => "the pattern closes a bracket that is not open",
            PatternError::Dangling => "the pattern ends where something must follow",
            PatternError::TooComplex => "the pattern is too long",
        })
    }
}

/// Whether a text has any character with a meaning in patterns.
pub fn is_pattern(text: &str) -> bool {
    text.contains(['#', '?', '(', '|', '~', '[', '%', '\'', '*'])
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    ///
    /// [`PatternError`] says what is wrong.
    pub fn parse(text: &str) -> Result<Pattern, PatternError> {
        let chars: Vec<char> = text.chars().collect();
        if chars.len() > PATTERN_CHARS_MAX {
            return Err(PatternError::TooComplex);
        }
        let mut parser = Parser {
            chars: &chars,
            next: 0,
        };
        let root = parser.alternatives(0)?;
        match parser.peek() {
            None => Ok(Pattern { root }),
            Some(_) => Err(PatternError::Unopened),
        }
    }

    /// Whether the whole of `name` fits.
    pub fn matches(&self, name: &str) -> bool {
        let name: Vec<char> = name.chars().map(fold).collect();
        let start = Ends::only(0, name.len());
        self.root.ends(&name, &start).contains(name.len())
    }
}

/// A character without regard to case.
fn fold(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}

/// Reads a pattern from left to right.
struct Parser<'a> {
    chars: &'a [char],
    next: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.next).copied()
    }

    fn take(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.next = self.next.saturating_add(1);
        Some(c)
    }

    /// `a|b|c`, up to the end or a closing bracket.
    fn alternatives(&mut self, depth: usize) -> Result<Node, PatternError> {
        let mut choices = Vec::new();
        loop {
            let mut sequence = Vec::new();
            while self.peek().is_some_and(|c| c != '|' && c != ')') {
                sequence.push(self.item(depth)?);
            }
            choices.push(Node::Sequence(sequence));
            if self.peek() != Some('|') {
                break;
            }
            self.take();
        }
        match choices.pop() {
            Some(only) if choices.is_empty() => Ok(only),
            Some(last) => {
                choices.push(last);
                Ok(Node::OneOf(choices))
            }
            None => Ok(Node::Sequence(Vec::new())),
        }
    }

    /// One character, class, bracket or prefixed item.
    fn item(&mut self, depth: usize) -> Result<Node, PatternError> {
        if depth > DEPTH_MAX {
            return Err(PatternError::TooComplex);
        }
        let deeper = depth.saturating_add(1);
        match self.take().ok_or(PatternError::Dangling)? {
            '?' => Ok(Node::Any),
            '*' => Ok(Node::Repeat(Box::new(Node::Any))),
            '%' => Ok(Node::Sequence(Vec::new())),
            '#' => Ok(Node::Repeat(Box::new(self.item(deeper)?))),
            '~' => Ok(Node::Not(Box::new(self.item(deeper)?))),
            '\'' => Ok(Node::Char(fold(self.take().ok_or(PatternError::Dangling)?))),
            '[' => self.class(),
            ']' => Err(PatternError::Unopened),
            '(' => {
                let inner = self.alternatives(deeper)?;
                match self.take() {
                    Some(')') => Ok(inner),
                    _ => Err(PatternError::Unclosed),
                }
            }
            c => Ok(Node::Char(fold(c))),
        }
    }

    /// What follows `[`, up to `]`.
    fn class(&mut self) -> Result<Node, PatternError> {
        let inverted = self.peek() == Some('~');
        if inverted {
            self.take();
        }
        let mut ranges = Vec::new();
        loop {
            let first = match self.take().ok_or(PatternError::Unclosed)? {
                ']' => return Ok(Node::Class { ranges, inverted }),
                '\'' => self.take().ok_or(PatternError::Unclosed)?,
                c => c,
            };
            let last = if self.peek() == Some('-')
                && self
                    .chars
                    .get(self.next.saturating_add(1))
                    .is_some_and(|c| *c != ']')
            {
                self.take();
                self.take().ok_or(PatternError::Unclosed)?
            } else {
                first
            };
            ranges.push((fold(first), fold(last)));
        }
    }
}

/// A set of positions in a name, from 0 to its length.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Ends {
    at: Vec<bool>,
}

impl Ends {
    fn none(name_len: usize) -> Ends {
        Ends {
            at: alloc::vec![false; name_len.saturating_add(1)],
        }
    }

    fn only(position: usize, name_len: usize) -> Ends {
        let mut ends = Ends::none(name_len);
        ends.insert(position);
        ends
    }

    fn insert(&mut self, position: usize) {
        if let Some(slot) = self.at.get_mut(position) {
            *slot = true;
        }
    }

    fn contains(&self, position: usize) -> bool {
        self.at.get(position).copied().unwrap_or(false)
    }

    fn positions(&self) -> impl Iterator<Item = usize> + '_ {
        self.at
            .iter()
            .enumerate()
            .filter(|(_, is_in)| **is_in)
            .map(|(position, _)| position)
    }

    /// Adds the other set; whether that changed anything.
    fn merge(&mut self, other: &Ends) -> bool {
        let before = self.at.iter().filter(|is_in| **is_in).count();
        for position in other.positions() {
            self.insert(position);
        }
        before != self.at.iter().filter(|is_in| **is_in).count()
    }
}

impl Node {
    /// Where matches can end that begin at any of `starts`.
    fn ends(&self, name: &[char], starts: &Ends) -> Ends {
        match self {
            Node::Char(c) => step(name, starts, |n| n == *c),
            Node::Any => step(name, starts, |_| true),
            Node::Class { ranges, inverted } => step(name, starts, |n| {
                ranges
                    .iter()
                    .any(|(first, last)| (*first..=*last).contains(&n))
                    != *inverted
            }),
            Node::Repeat(inner) => {
                let mut all = starts.clone();
                while all.merge(&inner.ends(name, &all)) {}
                all
            }
            Node::Sequence(items) => items
                .iter()
                .fold(starts.clone(), |ends, item| item.ends(name, &ends)),
            Node::OneOf(choices) => {
                let mut all = Ends::none(name.len());
                for choice in choices {
                    all.merge(&choice.ends(name, starts));
                }
                all
            }
            Node::Not(inner) => {
                let mut all = Ends::none(name.len());
                for start in starts.positions() {
                    let matched = inner.ends(name, &Ends::only(start, name.len()));
                    (start..=name.len())
                        .filter(|end| !matched.contains(*end))
                        .for_each(|end| all.insert(end));
                }
                all
            }
        }
    }
}

/// Goes over one character that `accepts` likes.
fn step(name: &[char], starts: &Ends, accepts: impl Fn(char) -> bool) -> Ends {
    let mut ends = Ends::none(name.len());
    for start in starts.positions() {
        if name.get(start).is_some_and(|c| accepts(*c)) {
            ends.insert(start.saturating_add(1));
        }
    }
    ends
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    fn fits(pattern: &str, name: &str) -> bool {
        Pattern::parse(pattern).unwrap().matches(name)
    }

    #[test]
    fn every_operator_has_a_match_and_a_miss() {
        for (pattern, hit, miss) in [
            ("abc", "ABC", "abcd"),
            ("a?c", "axc", "ac"),
            ("#?.rs", "main.rs", "main.c"),
            ("*.rs", "MAIN.RS", "main.rsx"),
            ("#ab", "aaab", "aac"),
            ("(a|bc)d", "bcd", "abd"),
            ("~(#?.rs)", "main.c", "main.rs"),
            ("[a-c]x", "Bx", "dx"),
            ("[~a-c]x", "dx", "bx"),
            ("a'?b", "a?b", "axb"),
            ("(%|x)y", "y", "zy"),
            ("#(ab)", "abab", "aba"),
            ("", "", "x"),
            ("[-a]", "-", "b"),
            ("ä?", "Äx", "ax"),
        ] {
            assert!(fits(pattern, hit), "{pattern} {hit}");
            assert!(!fits(pattern, miss), "{pattern} {miss}");
        }
    }

    #[test]
    fn malformed_patterns_are_errors() {
        for (text, error) in [
            ("(a", PatternError::Unclosed),
            ("[a", PatternError::Unclosed),
            ("a)", PatternError::Unopened),
            ("a]", PatternError::Unopened),
            ("a#", PatternError::Dangling),
            ("~", PatternError::Dangling),
        ] {
            assert_eq!(Pattern::parse(text), Err(error), "{text}");
        }
        assert_eq!(
            Pattern::parse(&"(".repeat(100)),
            Err(PatternError::TooComplex)
        );
        assert_eq!(
            Pattern::parse(&"a".repeat(600)),
            Err(PatternError::TooComplex)
        );
    }

    #[test]
    fn many_stars_end_soon() {
        let pattern = "#?a".repeat(40) + "b";
        assert!(!fits(&pattern, &"a".repeat(255)));
        assert!(fits(&pattern, &("a".repeat(254) + "b")));
    }
}
