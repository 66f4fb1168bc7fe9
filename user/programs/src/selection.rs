//! The files a command is to work on: paths and patterns.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use viper::pattern::{self, Pattern};
use viper::{Failure, fs, path};

/// The paths a word stands for: itself where there is such a file, else everything
/// that fits it as a pattern, sorted.
///
/// # Errors
///
/// Where the directory of a pattern cannot be read, the pattern is malformed, or
/// nothing fits it. A word that is no pattern is not looked up.
pub fn expand(word: &str) -> Result<Vec<String>, Failure> {
    let (directory, last) = path::split_last(word);
    if !pattern::is_pattern(last) || fs::exists(word).unwrap_or(false) {
        return Ok(alloc::vec![word.to_string()]);
    }
    let pattern = Pattern::parse(last)?;
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if pattern.matches(entry.name()) {
            paths.push(path::join(directory, entry.name()));
        }
    }
    if paths.is_empty() {
        return Err(Failure {
            rc: viper::Rc::ERROR,
            reason: Some(abi::Error::NotFound),
            text: alloc::format!("nothing fits {word}"),
        });
    }
    sort(&mut paths, |path| path);
    Ok(paths)
}

/// The paths all words stand for, in the order of the words; failures are told and
/// counted.
pub fn expand_all(words: &[String], tally: &mut viper::program::Tally) -> Vec<String> {
    let expanded = words.iter().filter_map(|word| tally.check(expand(word)));
    expanded.flatten().collect()
}

/// Sorts by name without regard to case; names that differ in case only keep one order.
pub fn sort<T>(all: &mut [T], name: impl Fn(&T) -> &str) {
    all.sort_by(|a, b| {
        let (a, b) = (name(a), name(b));
        let folded = |text: &str| {
            text.chars()
                .flat_map(char::to_lowercase)
                .collect::<String>()
        };
        folded(a).cmp(&folded(b)).then_with(|| a.cmp(b))
    });
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    #[test]
    fn sorting_ignores_case() {
        let mut names = ["b", "A", "a", "B", "_"];
        sort(&mut names, |name| name);
        assert_eq!(names, ["_", "A", "a", "B", "b"]);
    }

    #[test]
    fn a_plain_word_is_itself() {
        assert_eq!(expand("WORK:x").unwrap(), ["WORK:x"]);
        assert!(expand("WORK:(x").is_err());
    }
}
