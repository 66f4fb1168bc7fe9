//! The program `Child`: does as it is told, so that tests can watch a process.

use alloc::format;
use alloc::string::String;
use core::time::Duration;

use abi::memory::MapFlags;
use rt::memory::Mapping;
use viper::args::{Args, Many, Number, Switch, Template, Text};
use viper::fs::File;
use viper::{Outcome, Program, Rc, env, fs, println, thread};

const TEMPLATE: Template =
    Template::parse("CODE/N,SLEEP/S,WHERE/S,WORDS/K,VARIABLE/K,CREATE/K,HERE/S,MORE/M");
const CODE: Number = TEMPLATE.number("CODE");
const SLEEP: Switch = TEMPLATE.switch("SLEEP");
const WHERE: Switch = TEMPLATE.switch("WHERE");
const WORDS: Text = TEMPLATE.text("WORDS");
const VARIABLE: Text = TEMPLATE.text("VARIABLE");
const CREATE: Text = TEMPLATE.text("CREATE");
const HERE: Switch = TEMPLATE.switch("HERE");
const MORE: Many = TEMPLATE.many("MORE");

/// The program `Child`.
pub const PROGRAM: Program = Program {
    name: "Child",
    template: TEMPLATE,
    summary: "Does as it is told, for tests of processes.",
    help: "",
    main,
};

fn main(args: &Args) -> Outcome {
    if args.get(SLEEP) {
        loop {
            thread::sleep(Duration::from_secs(3600));
        }
    }
    if args.get(WHERE) {
        println!("{}", parts());
    }
    if let Some(words) = args.get(WORDS) {
        println!("{words}");
    }
    if let Some(name) = args.get(VARIABLE) {
        println!("{}", env::var(name).unwrap_or_default());
    }
    if args.get(HERE) {
        println!("{}", env::current_dir());
    }
    args.get(MORE).iter().for_each(|word| println!("{word}"));
    if let Some(path) = args.get(CREATE) {
        File::create(path).map_err(|error| fs::Error::new(path, error.cause))?;
    }
    let code = args.get(CODE).unwrap_or(0);
    Ok(Rc::new(u8::try_from(code).unwrap_or(255)))
}

/// Addresses of a function, of fresh memory and of the stack.
fn parts() -> String {
    let here = 0u8;
    let fresh = Mapping::anonymous(abi::PAGE_SIZE, MapFlags::READ);
    format!(
        "{:x} {:x} {:x}",
        parts as fn() -> String as usize,
        fresh.map_or(0, |pages| pages.address()),
        core::ptr::from_ref(&here) as usize
    )
}
