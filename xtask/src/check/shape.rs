//! The shape of sources: module documentation, sizes of files and functions.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::workspace;

use super::Findings;

/// Folders with sources of our own.
const FOLDERS: [&str; 5] = ["abi/src", "kernel/src", "tools/src", "user", "xtask/src"];

/// Longest first line of a module's documentation, in characters after `//! `.
const TITLE_MAX: usize = 80;

/// Sizes above which a second look is due, in lines.
const FILE_LINES: usize = 600;
const FUNCTION_LINES: usize = 70;

/// Sources that are out of shape.
pub fn findings() -> anyhow::Result<Findings> {
    let mut findings = Findings::new();
    for folder in FOLDERS {
        for file in workspace::files_with_extension(&workspace::root().join(folder), "rs")? {
            let text = workspace::read_text(&file)?;
            let shown = workspace::relative(&file);
            for finding in examine(&text) {
                findings.push(format!("{}{finding}", shown.display()));
            }
        }
    }
    Ok(findings)
}

/// Findings in one source, each beginning with what follows the file's name.
fn examine(text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    match text
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("//! "))
    {
        None => findings.push(": the first line does not say what the module is".to_owned()),
        Some(title) if title.chars().count() > TITLE_MAX => {
            findings.push(format!(
                ":1: the title has more than {TITLE_MAX} characters"
            ));
        }
        Some(_) => {}
    }
    let lines = text.lines().count();
    if lines > FILE_LINES {
        findings.push(format!(": {lines} lines"));
    }
    if let Ok(stream) = text.parse::<TokenStream>() {
        functions(stream, &mut findings);
    }
    findings
}

/// Finds long functions, those inside others as well.
fn functions(stream: TokenStream, findings: &mut Vec<String>) {
    let mut name = None;
    let mut after_fn = false;
    for tree in stream {
        match tree {
            TokenTree::Ident(ident) if after_fn => {
                name = Some(ident);
                after_fn = false;
            }
            TokenTree::Ident(ident) => after_fn = ident == "fn",
            TokenTree::Punct(punct) if punct.as_char() == ';' => name = None,
            TokenTree::Group(group) => {
                let is_body = group.delimiter() == Delimiter::Brace;
                if let Some(name) = name.take_if(|_| is_body) {
                    let first = name.span().start().line;
                    let lines = group.span_close().start().line.saturating_sub(first) + 1;
                    if lines > FUNCTION_LINES {
                        findings.push(format!(":{first}: function {name} has {lines} lines"));
                    }
                }
                functions(group.stream(), findings);
            }
            _ => after_fn = false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_out_of_shape_are_found() {
        assert!(examine("//! A thing.\n\nfn f() {}\n").is_empty());
        assert_eq!(examine("fn f() {}\n").len(), 1);
        assert_eq!(examine(&format!("//! {}\n", "x".repeat(81))).len(), 1);
        let long = format!(
            "//! A thing.\nimpl A {{ fn long() {{\n{}}} }}",
            "g();\n".repeat(80)
        );
        assert_eq!(examine(&long), [":2: function long has 82 lines"]);
        assert_eq!(
            examine(&format!("//! A thing.\n{}", "\n".repeat(700))).len(),
            1
        );
    }
}
