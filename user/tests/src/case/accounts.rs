//! Accounts: what a process causes is charged to it, and returned.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::any::Any;
use core::time::Duration;

use abi::process::ProcessInfo;
use abi::startup::Tag;
use abi::{Rights, Signals};
use viper::fs::{self, File};
use viper::process::{Child, Command, Grant};
use viper::time::Instant;
use viper::{Rc, thread};

use super::files::path;
use super::{Case, Verdict};
use crate::{check, check_eq, need};

/// The tests.
pub const CASES: &[Case] = &[
    Case {
        name: "accounts::every_object_is_charged_and_returned",
        run: objects,
    },
    Case {
        name: "accounts::messages_on_their_way_are_charged_to_the_sender",
        run: messages,
    },
    Case {
        name: "accounts::twins_are_charged_the_same",
        run: twins,
    },
    Case {
        name: "accounts::what_ended_holds_nothing",
        run: ended,
    },
    Case {
        name: "accounts::starting_and_ending_leaves_every_counter_equal",
        run: loops,
    },
    Case {
        name: "accounts::hundreds_of_processes_leave_no_page_behind",
        run: hundreds,
    },
];

/// The helper program.
const CHILD: &str = "SYS:Tests/Child";

/// What a process is charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counters {
    handles: u64,
    threads: u32,
    kernel_bytes: u64,
}

impl From<ProcessInfo> for Counters {
    fn from(info: ProcessInfo) -> Counters {
        Counters {
            handles: info.handles,
            threads: info.threads,
            kernel_bytes: info.kernel_bytes,
        }
    }
}

fn own() -> Result<Counters, String> {
    let own = rt::startup::handle(Tag::OwnProcess).ok_or("no handle to this process")?;
    Ok(need!(rt::process::info(own)).into())
}

/// Waits until `holds`, for what other CPUs are still about to return.
pub fn eventually(what: &str, mut holds: impl FnMut() -> Result<bool, String>) -> Verdict {
    let start = Instant::now();
    while !holds()? {
        if start.elapsed() > Duration::from_secs(5) {
            return Err(String::from(what));
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// Makes room in the handle table, whose growth is charged too and stays.
fn widen_table() -> Verdict {
    let mut events = Vec::new();
    for _ in 0..128 {
        events.push(need!(rt::event::create()));
    }
    Ok(())
}

type Thing = Box<dyn Any>;
type Maker = fn() -> Result<Thing, String>;

/// One of everything a program can make, with how many handles that is.
const MAKERS: [(&str, u64, Maker); 7] = [
    ("event", 1, || Ok(Box::new(need!(rt::event::create())))),
    ("channel", 2, || Ok(Box::new(need!(rt::channel::create())))),
    ("port", 1, || Ok(Box::new(need!(rt::port::create())))),
    ("memory", 1, || {
        Ok(Box::new(need!(rt::memory::create(1 << 16))))
    }),
    ("file", 1, || Ok(Box::new(need!(File::create(&path("a")))))),
    ("directory", 1, || {
        Ok(Box::new(need!(fs::open_directory("SYS:Tests")).0))
    }),
    ("file memory", 2, || {
        let file = need!(File::open("SYS:Init"));
        let handle = file.into_handle().ok_or("no handle")?;
        let memory = need!(rt::file::memory(handle.get()));
        Ok(Box::new((handle, memory)))
    }),
];

fn objects() -> Verdict {
    widen_table()?;
    drop(need!(File::create(&path("a"))));
    for (name, handles, make) in MAKERS {
        let before = own()?;
        let thing = make()?;
        let during = own()?;
        check_eq!((name, during.handles), (name, before.handles + handles));
        // Nothing is smaller than its signals.
        let least = before.kernel_bytes.saturating_add(32 * handles);
        if during.kernel_bytes < least {
            return Err(alloc::format!("{name}: {before:?}, then {during:?}"));
        }
        drop(thing);
        eventually(name, || Ok(own()? == before))?;
    }
    let event = need!(rt::event::create());
    let port = need!(rt::port::create());
    let before = own()?;
    need!(rt::port::add(port.get(), event.get(), Signals::USER_0, 1));
    check!(own()?.kernel_bytes > before.kernel_bytes);
    need!(rt::port::remove(port.get(), 1));
    eventually("port member", || Ok(own()? == before))?;
    let copy = need!(rt::handle::duplicate(event.get(), Rights::WAIT));
    check_eq!(own()?.handles, before.handles + 1);
    // A copy has a place among copies, and no object of its own.
    let bytes = own()?.kernel_bytes.saturating_sub(before.kernel_bytes);
    check!((1..256).contains(&bytes));
    drop(copy);
    check_eq!(own()?, before);
    Ok(())
}

fn messages() -> Verdict {
    widen_table()?;
    let (near, far) = need!(rt::channel::create());
    let before = own()?;
    let event = need!(rt::event::create());
    let with_event = own()?;
    need!(rt::channel::write(near.get(), &[7; 1000], &[]));
    let sent = own()?;
    check!(sent.kernel_bytes >= with_event.kernel_bytes + 1000);
    let mut buffer = [0; 1000];
    need!(rt::channel::read(far.get(), &mut buffer, &mut []));
    check_eq!(own()?, with_event);
    // A handle on its way is in no table, and still counted by who sent it.
    let raw = event.into_raw();
    need!(rt::channel::write(near.get(), &[], &[raw]));
    check_eq!(own()?.handles, before.handles);
    check!(own()?.kernel_bytes > with_event.kernel_bytes);
    drop(far);
    drop(near);
    eventually("messages of a closed channel", || {
        Ok(own()?.kernel_bytes < before.kernel_bytes)
    })
}

fn sleeper(granted: Option<Grant>) -> Result<Child, String> {
    let mut command = Command::new(CHILD).arg("SLEEP");
    if let Some(grant) = granted {
        command = command.grant(grant);
    }
    Ok(need!(command.spawn()))
}

/// Counters of a child that has come to rest.
fn at_rest(child: &Child) -> Result<ProcessInfo, String> {
    let mut last = need!(child.info());
    eventually("the child never rests", || {
        thread::sleep(Duration::from_millis(20));
        let now = need!(child.info());
        let same = now.switches == last.switches && now.cpu_ns == last.cpu_ns;
        last = now;
        Ok(same && now.switches > 0)
    })?;
    Ok(last)
}

fn twins() -> Verdict {
    let of = |info: &ProcessInfo| {
        [
            info.pages,
            info.handles,
            info.kernel_bytes,
            u64::from(info.threads),
        ]
    };
    let (first, second) = (sleeper(None)?, sleeper(None)?);
    let one = at_rest(&first)?;
    let two = at_rest(&second)?;
    check_eq!(of(&two), of(&one));
    // Each of four parts may lie across the border of two tables.
    check!(two.tables.abs_diff(one.tables) <= 4);
    check!(one.pages > 0 && one.tables > 0 && one.threads == 1);
    // What is counted as its handles is what it has.
    let mut rows = [abi::handle::HandleInfo::default(); 64];
    let count = need!(rt::handle::list(first.handle().get(), &mut rows));
    check_eq!(count as u64, one.handles);
    // One handle more is one handle more.
    let event = need!(rt::event::create());
    let third = sleeper(Some(Grant {
        tag: Tag::User,
        handle: event.get(),
        rights: Rights::all(),
    }))?;
    check_eq!(at_rest(&third)?.handles, one.handles + 1);
    for child in [first, second, third] {
        need!(child.kill(Rc::OK));
        need!(child.wait());
    }
    Ok(())
}

fn ended() -> Verdict {
    let child = sleeper(None)?;
    let alive = at_rest(&child)?;
    need!(child.kill(Rc::OK));
    need!(child.wait());
    eventually("pages or handles of an ended process", || {
        let info = need!(child.info());
        Ok((info.pages, info.handles, info.threads) == (0, 0, 0)
            && info.kernel_bytes < alive.kernel_bytes / 2)
    })
}

/// A short share of what the program `Soak` does a million times.
fn hundreds() -> Verdict {
    crate::soak::soak(300)
}

fn loops() -> Verdict {
    let run = || {
        check_eq!(
            need!(need!(Command::new(CHILD).spawn()).wait()).rc(),
            Rc::OK
        );
        let joined = need!(thread::spawn(|| 7)).join();
        check_eq!(joined.ok(), Some(7));
        Ok(())
    };
    // The first ones widen tables that stay.
    widen_table()?;
    run()?;
    let before = own()?;
    for _ in 0..30 {
        run()?;
    }
    eventually("counters differ after starting and ending", || {
        Ok(own()? == before)
    })
}
