//! The program `Child`: does as it is told, so that tests can watch a process.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use abi::memory::MapFlags;
use abi::process::RestrictFlags;
use abi::startup::Tag;
use abi::{Signals, Syscall, SyscallInfo};
use rt::call::{Message, Received};
use rt::memory::Mapping;
use viper::args::{Args, Many, Number, Switch, Template, Text};
use viper::fs::File;
use viper::io::{self, Read, Write};
use viper::process::{Command, Fork, fork};
use viper::{Outcome, Program, Rc, descriptor, env, fs, println, thread};

const TEMPLATE: Template = Template::parse(
    "CODE/N,SLEEP/S,WHERE/S,WORDS/K,VARIABLE/K,CREATE/K,HERE/S,RESTRICT/K,SHARE/K,COPY/S,\
     PIPES/K/N,FULL/S,HAS/K,FROM/K/N,TO/K/N,FORK/S,MORE/M",
);
const CODE: Number = TEMPLATE.number("CODE");
const SLEEP: Switch = TEMPLATE.switch("SLEEP");
const WHERE: Switch = TEMPLATE.switch("WHERE");
const WORDS: Text = TEMPLATE.text("WORDS");
const VARIABLE: Text = TEMPLATE.text("VARIABLE");
const CREATE: Text = TEMPLATE.text("CREATE");
const HERE: Switch = TEMPLATE.switch("HERE");
const RESTRICT: Text = TEMPLATE.text("RESTRICT");
const FULL: Switch = TEMPLATE.switch("FULL");
const HAS: Text = TEMPLATE.text("HAS");
const SHARE: Text = TEMPLATE.text("SHARE");
const COPY: Switch = TEMPLATE.switch("COPY");
const PIPES: Number = TEMPLATE.number("PIPES");
const FROM: Number = TEMPLATE.number("FROM");
const TO: Number = TEMPLATE.number("TO");
const FORK: Switch = TEMPLATE.switch("FORK");
const MORE: Many = TEMPLATE.many("MORE");

/// The program `Child`.
pub const PROGRAM: Program = Program {
    name: "Child",
    template: TEMPLATE,
    summary: "Does as it is told, for tests of processes.",
    help: "",
    main,
};

fn main(args: &Args) -> Outcome {
    if args.get(SLEEP) {
        loop {
            thread::sleep(Duration::from_secs(3600));
        }
    }
    if let Some(how) = args.get(RESTRICT) {
        return restricted(how);
    }
    if args.get(FULL) {
        return full();
    }
    if let Some(number) = args.get(HAS) {
        return Ok(has(number.parse().unwrap_or(0)));
    }
    if let Some(how) = args.get(SHARE) {
        return crate::share::run(how);
    }
    if args.get(COPY) {
        return copy();
    }
    if let Some(count) = args.get(PIPES) {
        return Ok(Rc::new(pipes(count)));
    }
    if let (Some(from), Some(to)) = (args.get(FROM), args.get(TO)) {
        return copy_descriptors(from, to);
    }
    if args.get(FORK) {
        return fork_and_exec();
    }
    if args.get(WHERE) {
        println!("{}", parts());
    }
    if let Some(words) = args.get(WORDS) {
        println!("{words}");
    }
    if let Some(name) = args.get(VARIABLE) {
        println!("{}", env::var(name).unwrap_or_default());
    }
    if args.get(HERE) {
        println!("{}", env::current_dir());
    }
    args.get(MORE).iter().for_each(|word| println!("{word}"));
    if let Some(path) = args.get(CREATE) {
        File::create(path).map_err(|error| fs::Error::new(path, error.cause))?;
    }
    let code = args.get(CODE).unwrap_or(0);
    Ok(Rc::new(u8::try_from(code).unwrap_or(255)))
}

/// Copies its input to its output.
fn copy() -> Outcome {
    let mut buffer = [0; 256];
    loop {
        let count = io::stdin().read(&mut buffer)?;
        if count == 0 {
            return Ok(Rc::OK);
        }
        io::stdout().write_all(buffer.get(..count).unwrap_or(&[]))?;
    }
}

/// Copies from one descriptor to another.
fn copy_descriptors(from: i64, to: i64) -> Outcome {
    let number = |value| u32::try_from(value).unwrap_or(u32::MAX);
    let mut buffer = [0; 64];
    loop {
        let count = descriptor::read(number(from), &mut buffer)?;
        if count == 0 {
            return Ok(Rc::OK);
        }
        descriptor::write(number(to), buffer.get(..count).unwrap_or(&[]))?;
    }
}

/// Makes a copy of itself that runs this program with other arguments, and waits for it.
fn fork_and_exec() -> Outcome {
    println!("before");
    match fork()? {
        Fork::Copy => {
            let command = Command::new("SYS:Tests/Child")
                .arg("3")
                .arg("from the program");
            Err(command.exec().into())
        }
        Fork::Parent(child) => {
            println!("after {}", child.wait()?.rc());
            Ok(Rc::new(7))
        }
    }
}

/// Makes pipes of the usual size until it cannot; how many, at most `count`.
fn pipes(count: i64) -> u8 {
    let mut all = Vec::new();
    while i64::try_from(all.len()).is_ok_and(|made| made < count) {
        let Ok(pipe) = rt::pipe::create(0) else { break };
        all.push(pipe);
    }
    u8::try_from(all.len()).unwrap_or(u8::MAX)
}

/// Return code where an Event could be made.
pub const MADE: u8 = 40;
/// Return code where the call to make one does not exist.
pub const NO_CALL: u8 = 41;
/// Return code where a bad handle is an error.
pub const BAD_HANDLE: u8 = 42;

/// Gives something up, and tries what is then no longer possible.
fn restricted(how: &str) -> Outcome {
    let all = |_: &SyscallInfo| true;
    let no_events = |call: &SyscallInfo| call.number != Syscall::EventCreate as u64;
    match how {
        "nothing" => {}
        "events" | "inherited" | "regain" => {
            rt::process::restrict(RestrictFlags::empty(), no_events)?
        }
        "events-ends" => rt::process::restrict(RestrictFlags::BAD_CALL_ENDS, no_events)?,
        "handle-ends" | "handle-late" => {
            rt::process::restrict(RestrictFlags::BAD_HANDLE_ENDS, all)?;
        }
        "handle" => {}
        _ => return Err(viper::Failure::new("no such restriction")),
    }
    if how == "regain" {
        rt::process::restrict(RestrictFlags::empty(), all)?;
    }
    if how == "inherited" {
        let child = Command::new("SYS:Tests/Child")
            .arg("RESTRICT")
            .arg("nothing");
        return Ok(child.spawn()?.wait()?.rc());
    }
    if how.starts_with("handle") {
        // Short calls and others take different ways to the handle.
        let bad = abi::Handle(0x1234_5678);
        let error = match how {
            "handle-late" => rt::handle::wait(bad, Signals::READABLE, abi::NOW).err(),
            _ => rt::handle::close(bad).err(),
        };
        let expected = error == Some(abi::Error::BadHandle);
        return Ok(if expected {
            Rc::new(BAD_HANDLE)
        } else {
            Rc::FAIL
        });
    }
    Ok(Rc::new(match rt::event::create() {
        Ok(_) => MADE,
        Err(abi::Error::BadSyscall) => NO_CALL,
        Err(_) => 0,
    }))
}

/// Whether a number is a handle of this process.
fn has(number: u64) -> Rc {
    match rt::handle::info(abi::Handle(number)) {
        Err(abi::Error::BadHandle) => Rc::new(BAD_HANDLE),
        _ => Rc::OK,
    }
}

/// Takes handles until there are no more, and then answers calls through the channel it was
/// given: each with its first word and one more.
fn full() -> Outcome {
    let channel = rt::startup::handle(Tag::User).ok_or(abi::Error::NotFound)?;
    let port = rt::port::create()?;
    rt::port::add(port.get(), channel, Signals::READABLE, 1)?;
    let mut kept = Vec::new();
    while let Ok(event) = rt::event::create() {
        kept.push(event);
    }
    rt::channel::write(channel, b"ready", &[])?;
    let mut answer = None;
    loop {
        answer = match rt::call::reply_wait(port.get(), answer, abi::NEVER) {
            Ok(Received::Call { token, message, .. }) => {
                let [first, ..] = message.words;
                let words = [first.wrapping_add(1), 0, 0, 0, 0, 0];
                Some((token, Message::words(words)))
            }
            Ok(Received::Event { signals, .. }) if signals.contains(Signals::PEER_CLOSED) => {
                return Ok(Rc::OK);
            }
            // A call that could not be taken, or whose caller has gone.
            Ok(Received::Event { .. }) | Err(_) => None,
        };
    }
}

/// Addresses of a function, of fresh memory and of the stack.
fn parts() -> String {
    let here = 0u8;
    let fresh = Mapping::anonymous(abi::PAGE_SIZE, MapFlags::READ);
    format!(
        "{:x} {:x} {:x}",
        parts as fn() -> String as usize,
        fresh.map_or(0, |pages| pages.address()),
        core::ptr::from_ref(&here) as usize
    )
}
