//! `Wait`: a pause.

use core::time::Duration;

use viper::args::{Args, Number, Switch, Template};
use viper::{Failure, Outcome, Program, Rc, thread};

const TEMPLATE: Template = Template::parse("TIME/N,SEC=SECS/S,MIN=MINS/S,MS/S");
const TIME: Number = TEMPLATE.number("TIME");
const MIN: Switch = TEMPLATE.switch("MIN");
const MS: Switch = TEMPLATE.switch("MS");

/// The command `Wait`.
pub const PROGRAM: Program = Program {
    name: "Wait",
    template: TEMPLATE,
    summary: "Waits for some time, one second unless told.",
    help: "TIME counts seconds, with MIN minutes, with MS thousandths of a second.",
    main,
};

fn main(args: &Args) -> Outcome {
    let time = args.get(TIME).unwrap_or(1);
    let time = u64::try_from(time)
        .map_err(|_| Failure::new(alloc::format!("{time} is no time to wait")))?;
    let ms: u64 = match (args.get(MIN), args.get(MS)) {
        (true, _) => 60_000,
        (false, true) => 1,
        (false, false) => 1000,
    };
    thread::sleep(Duration::from_millis(time.saturating_mul(ms)));
    Ok(Rc::OK)
}
