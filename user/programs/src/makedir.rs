//! `MakeDir`: new directories.

use viper::args::{Args, Many, Switch, Template};
use viper::program::Tally;
use viper::{Outcome, Program, fs};

const TEMPLATE: Template = Template::parse("NAME/A/M,ALL/S");
const NAME: Many = TEMPLATE.many("NAME");
const ALL: Switch = TEMPLATE.switch("ALL");

/// The command `MakeDir`.
pub const PROGRAM: Program = Program {
    name: "MakeDir",
    template: TEMPLATE,
    summary: "Makes directories.",
    help: "ALL also makes the directories above that are missing, and takes it as done where \
           the directory exists already.",
    main,
};

fn main(args: &Args) -> Outcome {
    let mut tally = Tally::new(PROGRAM.name);
    for path in args.get(NAME) {
        tally.check(match args.get(ALL) {
            true => fs::create_dir_all(path),
            false => fs::create_dir(path),
        });
    }
    tally.outcome()
}
