//! `Date`: day and time.

use viper::args::{Args, Switch, Template};
use viper::time::SystemTime;
use viper::{Failure, Outcome, Program, Rc, println};

const TEMPLATE: Template = Template::parse("SECONDS/S");
const SECONDS: Switch = TEMPLATE.switch("SECONDS");

/// The command `Date`.
pub const PROGRAM: Program = Program {
    name: "Date",
    template: TEMPLATE,
    summary: "Shows the day and the time (UTC).",
    help: "SECONDS shows seconds since 1970-01-01 instead.",
    main,
};

fn main(args: &Args) -> Outcome {
    let now = SystemTime::now().map_err(|error| match error {
        abi::Error::AccessDenied => Failure::not_given("the clock"),
        other => other.into(),
    })?;
    if args.get(SECONDS) {
        println!("{}", now.unix_ns() / 1_000_000_000);
        return Ok(Rc::OK);
    }
    let civil = now.civil();
    println!("{} {} {}", civil.weekday(), civil.day(), civil.clock());
    Ok(Rc::OK)
}
