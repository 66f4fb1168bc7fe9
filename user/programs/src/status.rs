//! `Status`: the processes and threads there are.

use core::time::Duration;

use abi::process::ProcessState;
use abi::scheduling::ThreadInfo;
use viper::args::{Args, Number, Switch, Template};
use viper::{Failure, Outcome, Program, Rc, println, thread};

use crate::usage::Look;
use crate::{statistics, usage, usage_table};

const TEMPLATE: Template = Template::parse("PROCESS/N,FULL/S,THREADS/S,MS/K/N");
const PROCESS: Number = TEMPLATE.number("PROCESS");
const FULL: Switch = TEMPLATE.switch("FULL");
const THREADS: Switch = TEMPLATE.switch("THREADS");
const MS: Number = TEMPLATE.number("MS");

/// The command `Status`.
pub const PROGRAM: Program = Program {
    name: "Status",
    template: TEMPLATE,
    summary: "Lists the processes, or their threads.",
    help: "PROCESS chooses one by its number. FULL adds state, class and priority, CPU, processor \
           time, switches, memory and handles; THREADS shows the same of each thread. CPU % and \
           switches are those of a fifth of a second, or of MS thousandths of one, during which \
           the command waits.",
    main,
};

/// Time between the two looks, in ms.
const PAUSE: u64 = 200;

fn main(args: &Args) -> Outcome {
    let wanted = args.get(PROCESS);
    let by_thread = args.get(THREADS);
    let count = if by_thread || args.get(FULL) {
        let ms = args.get(MS).map_or(Ok(PAUSE), u64::try_from);
        let ms = ms.map_err(|_| Failure::new("MS is below 0"))?;
        show_table(wanted, by_thread, ms)?
    } else {
        show_names(wanted)?
    };
    match (count, wanted) {
        (0, Some(wanted)) => {
            Err(Failure::new(alloc::format!("there is no process {wanted}")).with_rc(Rc::WARN))
        }
        _ => Ok(Rc::OK),
    }
}

fn is_wanted(wanted: Option<i64>, id: u64) -> bool {
    wanted.is_none_or(|wanted| u64::try_from(wanted) == Ok(id))
}

/// One line for each process; how many there were.
fn show_names(wanted: Option<i64>) -> Result<usize, Failure> {
    let rows = statistics::processes()?;
    let chosen = rows.iter().filter(|row| is_wanted(wanted, row.id));
    Ok(chosen
        .inspect(|row| {
            let ended = if row.state == ProcessState::Running as u32 {
                ""
            } else {
                " (ended)"
            };
            println!("Process {:>4}: {}{ended}", row.id, statistics::name(row));
        })
        .count())
}

/// What each uses; how many there were.
fn show_table(wanted: Option<i64>, by_thread: bool, ms: u64) -> Result<usize, Failure> {
    let before = Look::take()?;
    thread::sleep(Duration::from_millis(ms));
    let mut now = Look::take()?;
    now.processes.retain(|row| is_wanted(wanted, row.id));
    let is_listed = |thread: &ThreadInfo| is_wanted(wanted, thread.process);
    now.threads.retain(is_listed);
    let rows = usage::rows(&before, &now, by_thread);
    for line in usage_table::lines(&rows, by_thread) {
        println!("{line}");
    }
    Ok(rows.len())
}
