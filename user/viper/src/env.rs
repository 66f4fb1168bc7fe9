//! Arguments, variables and the current directory.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::startup::EntryKind;

use crate::assign::{self, Current};
use crate::fs;
use crate::sync::Mutex;

/// Variables of this process; `None` until they are first used.
static VARIABLES: Mutex<Option<Vec<(String, String)>>> = Mutex::new(None);

/// The arguments; the first is the name of the program.
pub fn args() -> Vec<String> {
    texts(EntryKind::Argument)
}

/// The arguments as one line with their quotes, where the parent gave them so.
pub fn command_line() -> Option<String> {
    texts(EntryKind::CommandLine).into_iter().next()
}

/// The name this program was started under.
pub fn program_name() -> Option<&'static str> {
    rt::startup::get()?.texts(EntryKind::Argument).next()
}

fn texts(kind: EntryKind) -> Vec<String> {
    let startup = rt::startup::get();
    startup.map_or_else(Vec::new, |startup| {
        startup.texts(kind).map(String::from).collect()
    })
}

/// Works with the variables of this process.
fn with_variables<T>(work: impl FnOnce(&mut Vec<(String, String)>) -> T) -> T {
    let mut variables = VARIABLES.lock();
    work(variables.get_or_insert_with(|| {
        texts(EntryKind::Variable)
            .iter()
            .filter_map(|text| text.split_once('='))
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect()
    }))
}

/// The value of a variable; names match in any case.
pub fn var(name: &str) -> Option<String> {
    with_variables(|all| {
        let found = all
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(found.1.clone())
    })
}

/// Sets a variable, for this process and those it starts.
pub fn set_var(name: &str, value: &str) {
    with_variables(|all| {
        match all
            .iter_mut()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
        {
            Some((_, old)) => *old = value.to_string(),
            None => all.push((name.to_string(), value.to_string())),
        }
    });
}

/// Forgets a variable; whether it was there.
pub fn remove_var(name: &str) -> bool {
    with_variables(|all| {
        let before = all.len();
        all.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        before != all.len()
    })
}

/// All variables, as name and value.
pub fn vars() -> Vec<(String, String)> {
    with_variables(|all| all.clone())
}

/// The full path of the current directory, such as `WORK:notes`.
pub fn current_dir() -> String {
    assign::with(|namespace| namespace.current().path.to_string())
}

/// Changes the current directory.
///
/// # Errors
///
/// `NotFound`, `NotDirectory`, … with the path.
pub fn set_current_dir(path: &str) -> Result<(), fs::Error> {
    let (directory, full) = fs::open_directory(path)?;
    assign::with(|namespace| {
        namespace.set_current(Current {
            path: full,
            directory: Some(Arc::new(directory)),
        });
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    #[test]
    fn variables_are_found_in_any_case() {
        set_var("Colour", "red");
        set_var("COLOUR", "blue");
        assert_eq!(var("colour").as_deref(), Some("blue"));
        assert_eq!(vars().len(), 1);
        assert!(remove_var("colour"));
        assert_eq!(var("colour"), None);
        assert!(!remove_var("colour"));
    }
}
