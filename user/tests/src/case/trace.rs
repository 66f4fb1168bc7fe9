//! The trace of the scheduler: what it sees, what it loses, who may use it.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use abi::scheduling::ThreadInfo;
use abi::startup::Tag;
use abi::system::{CpuInfo, Topic};
use abi::trace::{TRACE_EVERYTHING, TRACE_RECORDS, TraceEvent, TraceRecord};
use abi::{Error, Handle, Rights, Syscall};
use rt::probe::null_call;
use viper::thread;

use super::rights::needs;
use super::{Case, Verdict, restrictions};
use crate::{check, check_eq, need};

/// The tests.
pub const CASES: &[Case] = &[
    Case {
        name: "trace::takes_rights",
        run: rights,
    },
    Case {
        name: "trace::what_makes_no_sense_is_refused",
        run: nonsense,
    },
    Case {
        name: "trace::sees_what_was_done",
        run: sees,
    },
    Case {
        name: "trace::a_full_ring_counts_what_it_loses",
        run: overrun,
    },
    Case {
        name: "trace::records_nothing_when_off",
        run: off,
    },
    Case {
        name: "trace::chosen_events_are_the_only_ones",
        run: chosen,
    },
    Case {
        name: "trace::lets_no_process_make_calls_it_gave_up",
        run: restricted,
    },
    Case {
        name: "trace::cpus_count_what_they_do",
        run: cpus_count,
    },
];

fn system() -> Result<Handle, String> {
    Ok(rt::startup::handle(Tag::System).ok_or("no statistics")?)
}

fn cpus() -> Result<u32, String> {
    Ok(super::system::machine_info()?.cpus)
}

/// Traces what `work` does.
fn traced(events: u32, work: impl FnOnce() -> Verdict) -> Result<Vec<TraceRecord>, String> {
    let system = system()?;
    need!(rt::trace::control(system, events));
    let verdict = work();
    need!(rt::trace::control(system, 0));
    verdict?;
    Ok(read_all()?.0)
}

/// What the rings of all CPUs have, and how many records are lost.
fn read_all() -> Result<(Vec<TraceRecord>, u64), String> {
    let system = system()?;
    let (mut records, mut lost) = (Vec::new(), 0u64);
    for cpu in 0..cpus()? {
        let (mut ring, lost_here, _) = read_ring(system, cpu, 0)?;
        check!(ring.iter().all(|record| record.cpu == cpu));
        check!(ring.is_sorted_by_key(|record| record.time_ns));
        records.append(&mut ring);
        lost = lost.saturating_add(lost_here);
    }
    Ok((records, lost))
}

/// A CPU's records from a position on, how many are lost, and the position after them.
fn read_ring(
    system: Handle,
    cpu: u32,
    position: u64,
) -> Result<(Vec<TraceRecord>, u64, u64), String> {
    let (mut records, mut lost, mut next) = (Vec::new(), 0, position);
    loop {
        let mut block = [TraceRecord::default(); 100];
        let part = need!(rt::trace::read(system, cpu, next, &mut block));
        records.extend(block.iter().take(part.count));
        lost += part.lost;
        next = part.next;
        if part.count < block.len() {
            return Ok((records, lost, next));
        }
    }
}

fn rights() -> Verdict {
    let system = system()?;
    needs(system, Rights::MANAGE, |handle| {
        rt::trace::control(handle, 0)
    })?;
    needs(system, Rights::READ, |handle| {
        rt::trace::read(handle, 0, 0, &mut [TraceRecord::default()])
    })
}

fn nonsense() -> Verdict {
    let system = system()?;
    let mut one = [TraceRecord::default()];
    let beyond = TRACE_EVERYTHING + 1;
    check_eq!(
        rt::trace::control(system, beyond),
        Err(Error::InvalidArgument)
    );
    let nowhere = rt::trace::read(system, cpus()?, 0, &mut one);
    check_eq!(nowhere.err(), Some(Error::InvalidArgument));
    let no_room = rt::trace::read(system, 0, 0, &mut []);
    check_eq!(no_room.err(), Some(Error::BufferTooSmall));
    let event = need!(rt::event::create());
    check_eq!(
        rt::trace::control(event.get(), 0).err(),
        Some(Error::WrongType)
    );
    let wrong = rt::trace::read(event.get(), 0, 0, &mut one);
    check_eq!(wrong.err(), Some(Error::WrongType));
    // A position beyond the end is as good as the end.
    let far = need!(rt::trace::read(system, 0, u64::MAX, &mut one));
    check_eq!((far.count, far.lost), (0, 0));
    Ok(())
}

/// The numbers of this process's threads.
fn own_threads() -> Result<Vec<u64>, String> {
    let own = rt::startup::handle(Tag::OwnProcess).ok_or("no process")?;
    let process = need!(rt::process::info(own)).id;
    let mut rows = [ThreadInfo::default(); 256];
    let bytes = need!(rt::system::info(system()?, Topic::Threads, &mut rows));
    let rows = rows.iter().take(bytes / size_of::<ThreadInfo>());
    let of_ours = rows.filter(|row| row.process == process);
    Ok(of_ours.map(|row| row.id).collect())
}

/// How often the trace has this event of a thread, with this argument if one is given.
fn count(
    records: &[TraceRecord],
    thread: u64,
    event: TraceEvent,
    argument: Option<Syscall>,
) -> usize {
    let fits = |record: &&TraceRecord| {
        record.thread == thread
            && record.event == event as u32
            && argument.is_none_or(|call| record.argument == call as u64)
    };
    records.iter().filter(fits).count()
}

fn sees() -> Verdict {
    const SLEEPS: usize = 5;
    const YIELDS: usize = 7;
    let mut traced_thread = 0;
    let records = traced(TRACE_EVERYTHING, || {
        let before = own_threads()?;
        let worker = need!(thread::spawn(|| {
            for _ in 0..SLEEPS {
                thread::sleep(Duration::from_millis(2));
            }
            for _ in 0..YIELDS {
                thread::yield_now();
            }
        }));
        let now = own_threads()?;
        need!(worker.join());
        let new = now.iter().find(|id| !before.contains(id));
        traced_thread = *new.ok_or("the thread is not listed")?;
        Ok(())
    })?;
    let of = |event, call| count(&records, traced_thread, event, call);
    check_eq!(of(TraceEvent::Syscall, Some(Syscall::ThreadSleep)), SLEEPS);
    check_eq!(of(TraceEvent::Syscall, Some(Syscall::ThreadYield)), YIELDS);
    check!(of(TraceEvent::Sleep, None) >= SLEEPS);
    check!(of(TraceEvent::Wakeup, None) >= SLEEPS);
    check!(of(TraceEvent::Pick, None) > SLEEPS);
    check_eq!(of(TraceEvent::Exit, None), 1);
    // It leaves the CPU as often as it gets it.
    let left = [
        TraceEvent::Sleep,
        TraceEvent::Yield,
        TraceEvent::Preempt,
        TraceEvent::Exit,
    ];
    let left: usize = left.iter().map(|event| of(*event, None)).sum();
    check_eq!(of(TraceEvent::Pick, None), left);
    // Somebody slept, so the CPU was without work at least once.
    check!(
        records
            .iter()
            .any(|record| record.event == TraceEvent::Idle as u32)
    );
    Ok(())
}

fn overrun() -> Verdict {
    const CALLS: u64 = 3 * TRACE_RECORDS as u64;
    let none = traced(TraceEvent::Syscall.bit(), || Ok(()))?;
    check!(none.len() < TRACE_RECORDS / 2);
    let (_, lost) = read_all()?;
    check_eq!(lost, 0);
    let system = system()?;
    need!(rt::trace::control(system, TraceEvent::Syscall.bit()));
    (0..CALLS * u64::from(cpus()?)).for_each(|_| {
        null_call();
    });
    need!(rt::trace::control(system, 0));
    let (records, lost) = read_all()?;
    check!(lost >= 2 * TRACE_RECORDS as u64);
    check!(records.len() as u64 + lost >= CALLS * u64::from(cpus()?));
    // The newest are there.
    check!(
        records
            .iter()
            .any(|record| record.argument == Syscall::TraceControl as u64)
    );
    // Whoever reads on from the end has lost nothing.
    for cpu in 0..cpus()? {
        let (_, _, end) = read_ring(system, cpu, 0)?;
        let (more, lost, next) = read_ring(system, cpu, end)?;
        check_eq!((more.len(), lost, next), (0, 0, end));
    }
    Ok(())
}

fn off() -> Verdict {
    let sleeps = || {
        thread::sleep(Duration::from_millis(2));
        null_call();
        Ok(())
    };
    check!(!traced(TRACE_EVERYTHING, sleeps)?.is_empty());
    let (records, _) = read_all()?;
    sleeps()?;
    let (later, _) = read_all()?;
    check_eq!(records.len(), later.len());
    Ok(())
}

fn chosen() -> Verdict {
    let wanted = TraceEvent::Wakeup.bit() | TraceEvent::Idle.bit();
    let records = traced(wanted, || {
        thread::sleep(Duration::from_millis(5));
        Ok(())
    })?;
    check!(!records.is_empty());
    check!(
        records
            .iter()
            .all(|record| wanted & (1 << record.event) != 0)
    );
    Ok(())
}

/// Calls go the same way while they are traced as when some are given up; neither may undo
/// the other.
fn restricted() -> Verdict {
    let system = system()?;
    for case in restrictions::CASES {
        need!(rt::trace::control(system, TRACE_EVERYTHING));
        let verdict = (case.run)();
        need!(rt::trace::control(system, 0));
        verdict?;
        (case.run)()?;
    }
    Ok(())
}

fn cpu_rows() -> Result<Vec<CpuInfo>, String> {
    let mut rows = [CpuInfo::default(); 8];
    let bytes = need!(rt::system::info(system()?, Topic::Cpus, &mut rows));
    let rows = rows.iter().take(bytes / size_of::<CpuInfo>());
    Ok(rows.copied().collect())
}

fn cpus_count() -> Verdict {
    const SLEEPS: u64 = 10;
    let sum = |rows: &[CpuInfo], part: fn(&CpuInfo) -> u64| -> u64 { rows.iter().map(part).sum() };
    let (before, start) = (cpu_rows()?, need!(rt::time::now()));
    for _ in 0..SLEEPS {
        thread::sleep(Duration::from_millis(2));
    }
    let (after, end) = (cpu_rows()?, need!(rt::time::now()));
    let grown = |part| sum(&after, part).saturating_sub(sum(&before, part));
    check!(grown(|cpu| cpu.wakeups) >= SLEEPS);
    check!(grown(|cpu| cpu.switches) >= 2 * SLEEPS);
    check!(grown(|cpu| cpu.interrupts) >= SLEEPS);
    // The CPUs' times are the time that has passed, but for the moments of asking.
    let elapsed = end.saturating_sub(start).saturating_mul(after.len() as u64);
    let counted = grown(|cpu| cpu.idle_ns).saturating_add(grown(|cpu| cpu.busy_ns));
    check!(counted.abs_diff(elapsed) <= elapsed / 4);
    for cpu in &after {
        let latencies: u64 = cpu.latencies.iter().map(|count| u64::from(*count)).sum();
        check!(latencies > 0 || cpu.latency_ns == 0);
        check!(cpu.latency_max_ns <= cpu.latency_ns);
        check!(cpu.switch_ns <= cpu.busy_ns.saturating_add(cpu.idle_ns));
    }
    Ok(())
}
