//! Rust sources as tokens: without comments, strings and test modules.

use std::path::Path;

use anyhow::{Context, anyhow};
use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::workspace;

/// One token, with groups opened up into their delimiters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The word or the single character.
    pub text: String,
    /// Line in the file, from 1.
    pub line: usize,
}

/// The tokens of a source file outside `#[cfg(test)]` items.
pub fn tokens_of_file(file: &Path) -> anyhow::Result<Vec<Token>> {
    tokens(&workspace::read_text(file)?)
        .with_context(|| format!("{} is no Rust source", file.display()))
}

/// The tokens of a source text outside `#[cfg(test)]` items.
pub fn tokens(source: &str) -> anyhow::Result<Vec<Token>> {
    let stream: TokenStream = source.parse().map_err(|error| anyhow!("{error}"))?;
    let mut tokens = Vec::new();
    flatten(stream, &mut tokens);
    Ok(tokens)
}

fn flatten(stream: TokenStream, out: &mut Vec<Token>) {
    let mut is_test_item = false;
    let trees: Vec<TokenTree> = stream.into_iter().collect();
    for (index, tree) in trees.iter().enumerate() {
        let line = tree.span().start().line;
        match tree {
            TokenTree::Group(group) => {
                let is_attribute = index > 0 && is_hash(&trees[index - 1]);
                if is_attribute && group.stream().to_string().replace(' ', "") == "cfg(test)" {
                    is_test_item = true;
                }
                let is_body = group.delimiter() == Delimiter::Brace;
                if is_test_item && is_body {
                    // The item ends with its body.
                    is_test_item = false;
                    continue;
                }
                let (open, close) = delimiters(group.delimiter());
                out.push(Token {
                    text: open.to_owned(),
                    line,
                });
                flatten(group.stream(), out);
                out.push(Token {
                    text: close.to_owned(),
                    line: group.span_close().start().line,
                });
            }
            TokenTree::Punct(punct) => {
                if punct.as_char() == ';' {
                    is_test_item = false;
                }
                out.push(Token {
                    text: punct.as_char().to_string(),
                    line,
                });
            }
            TokenTree::Ident(ident) => out.push(Token {
                text: ident.to_string(),
                line,
            }),
            TokenTree::Literal(_) => out.push(Token {
                text: "\"\"".to_owned(),
                line,
            }),
        }
    }
}

fn is_hash(tree: &TokenTree) -> bool {
    matches!(tree, TokenTree::Punct(punct) if punct.as_char() == '#')
}

fn delimiters(delimiter: Delimiter) -> (&'static str, &'static str) {
    match delimiter {
        Delimiter::Parenthesis => ("(", ")"),
        Delimiter::Brace => ("{", "}"),
        Delimiter::Bracket => ("[", "]"),
        Delimiter::None => ("", ""),
    }
}

/// A path such as `crate::fs::vfs`, word by word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedPath {
    /// The words, the first is what the path begins with.
    pub words: Vec<String>,
    /// Line in the file, from 1.
    pub line: usize,
}

/// Every path that begins with `first`, with the trees of `use` taken apart.
pub fn paths(tokens: &[Token], first: &str) -> Vec<NamedPath> {
    let mut found = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        let is_start = token.text == first && !is_after_colons(tokens, index);
        if is_start {
            let mut position = index;
            walk(tokens, &mut position, &mut Vec::new(), &mut found);
        }
    }
    found
}

fn is_after_colons(tokens: &[Token], index: usize) -> bool {
    index > 0 && tokens[index - 1].text == ":"
}

/// Reads one path, or one branch of a `use` tree, at `position`.
fn walk(
    tokens: &[Token],
    position: &mut usize,
    prefix: &mut Vec<String>,
    found: &mut Vec<NamedPath>,
) {
    let depth = prefix.len();
    let line = tokens.get(*position).map_or(0, |token| token.line);
    loop {
        match tokens.get(*position) {
            Some(token) if token.text == "{" => {
                *position += 1;
                branches(tokens, position, prefix, found);
                break;
            }
            Some(token) if is_word(&token.text) => prefix.push(token.text.clone()),
            _ => {
                found.push(NamedPath {
                    words: prefix.clone(),
                    line,
                });
                break;
            }
        }
        *position += 1;
        if !is_colons(tokens, *position) {
            found.push(NamedPath {
                words: prefix.clone(),
                line,
            });
            break;
        }
        *position += 2;
    }
    prefix.truncate(depth);
}

/// Reads the branches of a `use` tree up to its closing brace.
fn branches(
    tokens: &[Token],
    position: &mut usize,
    prefix: &mut Vec<String>,
    found: &mut Vec<NamedPath>,
) {
    while let Some(token) = tokens.get(*position) {
        match token.text.as_str() {
            "}" => {
                *position += 1;
                return;
            }
            "," => *position += 1,
            "as" => *position += 2,
            text if is_word(text) || text == "{" => walk(tokens, position, prefix, found),
            _ => *position += 1,
        }
    }
}

fn is_colons(tokens: &[Token], position: usize) -> bool {
    let is_colon = |at: usize| tokens.get(at).is_some_and(|token| token.text == ":");
    is_colon(position) && is_colon(position + 1)
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(source: &str) -> Vec<String> {
        let tokens = tokens(source).expect("Rust");
        paths(&tokens, "crate")
            .iter()
            .map(|path| path.words.join("::"))
            .collect()
    }

    #[test]
    fn use_trees_are_taken_apart() {
        assert_eq!(
            named("use crate::{a, b::{c, self as d}, e as f}; fn g() { crate::h::i(1); }"),
            [
                "crate::a",
                "crate::b::c",
                "crate::b::self",
                "crate::e",
                "crate::h::i"
            ]
        );
    }

    #[test]
    fn comments_strings_and_tests_do_not_count() {
        let source = r#"
            //! crate::a
            fn f() { let _ = "crate::b"; /* crate::c */ }
            #[cfg(test)]
            mod tests { use crate::d; }
            #[cfg(test)]
            use std::fmt;
            use crate::e;
        "#;
        assert_eq!(named(source), ["crate::e"]);
    }

    #[test]
    fn lines_are_those_of_the_file() {
        let tokens = tokens("\n\nuse crate::a;\n").expect("Rust");
        assert_eq!(paths(&tokens, "crate")[0].line, 3);
    }
}
