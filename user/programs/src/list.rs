//! `List`: files with their sizes and dates.

use alloc::string::{String, ToString};

use viper::args::{Args, Many, Switch, Template, Text};
use viper::fs::{self, Metadata};
use viper::pattern::Pattern;
use viper::program::Tally;
use viper::{Failure, Outcome, Program, path, println};

use crate::selection;
use crate::size::{grouped, human};
use crate::tree::{self, Walk};

const TEMPLATE: Template =
    Template::parse("DIR/M,P=PAT/K,QUICK/S,NODATES/S,NOHEAD/S,FILES/S,DIRS/S,ALL/S");
const DIR: Many = TEMPLATE.many("DIR");
const PAT: Text = TEMPLATE.text("PAT");
const QUICK: Switch = TEMPLATE.switch("QUICK");
const NODATES: Switch = TEMPLATE.switch("NODATES");
const NOHEAD: Switch = TEMPLATE.switch("NOHEAD");
const FILES: Switch = TEMPLATE.switch("FILES");
const DIRS: Switch = TEMPLATE.switch("DIRS");
const ALL: Switch = TEMPLATE.switch("ALL");

/// The command `List`.
pub const PROGRAM: Program = Program {
    name: "List",
    template: TEMPLATE,
    summary: "Lists files with sizes and dates.",
    help: "PAT lists what fits a pattern. QUICK shows names only, NODATES no dates, NOHEAD \
           no totals; FILES and DIRS show only those; ALL goes into every directory.",
    main,
};

/// What was listed so far, and how.
struct Listing<'a> {
    args: &'a Args,
    pattern: Option<Pattern>,
    files: u64,
    directories: u64,
    bytes: u64,
}

fn main(args: &Args) -> Outcome {
    let mut tally = Tally::new(PROGRAM.name);
    let pattern = args.get(PAT).map(Pattern::parse).transpose()?;
    let mut listing = Listing {
        args,
        pattern,
        files: 0,
        directories: 0,
        bytes: 0,
    };
    let words = args.get(DIR);
    if words.is_empty() {
        tally.check(listing.directory("", &mut Tally::new(PROGRAM.name)));
    }
    for path in selection::expand_all(words, &mut tally) {
        let result = listing.path(&path, &mut tally);
        tally.check(result);
    }
    if !args.get(NOHEAD) && !args.get(QUICK) {
        let (files, bytes) = (listing.files, listing.bytes);
        let size = human(bytes);
        println!("{files} files, {size}; {} directories", listing.directories);
    }
    tally.outcome()
}

impl Listing<'_> {
    /// Lists a directory, or a single file.
    fn path(&mut self, path: &str, tally: &mut Tally) -> Result<(), Failure> {
        let metadata = fs::metadata(path)?;
        if metadata.is_dir() {
            return self.directory(path, tally);
        }
        let (_, name) = path::split_last(path);
        self.line(name, &metadata);
        Ok(())
    }

    /// Lists what is in a directory.
    fn directory(&mut self, directory: &str, tally: &mut Tally) -> Result<(), Failure> {
        if self.args.get(ALL) {
            for (node, result) in Walk::new(directory)? {
                tally.check(result);
                self.entry(&node.path, &node.below, tally);
            }
            return Ok(());
        }
        for entry in tree::sorted(directory)? {
            self.entry(&path::join(directory, entry.name()), entry.name(), tally);
        }
        Ok(())
    }

    fn entry(&mut self, path: &str, shown: &str, tally: &mut Tally) {
        let (_, name) = path::split_last(path);
        if self
            .pattern
            .as_ref()
            .is_some_and(|pattern| !pattern.matches(name))
        {
            return;
        }
        if let Some(metadata) = tally.check(fs::metadata(path)) {
            self.line(shown, &metadata);
        }
    }

    /// Writes one line and counts it.
    fn line(&mut self, name: &str, metadata: &Metadata) {
        let only_files = self.args.get(FILES) && !self.args.get(DIRS);
        let only_directories = self.args.get(DIRS) && !self.args.get(FILES);
        if (metadata.is_dir() && only_files) || (!metadata.is_dir() && only_directories) {
            return;
        }
        match metadata.is_dir() {
            true => self.directories = self.directories.saturating_add(1),
            false => {
                self.files = self.files.saturating_add(1);
                self.bytes = self.bytes.saturating_add(metadata.len());
            }
        }
        if self.args.get(QUICK) {
            println!("{name}");
            return;
        }
        let size = match metadata.is_dir() {
            true => "Dir".to_string(),
            false => grouped(metadata.len()),
        };
        println!("{name:<30} {size:>14}{}", self.date(metadata));
    }

    fn date(&self, metadata: &Metadata) -> String {
        if self.args.get(NODATES) {
            return String::new();
        }
        let civil = metadata.modified().civil();
        alloc::format!("  {} {}", civil.day(), civil.clock())
    }
}
