//! The program `SelfTest`: runs tests and counts.

use viper::args::{Args, Many, Switch, Template};
use viper::{Failure, Outcome, Program, Rc, fs, println};

use crate::case::{self, Case};

const TEMPLATE: Template = Template::parse("NAME/M,LIST/S");
const NAME: Many = TEMPLATE.many("NAME");
const LIST: Switch = TEMPLATE.switch("LIST");

/// The command `SelfTest`.
pub const PROGRAM: Program = Program {
    name: "SelfTest",
    template: TEMPLATE,
    summary: "Tests the system from inside.",
    help: "NAME chooses the tests whose names contain it; LIST names all tests.",
    main,
};

/// Where tests make files; emptied at the start.
pub const FOLDER: &str = "T:selftest";

fn main(args: &Args) -> Outcome {
    let words = args.get(NAME);
    let is_chosen = |case: &&Case| {
        words.is_empty() || words.iter().any(|word| case.name.contains(word.as_str()))
    };
    if args.get(LIST) {
        case::all().for_each(|case| println!("{}", case.name));
        return Ok(Rc::OK);
    }
    if !case::all().any(|case| is_chosen(&case)) {
        return Err(Failure::new("no test has such a name; LIST shows all"));
    }
    case::files::empty_folder(FOLDER)?;
    println!("1..{}", case::all().filter(is_chosen).count());
    let (mut passed, mut failed) = (0u32, 0u32);
    for (number, case) in (1u32..).zip(case::all().filter(is_chosen)) {
        match (case.run)() {
            Ok(()) => {
                println!("ok {number} {}", case.name);
                passed = passed.saturating_add(1);
            }
            Err(wrong) => {
                println!("not ok {number} {}", case.name);
                println!("# {}: {wrong}", case.name);
                failed = failed.saturating_add(1);
            }
        }
    }
    case::files::empty_folder(FOLDER)?;
    fs::remove_dir(FOLDER)?;
    println!("{passed} passed, {failed} failed");
    Ok(if failed == 0 { Rc::OK } else { Rc::ERROR })
}
