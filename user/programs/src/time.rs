//! `Time`: the time of day.

use viper::args::{Args, Template};
use viper::time::SystemTime;
use viper::{Failure, Outcome, Program, Rc, println};

/// The command `Time`.
pub const PROGRAM: Program = Program {
    name: "Time",
    template: Template::parse(""),
    summary: "Shows the time of day (UTC).",
    help: "",
    main,
};

fn main(_: &Args) -> Outcome {
    let now = SystemTime::now().map_err(|error| match error {
        abi::Error::AccessDenied => Failure::not_given("the clock"),
        other => other.into(),
    })?;
    println!("{}", now.civil().clock());
    Ok(Rc::OK)
}
