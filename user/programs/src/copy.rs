//! `Copy`: files and directories to another place.

use alloc::string::String;

use viper::args::{Args, Many, Required, Switch, Template};
use viper::program::Tally;
use viper::{Failure, Outcome, Program, fs, path, println};

use crate::selection;
use crate::tree::Walk;

const TEMPLATE: Template = Template::parse("FROM/A/M,TO/A,ALL/S,QUIET/S,DONTOVR/S");
const FROM: Many = TEMPLATE.many("FROM");
const TO: Required = TEMPLATE.required("TO");
const ALL: Switch = TEMPLATE.switch("ALL");
const QUIET: Switch = TEMPLATE.switch("QUIET");
const DONTOVR: Switch = TEMPLATE.switch("DONTOVR");

/// The command `Copy`.
pub const PROGRAM: Program = Program {
    name: "Copy",
    template: TEMPLATE,
    summary: "Copies files; with ALL, directories.",
    help: "A single file goes to TO, or into TO where that is a directory; several go into the \
           directory TO. Of a directory the files are copied, with ALL everything below it. \
           DONTOVR leaves files alone that are there already; QUIET names no files.",
    main,
};

/// What is to be done for each file.
struct Job<'a> {
    args: &'a Args,
    tally: Tally,
}

fn main(args: &Args) -> Outcome {
    let mut job = Job {
        args,
        tally: Tally::new(PROGRAM.name),
    };
    let sources = selection::expand_all(args.get(FROM), &mut job.tally);
    let to = args.get(TO);
    let into = is_directory(to)?;
    if sources.len() > 1 && !into {
        return Err(Failure::from(fs::Error::new(to, abi::Error::NotDirectory)));
    }
    for source in &sources {
        let result = job.source(source, to, into);
        job.tally.check(result);
    }
    job.tally.outcome()
}

/// Whether a path is that of a directory, or written as one.
fn is_directory(path: &str) -> Result<bool, fs::Error> {
    match fs::exists(path)? {
        true => Ok(fs::metadata(path)?.is_dir()),
        false => Ok(false),
    }
}

impl Job<'_> {
    /// Copies a file or directory.
    fn source(&mut self, source: &str, to: &str, into: bool) -> Result<(), Failure> {
        if fs::metadata(source)?.is_dir() {
            return self.directory(source, to);
        }
        match into {
            true => self.file(source, &path::join(to, path::split_last(source).1)),
            false => self.file(source, to),
        }
    }

    fn file(&mut self, source: &str, target: &str) -> Result<(), Failure> {
        if self.args.get(DONTOVR) && fs::exists(target)? {
            self.say(source, "not copied, exists already");
            return Ok(());
        }
        fs::copy(source, target)?;
        self.say(source, "copied");
        Ok(())
    }

    /// Copies what is in a directory.
    fn directory(&mut self, source: &str, to: &str) -> Result<(), Failure> {
        let from = fs::full_path(source)?;
        let target = fs::full_path(to)?;
        if target.relative_to(&from).is_some() {
            return Err(Failure::new(alloc::format!(
                "{to} lies inside {source}, which would never end"
            )));
        }
        self.make_directory(to)?;
        for (node, result) in Walk::new(source)? {
            if node.depth > 0 && !self.args.get(ALL) {
                continue;
            }
            let target: String = path::join(to, &node.below);
            let copied = match node.is_dir {
                true if !self.args.get(ALL) => Ok(()),
                true => result
                    .map_err(Failure::from)
                    .and_then(|()| self.make_directory(&target)),
                false => self.file(&node.path, &target),
            };
            self.tally.check(copied);
        }
        Ok(())
    }

    /// Makes a directory where there is none.
    fn make_directory(&mut self, path: &str) -> Result<(), Failure> {
        match is_directory(path)? {
            true => Ok(()),
            false => Ok(fs::create_dir(path)?),
        }
    }

    fn say(&self, source: &str, what: &str) {
        if !self.args.get(QUIET) && (self.args.get(ALL) || self.args.get(DONTOVR)) {
            println!("{source}: {what}");
        }
    }
}
