//! The language of the command line.
//!
//! A text is lines; a line is chains separated by `;`. A line whose first character is
//! `;` is a comment. A chain is pipelines with `&&` or `||` between them, a pipeline is
//! statements with `|` between them; these three are words of their own, so that `(a|b)`
//! stays a pattern. A statement is words (see [`viper::words`] for
//! quotes), variables (`$NAME`, `${NAME}`, also inside quotes), and redirections:
//! `<file`, `>file`, `>>file`, `2>file`, `2>>file`. An `&` at the end runs it in
//! the background.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::iter::Peekable;
use core::str::Chars;

use viper::words::Word;

/// Whether a file is emptied first or written at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// `>`
    Replace,
    /// `>>`
    Append,
}

/// One command with everything around it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statement {
    /// Name of the command and its arguments.
    pub words: Vec<Word>,
    /// `<`
    pub input: Option<String>,
    /// `>` and `>>`
    pub output: Option<(String, Placement)>,
    /// `2>` and `2>>`
    pub errors: Option<(String, Placement)>,
    /// `&`
    pub is_background: bool,
}

/// Why a text is no statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyntaxError {
    /// A quote has no partner.
    UnclosedQuote,
    /// `${` without `}`.
    UnclosedBrace,
    /// A redirection without a file name.
    NoFile,
    /// Two redirections of the same stream.
    Twice,
    /// `|`, `&&` or `||` without a command on one side.
    OneSided,
    /// Redirections without a command.
    NoCommand,
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            SyntaxError::UnclosedQuote => "a quote (\") is not closed",
            SyntaxError::UnclosedBrace => "${ is not closed by }",
            SyntaxError::NoFile => "a redirection (< > >> 2>) needs a file name behind it",
            SyntaxError::Twice => "the same stream is redirected twice",
            SyntaxError::OneSided => {
                "there must be a command on both sides of | && ||; quotes make them a text"
            }
            SyntaxError::NoCommand => "there is a redirection but no command",
        })
    }
}

/// Splits a text into statements, without looking at what is in them.
pub fn statements(text: &str) -> Vec<&str> {
    let mut all = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with(';') {
            continue;
        }
        let mut start = 0;
        let mut is_quoted = false;
        let mut is_escaped = false;
        for (index, c) in line.char_indices() {
            match c {
                _ if is_escaped => is_escaped = false,
                '*' if is_quoted => is_escaped = true,
                '"' => is_quoted = !is_quoted,
                ';' if !is_quoted => {
                    all.push(line.get(start..index).unwrap_or(""));
                    start = index.saturating_add(1);
                }
                _ => {}
            }
        }
        all.push(line.get(start..).unwrap_or(""));
    }
    all.retain(|statement| !statement.trim().is_empty());
    all
}

/// When a pipeline of a chain runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// In any case: the first one.
    Always,
    /// `&&`: where the return code is 0.
    Success,
    /// `||`: where it is not.
    Failure,
}

/// Splits a chain into pipelines and says when each of them runs.
pub fn chain(text: &str) -> Vec<(Condition, &str)> {
    let pieces = pieces(text, |word| matches!(word, "&&" | "||"));
    let condition = |separator| match separator {
        "&&" => Condition::Success,
        "||" => Condition::Failure,
        _ => Condition::Always,
    };
    pieces
        .into_iter()
        .map(|(separator, piece)| (condition(separator), piece))
        .collect()
}

/// Splits a pipeline into statements.
pub fn pipeline(text: &str) -> Vec<&str> {
    let pieces = pieces(text, |word| word == "|");
    pieces.into_iter().map(|(_, piece)| piece).collect()
}

/// Splits a text at words outside of quotes that separate; each piece with the separator
/// before it, the first with an empty one.
fn pieces(text: &str, separates: impl Fn(&str) -> bool) -> Vec<(&str, &str)> {
    let mut all = Vec::new();
    let (mut separator, mut start) = ("", 0);
    let mut word_start = None;
    let (mut is_quoted, mut is_escaped) = (false, false);
    let ends = text.char_indices().chain([(text.len(), ' ')]);
    for (index, c) in ends {
        if c.is_whitespace() && !is_quoted {
            let Some(first) = core::mem::take(&mut word_start) else {
                continue;
            };
            let word = text.get(first..index).unwrap_or("");
            if separates(word) {
                all.push((separator, text.get(start..first).unwrap_or("")));
                (separator, start) = (word, index);
            }
            continue;
        }
        word_start = word_start.or(Some(index));
        match c {
            _ if is_escaped => is_escaped = false,
            '*' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ => {}
        }
    }
    all.push((separator, text.get(start..).unwrap_or("")));
    all
}

/// Reads one statement; `variable` gives the value of a variable.
///
/// # Errors
///
/// [`SyntaxError`] says what is wrong.
pub fn parse(
    text: &str,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Statement, SyntaxError> {
    let mut lexer = Lexer {
        chars: text.chars().peekable(),
        variable,
    };
    let mut statement = Statement::default();
    while let Some(token) = lexer.token()? {
        match token {
            Token::Word(word)
                if !word.quoted && matches!(word.text.as_str(), "|" | "&&" | "||") =>
            {
                return Err(SyntaxError::OneSided);
            }
            Token::Word(word) => statement.words.push(word),
            Token::Input => set(&mut statement.input, lexer.file()?)?,
            Token::Output(how) => set(&mut statement.output, (lexer.file()?, how))?,
            Token::Errors(how) => set(&mut statement.errors, (lexer.file()?, how))?,
        }
    }
    let is_and = |word: &Word| !word.quoted && word.text == "&";
    if statement.words.last().is_some_and(is_and) {
        statement.words.pop();
        statement.is_background = true;
    }
    if statement.words.is_empty() {
        let is_empty = statement == Statement::default();
        return Err(if is_empty {
            SyntaxError::OneSided
        } else {
            SyntaxError::NoCommand
        });
    }
    Ok(statement)
}

/// Fills a place that may be filled once.
fn set<T>(place: &mut Option<T>, value: T) -> Result<(), SyntaxError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(SyntaxError::Twice),
    }
}

/// What a statement is made of.
enum Token {
    Word(Word),
    Input,
    Output(Placement),
    Errors(Placement),
}

/// Reads tokens from left to right.
struct Lexer<'a> {
    chars: Peekable<Chars<'a>>,
    variable: &'a dyn Fn(&str) -> Option<String>,
}

impl Lexer<'_> {
    /// The next token; `None` at the end.
    fn token(&mut self) -> Result<Option<Token>, SyntaxError> {
        while self.chars.next_if(|c| c.is_whitespace()).is_some() {}
        let Some(&first) = self.chars.peek() else {
            return Ok(None);
        };
        let redirection = match first {
            '<' => {
                self.chars.next();
                Some(Token::Input)
            }
            '>' => Some(Token::Output(self.placement())),
            '2' => {
                let mut ahead = self.chars.clone();
                ahead.next();
                if ahead.peek() == Some(&'>') {
                    self.chars.next();
                    Some(Token::Errors(self.placement()))
                } else {
                    None
                }
            }
            _ => None,
        };
        match redirection {
            Some(token) => Ok(Some(token)),
            None => Ok(Some(Token::Word(self.word()?))),
        }
    }

    /// Takes `>` or `>>`.
    fn placement(&mut self) -> Placement {
        self.chars.next();
        match self.chars.next_if_eq(&'>') {
            Some(_) => Placement::Append,
            None => Placement::Replace,
        }
    }

    /// The file name behind a redirection.
    fn file(&mut self) -> Result<String, SyntaxError> {
        match self.token()? {
            Some(Token::Word(word)) => Ok(word.text),
            _ => Err(SyntaxError::NoFile),
        }
    }

    /// A word, up to a blank or a redirection.
    fn word(&mut self) -> Result<Word, SyntaxError> {
        let quoted = self.chars.peek() == Some(&'"');
        let mut word = Word {
            text: String::new(),
            quoted,
        };
        while let Some(c) = self
            .chars
            .next_if(|c| !c.is_whitespace() && *c != '<' && *c != '>')
        {
            match c {
                '"' => self.quoted(&mut word.text)?,
                '$' => self.variable(&mut word.text)?,
                other => word.text.push(other),
            }
        }
        Ok(word)
    }

    /// What follows an opening quote, up to its partner.
    fn quoted(&mut self, text: &mut String) -> Result<(), SyntaxError> {
        loop {
            match self.chars.next().ok_or(SyntaxError::UnclosedQuote)? {
                '"' => return Ok(()),
                '$' => self.variable(text)?,
                '*' => {
                    let code = self.chars.next().ok_or(SyntaxError::UnclosedQuote)?;
                    text.push(viper::words::escaped(code));
                }
                other => text.push(other),
            }
        }
    }

    /// What follows a `$`: its value, or where there is none, as it was written.
    fn variable(&mut self, text: &mut String) -> Result<(), SyntaxError> {
        let in_braces = self.chars.next_if_eq(&'{').is_some();
        let mut name = String::new();
        while let Some(c) = self.chars.next_if(|c| c.is_alphanumeric() || *c == '_') {
            name.push(c);
        }
        if in_braces && self.chars.next_if_eq(&'}').is_none() {
            return Err(SyntaxError::UnclosedBrace);
        }
        match (self.variable)(&name) {
            Some(value) if !name.is_empty() => text.push_str(&value),
            _ if in_braces => text.push_str(&alloc::format!("${{{name}}}")),
            _ => {
                text.push('$');
                text.push_str(&name);
            }
        }
        Ok(())
    }
}

impl Statement {
    /// The name of the command.
    pub fn name(&self) -> &str {
        self.words.first().map_or("", |word| word.text.as_str())
    }

    /// Its arguments.
    pub fn arguments(&self) -> &[Word] {
        self.words.get(1..).unwrap_or(&[])
    }

    /// The command as text, for lists of jobs.
    pub fn text(&self) -> String {
        viper::words::join(&self.words).to_string()
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    fn variable(name: &str) -> Option<String> {
        match name.to_ascii_uppercase().as_str() {
            "RC" => Some("5".into()),
            "NAME" => Some("a b".into()),
            _ => None,
        }
    }

    fn words(text: &str) -> Vec<String> {
        let statement = parse(text, &variable).unwrap();
        statement.words.into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn semicolons_and_lines_separate_statements() {
        assert_eq!(statements("a; b ;; c\nd"), ["a", " b ", " c", "d"]);
        assert_eq!(statements("; a comment; all of it\nb"), ["b"]);
        assert_eq!(
            statements("Echo \"a;b*\";c\"; d"),
            ["Echo \"a;b*\";c\"", " d"]
        );
        assert_eq!(statements("  \n"), Vec::<&str>::new());
    }

    #[test]
    fn variables_are_replaced_and_never_split() {
        assert_eq!(words("Echo $RC x$rc ${RC}1"), ["Echo", "5", "x5", "51"]);
        assert_eq!(words("Echo $NAME \"<$name>\""), ["Echo", "a b", "<a b>"]);
        assert_eq!(
            words("Echo $none ${none} $ \"*$RC\""),
            ["Echo", "$none", "${none}", "$", "$RC"]
        );
    }

    #[test]
    fn redirections_stand_anywhere() {
        let statement = parse("Echo >WORK:a/x hello", &variable).unwrap();
        assert_eq!(
            statement.output,
            Some(("WORK:a/x".into(), Placement::Replace))
        );
        assert_eq!(statement.arguments(), [Word::plain("hello")]);
        let statement = parse("Type<in >> \"my out\" 2>err 22>x", &variable);
        assert_eq!(statement, Err(SyntaxError::Twice));
        let statement = parse("Type<in >> \"my out\" 2>err 22", &variable).unwrap();
        assert_eq!(statement.input.as_deref(), Some("in"));
        assert_eq!(statement.output, Some(("my out".into(), Placement::Append)));
        assert_eq!(statement.errors, Some(("err".into(), Placement::Replace)));
        assert_eq!(statement.words.len(), 2);
    }

    #[test]
    fn chains_and_pipelines_are_split_at_words_alone() {
        assert_eq!(
            chain("a \"&&\" && b x&&y || c | d"),
            [
                (Condition::Always, "a \"&&\" "),
                (Condition::Success, " b x&&y "),
                (Condition::Failure, " c | d"),
            ]
        );
        assert_eq!(
            pipeline("Dir (a|b) | Type \"x | y\"|z"),
            ["Dir (a|b) ", " Type \"x | y\"|z"]
        );
        assert_eq!(pipeline("a | "), ["a ", " "]);
        assert_eq!(pipeline("a \"*\" | b\" | c"), ["a \"*\" | b\" ", " c"]);
        assert_eq!(chain("a"), [(Condition::Always, "a")]);
    }

    #[test]
    fn errors_say_what_is_wrong() {
        for (text, error) in [
            ("Echo \"a", SyntaxError::UnclosedQuote),
            ("Echo ${a", SyntaxError::UnclosedBrace),
            ("Echo >", SyntaxError::NoFile),
            ("Echo > >x", SyntaxError::NoFile),
            (">x", SyntaxError::NoCommand),
            ("Dir | Sort", SyntaxError::OneSided),
            ("  ", SyntaxError::OneSided),
        ] {
            assert_eq!(parse(text, &variable), Err(error), "{text}");
        }
        assert!(parse("Dir \"|\" (a|b)", &variable).is_ok());
    }

    #[test]
    fn an_ampersand_at_the_end_is_background() {
        assert!(parse("Dir &", &variable).unwrap().is_background);
        assert!(!parse("Dir \"&\"", &variable).unwrap().is_background);
    }
}
