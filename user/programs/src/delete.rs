//! `Delete`: files and directories.

use alloc::string::String;
use alloc::vec::Vec;

use viper::args::{Args, Many, Switch, Template};
use viper::program::Tally;
use viper::{Outcome, Program, fs, println};

use crate::selection;
use crate::tree::Walk;

const TEMPLATE: Template = Template::parse("FILE/A/M,ALL/S,QUIET/S");
const FILE: Many = TEMPLATE.many("FILE");
const ALL: Switch = TEMPLATE.switch("ALL");
const QUIET: Switch = TEMPLATE.switch("QUIET");

/// The command `Delete`.
pub const PROGRAM: Program = Program {
    name: "Delete",
    template: TEMPLATE,
    summary: "Deletes files and empty directories.",
    help: "ALL deletes directories with everything in them, and names what it deletes unless \
           QUIET is given. Nothing is asked, and nothing can be brought back.",
    main,
};

fn main(args: &Args) -> Outcome {
    let mut tally = Tally::new(PROGRAM.name);
    let paths = selection::expand_all(args.get(FILE), &mut tally);
    let tells = args.get(ALL) && !args.get(QUIET);
    for path in paths {
        let Some(metadata) = tally.check(fs::metadata(&path)) else {
            continue;
        };
        if !metadata.is_dir() {
            remove(&path, Kind::File, tells, &mut tally);
        } else if args.get(ALL) {
            remove_tree(&path, tells, &mut tally);
        } else {
            remove(&path, Kind::Directory, tells, &mut tally);
        }
    }
    tally.outcome()
}

/// What is removed.
#[derive(Clone, Copy)]
enum Kind {
    File,
    Directory,
}

fn remove(path: &str, kind: Kind, tells: bool, tally: &mut Tally) {
    let result = match kind {
        Kind::File => fs::remove_file(path),
        Kind::Directory => fs::remove_dir(path),
    };
    if tally.check(result).is_some() && tells {
        println!("{path}: deleted");
    }
}

/// Removes files as they are met and directories afterwards, the deepest first.
fn remove_tree(path: &str, tells: bool, tally: &mut Tally) {
    let mut directories: Vec<String> = alloc::vec![path.into()];
    let Some(walk) = tally.check(Walk::new(path)) else {
        return;
    };
    for (node, result) in walk {
        tally.check(result);
        match node.is_dir {
            true => directories.push(node.path),
            false => remove(&node.path, Kind::File, tells, tally),
        }
    }
    for directory in directories.iter().rev() {
        remove(directory, Kind::Directory, tells, tally);
    }
}
