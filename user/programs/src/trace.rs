//! `Trace`: what the scheduler does, event by event.

use alloc::format;
use alloc::vec::Vec;

use abi::Handle;
use abi::startup::Tag;
use abi::trace::{TRACE_EVERYTHING, TRACE_RECORDS, TraceEvent, TraceRecord};
use viper::args::{Args, Number, Switch, Template, Text};
use viper::{Failure, Outcome, Program, Rc, println};

use crate::statistics;

const TEMPLATE: Template =
    Template::parse("ON/S,OFF/S,READ/S,EVENTS/K,CPU/K/N,THREAD/K/N,LAST/K/N,CSV/S");
const ON: Switch = TEMPLATE.switch("ON");
const OFF: Switch = TEMPLATE.switch("OFF");
const READ: Switch = TEMPLATE.switch("READ");
const EVENTS: Text = TEMPLATE.text("EVENTS");
const CPU: Number = TEMPLATE.number("CPU");
const THREAD: Number = TEMPLATE.number("THREAD");
const LAST: Number = TEMPLATE.number("LAST");
const CSV: Switch = TEMPLATE.switch("CSV");

/// The command `Trace`.
pub const PROGRAM: Program = Program {
    name: "Trace",
    template: TEMPLATE,
    summary: "Records what the scheduler does, and shows it.",
    help: "ON records events from now on, OFF ends that; what was recorded can still be read. \
           READ, or nothing, shows the events, oldest first; with OFF it ends the recording \
           before. EVENTS chooses some by name, with commas: pick, yield, sleep, wakeup, preempt, \
           syscall, idle, migrate, exit; with ON those that are recorded, else those that are \
           shown. CPU and THREAD show those of one by its number, LAST so many from the end. CSV \
           prints comma-separated values. Each CPU keeps its last 2,048 events; how many \
           older ones were lost is told.",
    main,
};

/// Records asked for at once.
const RECORDS_AT_ONCE: usize = 256;

fn main(args: &Args) -> Outcome {
    let system =
        rt::startup::handle(Tag::System).ok_or_else(|| Failure::not_given("the statistics"))?;
    let events = args.get(EVENTS).map_or(Ok(TRACE_EVERYTHING), event_set)?;
    match (args.get(ON), args.get(OFF)) {
        (true, true) => return Err(Failure::new("ON and OFF exclude each other")),
        (true, false) => {
            rt::trace::control(system, events)?;
            return Ok(Rc::OK);
        }
        (false, true) => {
            rt::trace::control(system, 0)?;
            if !args.get(READ) {
                return Ok(Rc::OK);
            }
        }
        (false, false) => {}
    }
    let wanted = Wanted {
        events,
        cpu: number(args.get(CPU), "CPU")?,
        thread: number(args.get(THREAD), "THREAD")?,
        last: number(args.get(LAST), "LAST")?,
    };
    show(system, &wanted, args.get(CSV))
}

fn number(value: Option<i64>, name: &str) -> Result<Option<u64>, Failure> {
    value
        .map(u64::try_from)
        .transpose()
        .map_err(|_| Failure::new(format!("{name} is below 0")))
}

/// The set of events whose names stand in a text with commas.
fn event_set(names: &str) -> Result<u32, Failure> {
    names.split(',').map(str::trim).try_fold(0, |set, name| {
        let known = TraceEvent::ALL
            .iter()
            .find(|event| event.name().eq_ignore_ascii_case(name));
        known
            .map(|event| set | event.bit())
            .ok_or_else(|| Failure::new(format!("there is no event {name:?}; Trace ? names them")))
    })
}

/// What is to be shown.
#[derive(Debug)]
struct Wanted {
    events: u32,
    cpu: Option<u64>,
    thread: Option<u64>,
    last: Option<u64>,
}

impl Wanted {
    fn takes(&self, record: &TraceRecord) -> bool {
        let is_chosen =
            TraceEvent::from_code(record.event).is_some_and(|event| event.bit() & self.events != 0);
        is_chosen
            && self.cpu.is_none_or(|cpu| cpu == u64::from(record.cpu))
            && self.thread.is_none_or(|thread| thread == record.thread)
    }

    /// The records to show, in the order of time.
    fn choose(&self, mut records: Vec<TraceRecord>) -> Vec<TraceRecord> {
        records.retain(|record| self.takes(record));
        // Stable: what one CPU did stays in its order.
        records.sort_by_key(|record| record.time_ns);
        let skipped = self.last.map_or(0, |last| {
            let last = usize::try_from(last).unwrap_or(usize::MAX);
            records.len().saturating_sub(last)
        });
        records.drain(..skipped);
        records
    }
}

fn show(system: Handle, wanted: &Wanted, as_csv: bool) -> Outcome {
    let cpus = statistics::machine()?.cpus;
    let (mut records, mut lost) = (Vec::new(), 0u64);
    for cpu in 0..cpus {
        lost = lost.saturating_add(read_cpu(system, cpu, &mut records)?);
    }
    let records = wanted.choose(records);
    if as_csv {
        println!("time_ns,cpu,event,thread,argument");
    } else {
        println!(
            "{:>16} {:>3} {:<8} {:>7} {:>9}",
            "Time ms", "CPU", "Event", "Thread", "Argument"
        );
    }
    for record in &records {
        let event = TraceEvent::from_code(record.event).map_or("?", TraceEvent::name);
        let (cpu, thread, argument) = (record.cpu, record.thread, record.argument);
        if as_csv {
            println!("{},{cpu},{event},{thread},{argument}", record.time_ns);
        } else {
            let (ms, ns) = (record.time_ns / 1_000_000, record.time_ns % 1_000_000);
            println!("{ms:>9}.{ns:06} {cpu:>3} {event:<8} {thread:>7} {argument:>9}");
        }
    }
    if !as_csv {
        println!("{} events shown, {lost} lost", records.len());
    }
    Ok(Rc::OK)
}

/// Adds what a CPU's ring has by now; how many records it has lost.
fn read_cpu(system: Handle, cpu: u32, records: &mut Vec<TraceRecord>) -> Result<u64, Failure> {
    let mut block = [TraceRecord::default(); RECORDS_AT_ONCE];
    let (mut position, mut lost, mut count) = (0, 0u64, 0usize);
    // Not for ever: what is recorded meanwhile, by this very loop perhaps, is left out.
    while count < TRACE_RECORDS {
        let part = rt::trace::read(system, cpu, position, &mut block)?;
        if position == 0 {
            lost = part.lost;
        }
        records.extend(block.iter().take(part.count).copied());
        count = count.saturating_add(part.count);
        position = part.next;
        if part.count < RECORDS_AT_ONCE {
            break;
        }
    }
    Ok(lost)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn record(time_ns: u64, cpu: u32, event: TraceEvent, thread: u64) -> TraceRecord {
        TraceRecord {
            time_ns,
            thread,
            argument: 0,
            cpu,
            event: event as u32,
        }
    }

    const ALL: Wanted = Wanted {
        events: TRACE_EVERYTHING,
        cpu: None,
        thread: None,
        last: None,
    };

    #[test]
    fn events_are_chosen_by_name() {
        let two = event_set("sleep, WAKEUP").unwrap();
        assert_eq!(two, TraceEvent::Sleep.bit() | TraceEvent::Wakeup.bit());
        assert!(event_set("sleep,walk").is_err() && event_set("").is_err());
    }

    #[test]
    fn records_come_in_the_order_of_time_and_are_chosen() {
        let records = vec![
            record(3, 1, TraceEvent::Pick, 7),
            record(1, 0, TraceEvent::Sleep, 8),
            record(2, 0, TraceEvent::Pick, 7),
            TraceRecord {
                event: 99,
                ..record(4, 0, TraceEvent::Pick, 7)
            },
        ];
        let times = |wanted: &Wanted| -> Vec<u64> {
            let chosen = wanted.choose(records.clone());
            chosen.iter().map(|record| record.time_ns).collect()
        };
        assert_eq!(times(&ALL), [1, 2, 3]);
        assert_eq!(
            times(&Wanted {
                cpu: Some(0),
                ..ALL
            }),
            [1, 2]
        );
        assert_eq!(
            times(&Wanted {
                thread: Some(7),
                ..ALL
            }),
            [2, 3]
        );
        assert_eq!(
            times(&Wanted {
                last: Some(1),
                ..ALL
            }),
            [3]
        );
        let picks = TraceEvent::Pick.bit();
        assert_eq!(
            times(&Wanted {
                events: picks,
                ..ALL
            }),
            [2, 3]
        );
    }
}
