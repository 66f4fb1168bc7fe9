//! `Rename`: another name or another place on the same volume.

use viper::args::{Args, Many, Required, Switch, Template};
use viper::fs::Existing;
use viper::program::Tally;
use viper::{Failure, Outcome, Program, fs, path, println};

use crate::selection;

const TEMPLATE: Template = Template::parse("FROM/A/M,TO=AS/A,QUIET/S");
const FROM: Many = TEMPLATE.many("FROM");
const TO: Required = TEMPLATE.required("TO");
const QUIET: Switch = TEMPLATE.switch("QUIET");

/// The command `Rename`.
pub const PROGRAM: Program = Program {
    name: "Rename",
    template: TEMPLATE,
    summary: "Renames files, or moves them on their volume.",
    help: "One file gets the name TO; where TO is a directory, everything named moves into \
           it. A file that has the new name already stays, and the renaming fails.",
    main,
};

fn main(args: &Args) -> Outcome {
    let mut tally = Tally::new(PROGRAM.name);
    let sources = selection::expand_all(args.get(FROM), &mut tally);
    let to = args.get(TO);
    let into = fs::metadata(to).is_ok_and(|metadata| metadata.is_dir());
    if sources.len() > 1 && !into {
        return Err(Failure::from(fs::Error::new(to, abi::Error::NotDirectory)));
    }
    for source in &sources {
        // `Rename Notes notes` finds the directory itself under its new name.
        let is_itself = into && is_same(source, to);
        let target = match into && !is_itself {
            true => path::join(to, path::split_last(source.trim_end_matches('/')).1),
            false => to.into(),
        };
        let done = tally.check(fs::rename(source, &target, Existing::Keep));
        if done.is_some() && sources.len() > 1 && !args.get(QUIET) {
            println!("{source}: renamed to {target}");
        }
    }
    tally.outcome()
}

/// Whether two paths lead to the same thing.
fn is_same(a: &str, b: &str) -> bool {
    match (fs::metadata(a), fs::metadata(b)) {
        (Ok(a), Ok(b)) => a.stat().node == b.stat().node && a.stat().volume == b.stat().volume,
        _ => false,
    }
}
