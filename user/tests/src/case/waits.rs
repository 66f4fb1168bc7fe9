//! Every call that can wait: its deadline, and being told to stop waiting.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use core::time::Duration;

use abi::signal::PortEvent;
use abi::startup::Tag;
use abi::syscall::ArgKind;
use abi::upcall::{UpcallKinds, UpcallRecord};
use abi::{Error, NEVER, NOW, SYSCALLS, Signals};
use rt::OwnedHandle;
use rt::call::{self, Message};
use rt::inherit::RawLock;
use rt::upcall::Upcalls;
use viper::thread;
use viper::time::Instant;

use super::{Case, Verdict};
use crate::{check, check_eq, need};

/// The tests.
pub const CASES: &[Case] = &[
    Case {
        name: "waits::every_call_with_a_deadline_is_here",
        run: complete,
    },
    Case {
        name: "waits::deadlines_are_kept_and_not_early",
        run: deadlines,
    },
    Case {
        name: "waits::a_break_cancels_each",
        run: cancelled,
    },
];

/// Objects on which nothing ever happens.
struct Objects {
    event: OwnedHandle,
    port: OwnedHandle,
    reader: OwnedHandle,
    _writer: OwnedHandle,
    _full_reader: OwnedHandle,
    full: OwnedHandle,
    client: OwnedHandle,
    _server: OwnedHandle,
    word: AtomicU32,
    /// Held by a thread that ends with this.
    lock: Arc<RawLock>,
    over: Arc<AtomicU32>,
}

impl Drop for Objects {
    fn drop(&mut self) {
        self.over.store(1, Ordering::SeqCst);
        let _ = rt::futex::wake(&self.over, 1);
    }
}

impl Objects {
    fn new() -> rt::Result<Objects> {
        let (reader, _writer) = rt::pipe::create(0)?;
        let (_full_reader, full) = rt::pipe::create(1)?;
        rt::stream::write(full.get(), &[0; 4096])?;
        let (client, _server) = rt::channel::create()?;
        let (lock, over) = (Arc::new(RawLock::new()), Arc::new(AtomicU32::new(0)));
        let (held, ends) = (Arc::clone(&lock), Arc::clone(&over));
        // Not joined: it may be one of a thread that is told to stop waiting.
        drop(thread::spawn(move || {
            let _ = held.lock(NEVER);
            while ends.load(Ordering::SeqCst) == 0 {
                let _ = rt::futex::wait(&ends, 0, NEVER);
            }
        })?);
        while lock.is_free() {
            thread::yield_now();
        }
        Ok(Objects {
            lock,
            over,
            event: rt::event::create()?,
            port: rt::port::create()?,
            reader,
            _writer,
            _full_reader,
            full,
            client,
            _server,
            word: AtomicU32::new(7),
        })
    }
}

/// A call that waits until a deadline.
struct Wait {
    name: &'static str,
    call: fn(&Objects, u64) -> rt::Result<()>,
    /// How it ends when the deadline passes.
    ends: Result<(), Error>,
    /// How it ends without waiting.
    at_once: Result<(), Error>,
}

const LATE: Result<(), Error> = Err(Error::TimedOut);
const NOT_YET: Result<(), Error> = Err(Error::WouldBlock);

/// A message without anything in it.
const EMPTY: Message = Message {
    words: [0; 6],
    handle: None,
};

/// The calls that wait.
const WAITS: &[Wait] = &[
    Wait {
        name: "object_wait",
        call: |on, deadline| rt::handle::wait(on.event.get(), Signals::USER_0, deadline).map(drop),
        ends: LATE,
        at_once: LATE,
    },
    Wait {
        name: "event_wait",
        call: |on, deadline| rt::event::wait(on.event.get(), Signals::USER_0, deadline).map(drop),
        ends: LATE,
        at_once: LATE,
    },
    Wait {
        name: "port_wait",
        call: |on, deadline| {
            rt::port::wait(on.port.get(), &mut [PortEvent::default(); 2], deadline).map(drop)
        },
        ends: LATE,
        at_once: LATE,
    },
    Wait {
        name: "port_reply_wait",
        call: |on, deadline| call::reply_wait(on.port.get(), None, deadline).map(drop),
        ends: LATE,
        at_once: LATE,
    },
    Wait {
        name: "channel_call",
        call: |on, deadline| call::call(on.client.get(), EMPTY, deadline).map(drop),
        ends: LATE,
        at_once: LATE,
    },
    Wait {
        name: "channel_read",
        call: |on, deadline| {
            rt::channel::read_until(on.client.get(), &mut [0; 4], &mut [], deadline).map(drop)
        },
        ends: LATE,
        at_once: NOT_YET,
    },
    Wait {
        name: "futex_wait",
        call: |on, deadline| rt::futex::wait(&on.word, 7, deadline),
        ends: LATE,
        at_once: LATE,
    },
    Wait {
        name: "futex_lock",
        call: |on, deadline| on.lock.lock_once(deadline).map(drop),
        ends: LATE,
        at_once: LATE,
    },
    Wait {
        name: "thread_sleep",
        call: |_, deadline| rt::thread::sleep_until(deadline),
        ends: Ok(()),
        at_once: Ok(()),
    },
    Wait {
        name: "stream_read",
        call: |on, deadline| {
            rt::stream::read_until(on.reader.get(), &mut [0; 4], deadline).map(drop)
        },
        ends: LATE,
        at_once: NOT_YET,
    },
    Wait {
        name: "stream_write",
        call: |on, deadline| rt::stream::write_until(on.full.get(), b"x", deadline).map(drop),
        ends: LATE,
        at_once: NOT_YET,
    },
];

/// Calls whose table row has no argument for their deadline: it is in a register beyond.
const UNLISTED: [&str; 2] = ["port_reply_wait", "channel_call"];
/// A call whose deadline is no wait of its own.
const NO_WAIT: [&str; 1] = ["timer_set"];

fn complete() -> Verdict {
    for call in SYSCALLS {
        let has_deadline = call.args.iter().any(|arg| arg.kind == ArgKind::Deadline);
        let is_here = WAITS.iter().any(|wait| wait.name == call.name);
        let waits =
            (has_deadline || UNLISTED.contains(&call.name)) && !NO_WAIT.contains(&call.name);
        if waits != is_here {
            return Err(format!("{}: waits: {waits}, tested: {is_here}", call.name));
        }
    }
    Ok(())
}

fn now() -> u64 {
    Instant::now().since_boot_ns()
}

/// Fails with the name of the call.
fn expect(wait: &Wait, got: rt::Result<()>, wanted: rt::Result<()>) -> Result<(), String> {
    if got == wanted {
        return Ok(());
    }
    Err(format!("{}: {got:?}, not {wanted:?}", wait.name))
}

fn deadlines() -> Verdict {
    let objects = need!(Objects::new());
    for wait in WAITS {
        expect(wait, (wait.call)(&objects, NOW), wait.at_once)?;
        expect(wait, (wait.call)(&objects, 1), wait.ends)?;
        for ns in [1_000, 2_000_000] {
            let deadline = now() + ns;
            expect(wait, (wait.call)(&objects, deadline), wait.ends)?;
            if now() < deadline {
                return Err(format!("{} ended early", wait.name));
            }
        }
    }
    Ok(())
}

/// Takes note of a break, and goes on.
fn handler(_: &mut UpcallRecord) {}

fn cancelled() -> Verdict {
    let process = rt::startup::handle(Tag::OwnProcess).ok_or("no handle to the process")?;
    for index in 0..WAITS.len() {
        let has_ended = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&has_ended);
        let waiting = need!(thread::spawn(move || {
            let wait = WAITS.get(index).ok_or(Error::NotFound)?;
            let objects = Objects::new()?;
            let upcalls = Upcalls::new(UpcallKinds::BREAK, handler)?;
            let result = (wait.call)(&objects, NEVER);
            flag.store(true, Ordering::SeqCst);
            drop(upcalls);
            result
        }));
        // A break that comes before the wait is over by then: they come until one hits.
        let start = Instant::now();
        while !has_ended.load(Ordering::SeqCst) && start.elapsed() < Duration::from_secs(20) {
            thread::sleep(Duration::from_millis(1));
            // Fails before the thread takes breaks, and after.
            let _ = rt::upcall::interrupt(process, 1);
        }
        let Some(wait) = WAITS.get(index) else { break };
        if !has_ended.load(Ordering::SeqCst) {
            return Err(format!("{} goes on", wait.name));
        }
        expect(wait, need!(waiting.join()), Err(Error::Cancelled))?;
    }
    check!(WAITS.len() > 5);
    check_eq!(NOW, 0);
    Ok(())
}
