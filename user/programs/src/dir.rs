//! `Dir`: the names in a directory, in two columns.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use viper::args::{Args, Switch, Template, Text};
use viper::program::Tally;
use viper::{Outcome, Program, fs, println};

use crate::tree::{self, Walk};

const TEMPLATE: Template = Template::parse("DIR,ALL/S,DIRS/S,FILES/S");
const DIR: Text = TEMPLATE.text("DIR");
const ALL: Switch = TEMPLATE.switch("ALL");
const DIRS: Switch = TEMPLATE.switch("DIRS");
const FILES: Switch = TEMPLATE.switch("FILES");

/// The command `Dir`.
pub const PROGRAM: Program = Program {
    name: "Dir",
    template: TEMPLATE,
    summary: "Lists the names in a directory.",
    help: "Directories come first, then files in two columns. DIRS and FILES show only those; \
           ALL goes into every directory.",
    main,
};

/// Width of the left column.
const COLUMN: usize = 32;

fn main(args: &Args) -> Outcome {
    let directory = args.get(DIR).unwrap_or("");
    let shows = Shows {
        directories: args.get(DIRS) || !args.get(FILES),
        files: args.get(FILES) || !args.get(DIRS),
    };
    let mut tally = Tally::new(PROGRAM.name);
    if args.get(ALL) {
        for (node, result) in Walk::new(directory)? {
            if (node.is_dir && shows.directories) || (!node.is_dir && shows.files) {
                let indent = node.depth.saturating_add(1).saturating_mul(2);
                let (_, name) = viper::path::split_last(&node.path);
                let mark = if node.is_dir { " (dir)" } else { "" };
                println!("{:indent$}{name}{mark}", "");
            }
            tally.check(result);
        }
        return tally.outcome();
    }
    show(directory, shows)?;
    tally.outcome()
}

/// What is shown.
#[derive(Clone, Copy)]
struct Shows {
    directories: bool,
    files: bool,
}

/// Shows one directory.
fn show(directory: &str, shows: Shows) -> fs::Result<()> {
    let entries = tree::sorted(directory)?;
    let (directories, files): (Vec<_>, Vec<_>) = entries.iter().partition(|entry| entry.is_dir());
    if shows.directories {
        directories
            .iter()
            .for_each(|entry| println!("     {} (dir)", entry.name()));
    }
    if shows.files {
        let names: Vec<&str> = files.iter().map(|entry| entry.name()).collect();
        names.chunks(2).for_each(|pair| println!("{}", row(pair)));
    }
    Ok(())
}

/// One row of two columns.
fn row(pair: &[&str]) -> String {
    match pair {
        [left, right] if left.chars().count() < COLUMN => format!("  {left:<COLUMN$} {right}"),
        [left, right] => format!("  {left}\n  {right}"),
        _ => format!("  {}", pair.first().copied().unwrap_or("")),
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    #[test]
    fn long_names_get_a_row_of_their_own() {
        let long = "n".repeat(40);
        assert_eq!(row(&["a", "b"]), format!("  a{}b", " ".repeat(32)));
        assert_eq!(row(&[&long, "b"]), format!("  {long}\n  b"));
        assert_eq!(row(&["a"]), "  a");
    }
}
