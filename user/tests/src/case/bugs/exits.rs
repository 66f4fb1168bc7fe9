//! Ends of processes at which other kernels lost something.

use alloc::string::String;

use abi::job::JobResource;
use abi::memory::MapFlags;
use abi::startup::Tag;
use abi::{Error, Signals};
use rt::OwnedHandle;
use rt::memory::Mapping;
use rt::process::Side;
use viper::process::{Command, Job};
use viper::{Rc, thread};

use super::super::clones::in_copy;
use super::super::{Case, Verdict, processes, system};
use crate::hostile::run::{self, End};
use crate::{check, check_eq, need};

/// The tests.
pub const CASES: &[Case] = &[
    Case {
        name: "bugs::bug_023_a_server_dies_in_a_request",
        run: server,
    },
    Case {
        name: "bugs::bug_032_forks_of_forks",
        run: forks,
    },
    Case {
        name: "bugs::bug_035_processes_come_and_go",
        run: come_and_go,
    },
    Case {
        name: "bugs::bug_044_ended_while_it_runs_elsewhere",
        run: elsewhere,
    },
    Case {
        name: "bugs::bug_045_looked_at_while_it_ends",
        run: looked_at,
    },
    Case {
        name: "exits::ended_as_it_begins_to_wait",
        run: begins_to_wait,
    },
    Case {
        name: "exits::a_full_table_does_not_take_a_handle",
        run: full_table,
    },
];

/// Source: redox kernel #68. A server is ended before it takes a call, while it has it, and
/// while a message with a handle waits for it.
fn server() -> Verdict {
    for state in 0..3u64 {
        let (client, served) = need!(rt::channel::create());
        let (ready, told) = need!(rt::channel::create());
        let server = match need!(rt::process::clone()) {
            Side::Copy { .. } => {
                let _ = serve(state, &served, &told);
                rt::process::exit(0)
            }
            Side::Original(server) => server,
        };
        // The copy has its own handles to the ends of the server.
        drop((served, told));
        need!(rt::handle::wait(ready.get(), Signals::READABLE, abi::NEVER));
        let passenger = need!(rt::event::create()).into_raw();
        if state == 2 {
            need!(rt::channel::write(client.get(), b"take this", &[passenger]));
        }
        let server_handle = server.get();
        let killer = need!(thread::spawn(move || {
            thread::sleep(core::time::Duration::from_millis(15));
            rt::process::kill(server_handle, 0)
        }));
        let message = rt::call::Message::words([1; 6]);
        let answer = rt::call::call(client.get(), message, abi::NEVER);
        check_eq!((state, answer.err()), (state, Some(Error::PeerClosed)));
        check_eq!(killer.join().ok(), Some(Ok(())));
        check_eq!(run::end_of(&server, 0)?, End::Exited(0));
    }
    Ok(())
}

/// A server that never answers.
fn serve(state: u64, served: &OwnedHandle, told: &OwnedHandle) -> Result<(), Error> {
    let port = rt::port::create()?;
    if state == 1 {
        rt::port::add(port.get(), served.get(), Signals::READABLE, 1)?;
    }
    rt::channel::write(told.get(), b"ready", &[])?;
    if state == 1 {
        let _call = rt::call::reply_wait(port.get(), None, abi::NEVER)?;
        rt::thread::sleep_until(abi::NEVER)?;
    }
    rt::thread::sleep_until(abi::NEVER)
}

/// Copies of copies, each below the last.
const DEPTH: u8 = 10;
/// Such rows.
const ROWS: usize = 12;

/// Source: asterinas #1539, #1540.
fn forks() -> Verdict {
    check_eq!(in_copy(|_, _| 1)?, 1);
    let before = system::programs_memory()?;
    for row in 0..ROWS {
        check_eq!((row, deeper(DEPTH)?), (row, i32::from(DEPTH)));
    }
    processes::settles(before)
}

/// A copy that makes a copy, and so on; each adds one.
fn deeper(depth: u8) -> Result<i32, String> {
    let Some(below) = depth.checked_sub(1) else {
        return Ok(0);
    };
    in_copy(|_, _| {
        let sum = deeper(below).ok().and_then(|sum| u8::try_from(sum).ok());
        sum.map_or(0, |sum| sum.saturating_add(1))
    })
}

/// Copies of one run.
const COPIES: u64 = 1500;

/// Source: redox 40e76875, 622a4fb3, 663e6641: stacks and contexts were lost. The program
/// `Soak` does the same with programs, a million times.
fn come_and_go() -> Verdict {
    for _ in 0..20 {
        check_eq!(in_copy(|_, _| 5)?, 5);
    }
    let before = system::memory_info()?;
    for _ in 0..COPIES {
        check_eq!(in_copy(|_, _| 5)?, 5);
    }
    let equal = || {
        let after = system::memory_info()?;
        let (free, heap) = (
            before.free.saturating_sub(after.free),
            after.heap.saturating_sub(before.heap),
        );
        // Less than one byte for each copy.
        Ok(free < COPIES && heap < COPIES)
    };
    super::super::accounts::eventually("pages are lost", equal)
}

/// Source: seL4 #1700. A process is ended again and again while its threads run on other
/// CPUs, compute, call and wait.
fn elsewhere() -> Verdict {
    for round in 0..60u64 {
        let process = match need!(rt::process::clone()) {
            Side::Original(process) => process,
            Side::Copy { .. } => {
                for number in 0..3u64 {
                    let _ = thread::spawn(move || busy(number));
                }
                busy(3);
                rt::process::exit(1)
            }
        };
        let pause = (round % 7).saturating_mul(300_000);
        let deadline = need!(rt::time::now()).saturating_add(pause);
        need!(rt::thread::sleep_until(deadline));
        need!(rt::process::kill(process.get(), 9));
        check_eq!(run::end_of(&process, 0)?, End::Exited(9));
    }
    Ok(())
}

fn busy(number: u64) {
    loop {
        match number % 4 {
            0 => rt::probe::count_down(1000),
            1 => rt::thread::yield_now(),
            2 => {
                let now = rt::time::now().unwrap_or(0);
                let _ = rt::thread::sleep_until(now.saturating_add(50_000));
            }
            _ => drop(Mapping::anonymous(
                1 << 16,
                MapFlags::READ | MapFlags::WRITE,
            )),
        }
    }
}

/// Processes that are ended in one run.
const ENDED: u64 = 150;

/// A thread that is ended between the opening of its wait and its place in the list of those
/// who wait was left in that list, and its process never ended. Found by random calls.
fn begins_to_wait() -> Verdict {
    for round in 0..ENDED {
        let process = match need!(rt::process::clone()) {
            Side::Original(process) => process,
            Side::Copy { .. } => {
                for number in 0..6u64 {
                    let _ = thread::spawn(move || begin_again(number));
                }
                begin_again(6);
                rt::process::exit(1)
            }
        };
        let pause = 2_000_000 + (round % 13).saturating_mul(97_000);
        let deadline = need!(rt::time::now()).saturating_add(pause);
        need!(rt::thread::sleep_until(deadline));
        need!(rt::process::kill(process.get(), 9));
        check_eq!((round, run::end_of(&process, 0)?), (round, End::Exited(9)));
    }
    Ok(())
}

/// Waits for what never comes, hardly ever for long.
fn begin_again(number: u64) {
    let word = core::sync::atomic::AtomicU32::new(0);
    let (Ok(port), Ok(event)) = (rt::port::create(), rt::event::create()) else {
        return;
    };
    loop {
        let soon = rt::time::now()
            .unwrap_or(0)
            .saturating_add(number * 500 + 300);
        let _ = match number % 3 {
            0 => rt::futex::wait(&word, 0, soon),
            1 => {
                rt::port::wait(port.get(), &mut [abi::signal::PortEvent::default()], soon).map(drop)
            }
            _ => rt::event::wait(event.get(), Signals::USER_0, soon).map(drop),
        };
    }
}

/// Source: asterinas #2179. Processes end while others ask about them.
fn looked_at() -> Verdict {
    let system = rt::startup::handle(Tag::System).ok_or("no statistics")?;
    let over = alloc::sync::Arc::new(core::sync::atomic::AtomicBool::new(false));
    let stop = alloc::sync::Arc::clone(&over);
    let watcher = need!(thread::spawn(move || {
        let mut looks = 0u64;
        let mut rows = alloc::vec![abi::process::ProcessInfo::default(); 64];
        while !stop.load(core::sync::atomic::Ordering::Acquire) {
            let topic = abi::system::Topic::Processes;
            if rt::system::info(system, topic, &mut rows).is_ok() {
                looks = looks.wrapping_add(1);
            }
            rt::thread::yield_now();
        }
        looks
    }));
    let mut verdict = Ok(());
    for round in 0..300u64 {
        verdict = look_at_one(round);
        if verdict.is_err() {
            break;
        }
    }
    over.store(true, core::sync::atomic::Ordering::Release);
    check!(need!(watcher.join()) > 0);
    verdict
}

fn look_at_one(round: u64) -> Verdict {
    let process = match need!(rt::process::clone()) {
        Side::Original(process) => process,
        Side::Copy { .. } => rt::process::exit(4),
    };
    let mut rows = [abi::handle::HandleInfo::default(); 8];
    for _ in 0..=round % 5 {
        need!(rt::process::info(process.get()));
        need!(rt::handle::list(process.get(), &mut rows));
        rt::thread::yield_now();
    }
    check_eq!(run::end_of(&process, 0)?, End::Exited(4));
    // What has ended has no handles, and still says how it ended.
    check_eq!(need!(rt::process::info(process.get())).exit_code, 4);
    Ok(())
}

/// A process that can take no more handles is called with one: the handle does not arrive,
/// nor is it left anywhere, and both go on.
fn full_table() -> Verdict {
    let job = need!(Job::new());
    need!(job.set_limit(JobResource::Handles, 64));
    let (near, far) = need!(rt::channel::create());
    let grant = viper::process::Grant {
        tag: Tag::User,
        handle: far.get(),
        rights: abi::Rights::all(),
    };
    let child = need!(
        Command::new("SYS:Tests/Child")
            .arg("FULL")
            .job(&job)
            .grant(grant)
            .spawn()
    );
    drop(far);
    need!(rt::handle::wait(near.get(), Signals::READABLE, abi::NEVER));
    need!(rt::channel::read(near.get(), &mut [0; 16], &mut []));
    let used = need!(job.used(JobResource::Handles));
    check!(used >= 60);
    for _ in 0..20 {
        // The other end of the passenger tells when the last handle to it is gone.
        let (passenger, witness) = need!(rt::channel::create());
        let message = rt::call::Message {
            words: [40, 0, 0, 0, 0, 0],
            handle: Some(passenger),
        };
        let soon = need!(rt::time::now()).saturating_add(2_000_000_000);
        match rt::call::call(near.get(), message, soon) {
            Ok(answer) => check_eq!(answer.words[0], 41),
            Err(error) => check!(error != Error::TimedOut && error != Error::PeerClosed),
        }
        // Whatever is left with the sender goes with its next call.
        let message = rt::call::Message::words([40, 0, 0, 0, 0, 0]);
        check_eq!(
            need!(rt::call::call(near.get(), message, abi::NEVER)).words[0],
            41
        );
        let gone = rt::handle::wait(witness.get(), Signals::PEER_CLOSED, soon);
        check_eq!(
            gone.map(|raised| raised.contains(Signals::PEER_CLOSED)),
            Ok(true)
        );
    }
    check_eq!(need!(job.used(JobResource::Handles)), used);
    need!(child.kill(Rc::OK));
    need!(child.wait());
    Ok(())
}
