//! The program `Hostile`: makes system calls that no honest program makes.
//!
//! [`sweep`] gives every argument of every call every value of [`values`], [`random`]
//! makes random calls by several threads, [`forge`] invents handles, and [`planted`] shows
//! that what is wrong would be seen. What is sent comes
//! from the table of system calls, so a new call is attacked without a line here, but for
//! an object of a new kind in [`kit`] and what makes it succeed.

pub mod batch;
pub mod forge;
pub mod judge;
pub mod kit;
pub mod leak;
pub mod place;
pub mod planted;
pub mod random;
pub mod run;
pub mod sweep;
pub mod values;

use viper::args::{Args, Number, Required, Template};
use viper::time::Instant;
use viper::{Failure, Outcome, Program, println};

const TEMPLATE: Template = Template::parse("KIND/A,COUNT/N,SEED/N");
const KIND: Required = TEMPLATE.required("KIND");
const COUNT: Number = TEMPLATE.number("COUNT");
const SEED: Number = TEMPLATE.number("SEED");

/// The program `Hostile`.
pub const PROGRAM: Program = Program {
    name: "Hostile",
    template: TEMPLATE,
    summary: "Attacks the kernel with system calls, for tests.",
    help: "KIND is sweep, random, forge or planted. COUNT: calls that are made at random, or handles \
           that are invented. SEED repeats a run.",
    main,
};

/// Where it lies.
pub const PATH: &str = "SYS:Tests/Hostile";

fn main(args: &Args) -> Outcome {
    let number = |word: Number, default: i64| {
        let value = args.get(word).unwrap_or(default);
        u64::try_from(value).map_err(|_| Failure::new("a number is negative"))
    };
    let seed = number(SEED, 1)?;
    let start = Instant::now();
    let outcome = match args.get(KIND) {
        "sweep" => sweep::main(),
        "random" => random::main(seed, number(COUNT, 200_000)?),
        "planted" => planted::main(),
        "forge" => forge::main(seed, number(COUNT, 1 << 20)?),
        _ => Err(Failure::new("no such kind")),
    };
    println!("# after {} ms", start.elapsed().as_millis());
    outcome
}
