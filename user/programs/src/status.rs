//! `Status`: the processes there are.

use abi::process::ProcessState;
use viper::args::{Args, Number, Switch, Template};
use viper::{Failure, Outcome, Program, Rc, println};

use crate::{statistics, uptime};

const TEMPLATE: Template = Template::parse("PROCESS/N,FULL/S");
const PROCESS: Number = TEMPLATE.number("PROCESS");
const FULL: Switch = TEMPLATE.switch("FULL");

/// The command `Status`.
pub const PROGRAM: Program = Program {
    name: "Status",
    template: TEMPLATE,
    summary: "Lists the processes.",
    help: "PROCESS chooses one by its number. FULL adds memory, processor time and handles.",
    main,
};

fn main(args: &Args) -> Outcome {
    let wanted = args.get(PROCESS);
    let rows = statistics::processes()?;
    let chosen = |id: u64| wanted.is_none_or(|wanted| u64::try_from(wanted) == Ok(id));
    let mut count: u64 = 0;
    for row in rows.iter().filter(|row| chosen(row.id)) {
        count = count.saturating_add(1);
        let name = statistics::name(row);
        if !args.get(FULL) {
            println!("Process {:>4}: {name}", row.id);
            continue;
        }
        let state = if row.state == ProcessState::Running as u32 {
            "runs"
        } else {
            "ended"
        };
        println!(
            "Process {:>4}: {name:<16} {state}, parent {}, {} threads, {} handles, {} KiB, {}",
            row.id,
            row.parent,
            row.threads,
            row.handles,
            row.pages.saturating_mul(4),
            uptime::duration(row.cpu_ns),
        );
    }
    match (count, wanted) {
        (0, Some(wanted)) => {
            Err(Failure::new(alloc::format!("there is no process {wanted}")).with_rc(Rc::WARN))
        }
        _ => Ok(Rc::OK),
    }
}
