//! `Reboot`: the machine starts anew.

use abi::startup::Tag;
use abi::system::PowerAction;
use viper::args::{Args, Template};
use viper::{Failure, Outcome, Program, Rc, io};

/// The command `Reboot`.
pub const PROGRAM: Program = Program {
    name: "Reboot",
    template: Template::parse(""),
    summary: "Starts the machine anew.",
    help: "Everything written so far is made durable first.",
    main,
};

fn main(_: &Args) -> Outcome {
    let power = rt::startup::handle(Tag::Power);
    let power = power.ok_or_else(|| Failure::not_given("the power switch"))?;
    io::flush_all()?;
    rt::system::power(power, PowerAction::Reboot, 0)?;
    Ok(Rc::OK)
}
