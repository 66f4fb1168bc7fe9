//! Calls and signals between two processes.

use core::sync::atomic::AtomicU32;

use abi::startup::Tag;
use abi::{Error, Handle, NEVER, Rights, Signals};
use rt::call::{Message, Received, call, reply_wait, serve_words};
use rt::memory::Mapping;
use rt::{OwnedHandle, port};
use viper::process::{Child, Command, Grant};
use viper::{Failure, Outcome, Rc, env};

use super::Cost;
use super::clock::Clock;
use super::ipc::{pass_to, wait_beyond, wait_for};
use super::memory::READ_WRITE;

/// The name of the server of calls, for `PEER`.
pub const CALLS: &str = "CALLS";
/// The name of the process that answers signals with signals, for `PEER`.
pub const EVENTS: &str = "EVENTS";

/// The name of the process that answers turns of a word, for `PEER`.
pub const FUTEXES: &str = "FUTEXES";

/// Key of the channel in the server's port.
const KEY: u64 = 1;

/// Starts this program as the other side `peer`, with `handles` in its startup record.
pub(super) fn start_peer(peer: &str, handles: &[Handle]) -> Result<Child, Failure> {
    let path = env::program_name().unwrap_or("Bench");
    let program = alloc::format!("C:{path}");
    let mut command = Command::new(&program);
    command = command.arg("PEER").arg(peer);
    for handle in handles {
        command = command.grant(Grant {
            tag: Tag::User,
            handle: *handle,
            rights: Rights::all(),
        });
    }
    Ok(command.spawn()?)
}

pub(super) fn end_well(child: Child) -> Result<(), Failure> {
    match child.wait()?.rc() {
        Rc::OK => Ok(()),
        rc => Err(Failure::new(alloc::format!("the peer ended with {rc}"))),
    }
}

/// Measures `exchange` with a server of calls on the other side.
fn with_server(
    clock: &Clock,
    exchange: impl Fn(Handle) -> rt::Result<()>,
) -> Result<Cost, Failure> {
    let (near, far) = rt::channel::create()?;
    let child = start_peer(CALLS, &[far.get()])?;
    drop(far);
    let cost = clock.measure(10_000, |count| {
        for _ in 0..count {
            exchange(near.get())?;
        }
        Ok(())
    });
    drop(near);
    end_well(child)?;
    cost
}

/// A call without words that matter, and its answer.
pub fn call_words_0(clock: &Clock) -> Result<Cost, Failure> {
    with_server(clock, |channel| {
        rt::call::call_words(channel, [0; 6]).map(|_| ())
    })
}

/// Six words there and back.
pub fn call_words_6(clock: &Clock) -> Result<Cost, Failure> {
    with_server(clock, |channel| {
        match rt::call::call_words(channel, [1, 2, 3, 4, 5, 6])? {
            [1, 2, 3, 4, 5, 6] => Ok(()),
            _ => Err(Error::BadState),
        }
    })
}

/// A handle that goes with a call and comes back with the answer.
pub fn call_handle(clock: &Clock) -> Result<Cost, Failure> {
    let event = rt::event::create()?;
    let passed = core::cell::RefCell::new(Some(event));
    with_server(clock, |channel| {
        let message = Message {
            words: [0; 6],
            handle: passed.take(),
        };
        let answer = call(channel, message, NEVER)?;
        let back = answer.handle.ok_or(Error::BadState)?;
        passed.replace(Some(back));
        Ok(())
    })
}

/// A signal to another process, which answers with one.
pub fn event_switch(clock: &Clock) -> Result<Cost, Failure> {
    let (there, back) = (rt::event::create()?, rt::event::create()?);
    let child = start_peer(EVENTS, &[there.get(), back.get()])?;
    let none = Signals::empty();
    let cost = clock.measure(10_000, |count| {
        for _ in 0..count {
            rt::event::signal(there.get(), none, Signals::USER_0)?;
            rt::event::wait(back.get(), Signals::USER_0, NEVER)?;
        }
        Ok(())
    });
    rt::event::signal(there.get(), none, STOP)?;
    end_well(child)?;
    cost
}

/// Bytes of the memory that two processes share.
const SHARED_BYTES: usize = 4096;
/// What the word says when the other process is to end.
const LAST_TURN: u32 = u32::MAX;

fn share(memory: Handle) -> Result<Mapping, Failure> {
    Ok(Mapping::shared(memory, 0, SHARED_BYTES, READ_WRITE)?)
}

/// The words that the two sides wait for.
fn words(mapping: &Mapping) -> Result<(&AtomicU32, &AtomicU32), Failure> {
    match mapping.futex_words() {
        Some([there, back, ..]) => Ok((there, back)),
        _ => Err(Failure::not_given("memory for two words")),
    }
}

/// Two processes that wake each other in turn by words of shared memory.
pub fn futex_between(clock: &Clock) -> Result<Cost, Failure> {
    let memory = rt::memory::create(SHARED_BYTES as u64)?;
    let mapping = share(memory.get())?;
    let (there, back) = words(&mapping)?;
    let child = start_peer(FUTEXES, &[memory.get()])?;
    let mut turn = 0;
    let cost = clock.measure(10_000, |count| {
        for _ in 0..count {
            turn += 1;
            pass_to(there, turn);
            wait_for(back, turn);
        }
        Ok(())
    });
    pass_to(there, LAST_TURN);
    end_well(child)?;
    cost
}

/// Answers each turn of a word with the same of the other.
pub fn serve_futexes() -> Outcome {
    let mapping = share(given(0)?)?;
    let (there, back) = words(&mapping)?;
    let mut turn = 0u32;
    loop {
        let seen = wait_beyond(there, turn);
        if seen == LAST_TURN {
            return Ok(Rc::OK);
        }
        turn = seen;
        pass_to(back, turn);
    }
}

/// Tells the process that answers signals to end.
const STOP: Signals = Signals::from_bits_truncate(1 << 25);

pub(super) fn given(number: usize) -> Result<Handle, Failure> {
    let startup = rt::startup::get();
    let rows = startup
        .as_ref()
        .map_or(&[][..], |startup| startup.handles());
    rows.iter()
        .filter(|row| row.tag == Tag::User as u32)
        .nth(number)
        .map(|row| row.handle)
        .ok_or_else(|| Failure::not_given("a handle"))
}

/// Answers each call with what it said, until the client's end is closed.
pub fn serve_calls() -> Outcome {
    let channel = OwnedHandle::new(given(0)?);
    let port = port::create()?;
    port::add(port.get(), channel.get(), Signals::PEER_CLOSED, KEY)?;
    let mut answer = None;
    loop {
        let received = match answer.take() {
            None => serve_words(port.get(), |_, words| words)?,
            answer => reply_wait(port.get(), answer, NEVER)?,
        };
        match received {
            Received::Call { token, message, .. } => answer = Some((token, message)),
            Received::Event { .. } => return Ok(Rc::OK),
        }
    }
}

/// Answers each signal with a signal, until told to stop.
pub fn serve_events() -> Outcome {
    let (there, back) = (given(0)?, given(1)?);
    loop {
        let raised = rt::event::wait(there, Signals::USER_0 | STOP, NEVER)?;
        if raised.contains(STOP) {
            return Ok(Rc::OK);
        }
        rt::event::signal(back, Signals::empty(), Signals::USER_0)?;
    }
}
