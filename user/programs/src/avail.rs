//! `Avail`: memory in use and free.

use viper::args::{Args, Switch, Template};
use viper::{Outcome, Program, Rc, println};

use crate::size::{grouped, human};
use crate::statistics;

const TEMPLATE: Template = Template::parse("TOTAL/S,H=HUMAN/S");
const TOTAL: Switch = TEMPLATE.switch("TOTAL");
const HUMAN: Switch = TEMPLATE.switch("HUMAN");

/// The command `Avail`.
pub const PROGRAM: Program = Program {
    name: "Avail",
    template: TEMPLATE,
    summary: "Shows how much memory is used and free.",
    help: "TOTAL shows the free bytes only, as a plain number. HUMAN shows fitting units.",
    main,
};

fn main(args: &Args) -> Outcome {
    let memory = statistics::memory()?;
    if args.get(TOTAL) {
        println!("{}", memory.free);
        return Ok(Rc::OK);
    }
    let rows = [
        ("Total", memory.total),
        ("Free", memory.free),
        ("Kernel image", memory.kernel),
        ("Kernel heap", memory.heap),
        ("Programs", memory.user),
        ("Page tables", memory.tables),
        ("File cache", memory.cache),
    ];
    for (name, bytes) in rows {
        let amount = if args.get(HUMAN) {
            human(bytes)
        } else {
            grouped(bytes)
        };
        println!("{name:<14} {amount:>16}");
    }
    Ok(Rc::OK)
}
