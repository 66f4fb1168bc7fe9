//! Paths as text: `NAME:a/b`, and how a relative one is read.
//!
//! A path has an assign name before its first `:`, and names separated by `/`.
//! Nothing between two slashes, or before the first, is the parent directory, as
//! in AmigaDOS; so are `..`, while `.` is where one is. No path climbs above the
//! root of its assign. A slash at the end means nothing.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

/// A path that names its assign and has no parent steps left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FullPath {
    /// Name of the assign without its colon; as written, any case.
    pub assign: String,
    /// Names below the assign, none of them empty.
    pub names: Vec<String>,
}

/// Why a text is no path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathError {
    /// More parent steps than there are directories.
    AboveRoot,
    /// A name holds a `:` or a zero byte.
    BadName,
    /// A name is longer than 255 bytes.
    NameTooLong,
}

impl FullPath {
    /// Reads `text`; where it is relative, from `current`.
    ///
    /// # Errors
    ///
    /// [`PathError`] says what is wrong.
    pub fn resolve(text: &str, current: &FullPath) -> Result<FullPath, PathError> {
        let (mut path, rest) = match text.split_once(':') {
            Some(("", rest)) => (FullPath::root(&current.assign), rest),
            Some((assign, _)) if assign.contains('/') => return Err(PathError::BadName),
            Some((assign, rest)) => (FullPath::root(assign), rest),
            None => (current.clone(), text),
        };
        if rest.is_empty() {
            return Ok(path);
        }
        // The last slash separates nothing: `a/` is `a`, `/` one parent step, not two.
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        for name in rest.split('/') {
            path.step(name)?;
        }
        Ok(path)
    }

    /// The root of an assign.
    pub fn root(assign: &str) -> FullPath {
        FullPath {
            assign: assign.to_string(),
            names: Vec::new(),
        }
    }

    /// Goes one name further.
    fn step(&mut self, name: &str) -> Result<(), PathError> {
        match name {
            "" | ".." => self.names.pop().map(|_| ()).ok_or(PathError::AboveRoot),
            "." => Ok(()),
            name if name.len() > abi::fs::NAME_MAX => Err(PathError::NameTooLong),
            name if name.contains([':', '\0']) => Err(PathError::BadName),
            name => {
                self.names.push(name.to_string());
                Ok(())
            }
        }
    }

    /// The names with slashes between them, as the kernel takes it.
    pub fn below(&self) -> String {
        self.names.join("/")
    }

    /// The names that lead from `base` to here, where this lies in `base`.
    pub fn relative_to(&self, base: &FullPath) -> Option<String> {
        if !self.assign.eq_ignore_ascii_case(&base.assign) {
            return None;
        }
        let rest = self.names.strip_prefix(base.names.as_slice())?;
        Some(rest.join("/"))
    }

    /// The last name; `None` for the root of an assign.
    pub fn file_name(&self) -> Option<&str> {
        self.names.last().map(String::as_str)
    }
}

impl fmt::Display for FullPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.assign, self.below())
    }
}

/// Puts a name behind a directory, with the separator that is needed.
pub fn join(directory: &str, name: &str) -> String {
    let mut path = String::from(directory);
    if !path.is_empty() && !path.ends_with([':', '/']) {
        path.push('/');
    }
    path.push_str(name);
    path
}

/// The text before the last name, and the last name.
pub fn split_last(path: &str) -> (&str, &str) {
    match path.rfind([':', '/']) {
        Some(index) => path.split_at(index.saturating_add(1)),
        None => ("", path),
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    fn resolve(text: &str) -> Result<String, PathError> {
        let current = FullPath {
            assign: "WORK".into(),
            names: ["a".into(), "b".into()].into(),
        };
        FullPath::resolve(text, &current).map(|path| path.to_string())
    }

    #[test]
    fn names_and_assigns() {
        for (text, full) in [
            ("", "WORK:a/b"),
            ("c", "WORK:a/b/c"),
            ("c/", "WORK:a/b/c"),
            ("SYS:C/Dir", "SYS:C/Dir"),
            ("SYS:", "SYS:"),
            (":", "WORK:"),
            (":x", "WORK:x"),
            ("./c/.", "WORK:a/b/c"),
        ] {
            assert_eq!(resolve(text).as_deref(), Ok(full), "{text}");
        }
    }

    #[test]
    fn parents() {
        for (text, full) in [
            ("/", "WORK:a"),
            ("//", "WORK:"),
            ("/c", "WORK:a/c"),
            ("..", "WORK:a"),
            ("../c", "WORK:a/c"),
            ("c//d", "WORK:a/b/d"),
            ("SYS:x/../y", "SYS:y"),
        ] {
            assert_eq!(resolve(text).as_deref(), Ok(full), "{text}");
        }
        assert_eq!(resolve("///"), Err(PathError::AboveRoot));
        assert_eq!(resolve("SYS:/"), Err(PathError::AboveRoot));
    }

    #[test]
    fn bad_names() {
        assert_eq!(resolve("a/b:c"), Err(PathError::BadName));
        assert_eq!(resolve("SYS:a:b"), Err(PathError::BadName));
        let name = "n".repeat(255);
        assert!(resolve(&name).is_ok());
        assert_eq!(resolve(&(name + "n")), Err(PathError::NameTooLong));
    }

    #[test]
    fn relative_part() {
        let base = FullPath {
            assign: "WORK".into(),
            names: ["a".into()].into(),
        };
        let path = FullPath {
            assign: "work".into(),
            names: ["a".into(), "b".into()].into(),
        };
        assert_eq!(path.relative_to(&base).as_deref(), Some("b"));
        assert_eq!(base.relative_to(&path), None);
        assert_eq!(join("WORK:", "x"), "WORK:x");
        assert_eq!(join("WORK:a", "x"), "WORK:a/x");
        assert_eq!(split_last("WORK:a/x"), ("WORK:a/", "x"));
        assert_eq!(split_last("x"), ("", "x"));
    }
}
