//! The program `Bomb`, which takes all it can get of one resource.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use abi::memory::MapFlags;
use abi::startup::Tag;
use abi::{Handle, Signals};
use rt::memory::Mapping;
use viper::args::{Args, Required, Template};
use viper::process::{Command, Grant, Job, Stdio};
use viper::{Failure, Outcome, Program, thread};

const TEMPLATE: Template = Template::parse("KIND/A");
const KIND: Required = TEMPLATE.required("KIND");

/// The program `Bomb`.
pub const PROGRAM: Program = Program {
    name: "Bomb",
    template: TEMPLATE,
    summary: "Takes all it can get of one resource, for tests of limits.",
    help: "",
    main,
};

/// Where it lies.
pub const PATH: &str = "SYS:Tests/Bomb";

/// Takes one more, or says that there is no more.
type Taker = Box<dyn FnMut() -> Result<(), abi::Error>>;

/// A bomb that is ready.
type Maker = fn() -> Result<Taker, abi::Error>;

/// Every kind by name.
const KINDS: [(&str, Maker); 13] = [
    ("fork", fork),
    ("thread", threads),
    ("page", pages),
    ("memory", memories),
    ("table", tables),
    ("handle", handles),
    ("event", events),
    ("message", messages),
    ("nest", nested_channels),
    ("ring", channel_rings),
    ("member", port_members),
    ("job", jobs),
    ("log", log),
];

fn main(args: &Args) -> Outcome {
    let kind = args.get(KIND);
    let make = KINDS.iter().find(|(name, _)| *name == kind);
    let (_, make) = make.ok_or_else(|| Failure::new("no such kind"))?;
    let mut take = make().map_err(|_| Failure::new("cannot begin"))?;
    loop {
        // Being refused is no reason to give up.
        let _ = take();
    }
}

/// Keeps everything that is made.
fn keeping<T: 'static>(make: impl Fn() -> Result<T, abi::Error> + 'static) -> Taker {
    let mut kept = Vec::new();
    Box::new(move || {
        kept.push(make()?);
        Ok(())
    })
}

/// Processes that are bombs themselves.
fn fork() -> Result<Taker, abi::Error> {
    Ok(keeping(|| {
        Command::new(PATH)
            .arg("fork")
            .stdout(Stdio::Nil)
            .stderr(Stdio::Nil)
            .spawn()
            .map_err(|error| error.cause)
    }))
}

fn threads() -> Result<Taker, abi::Error> {
    Ok(keeping(|| {
        thread::spawn(|| thread::sleep(Duration::from_secs(3600)))
    }))
}

const READ_WRITE: MapFlags = MapFlags::READ.union(MapFlags::WRITE);

/// Pages that are touched; ends with a fault.
fn pages() -> Result<Taker, abi::Error> {
    Ok(keeping(|| {
        let mut mapping = Mapping::anonymous(1 << 16, READ_WRITE)?;
        if let Some(bytes) = mapping.bytes_mut() {
            bytes.fill(0xa5);
        }
        Ok(mapping)
    }))
}

fn memories() -> Result<Taker, abi::Error> {
    Ok(keeping(|| rt::memory::create(1 << 16)))
}

/// One page in each GiB, so that each needs tables of its own; ends with a fault.
fn tables() -> Result<Taker, abi::Error> {
    const GIB: usize = 1 << 30;
    let mut address = 64 * GIB;
    let mut kept = Vec::new();
    Ok(Box::new(move || {
        address = address.saturating_add(GIB);
        let mut mapping = Mapping::anonymous_at(address, 4096, READ_WRITE)?;
        if let Some(first) = mapping.bytes_mut().and_then(<[u8]>::first_mut) {
            *first = 1;
        }
        kept.push(mapping);
        Ok(())
    }))
}

fn handles() -> Result<Taker, abi::Error> {
    let event = rt::event::create()?;
    Ok(keeping(move || event.try_clone()))
}

fn events() -> Result<Taker, abi::Error> {
    Ok(keeping(rt::event::create))
}

/// Messages that nobody reads, through as many channels as it takes.
fn messages() -> Result<Taker, abi::Error> {
    let mut channels = Vec::new();
    channels.push(rt::channel::create()?);
    Ok(Box::new(move || {
        let bytes = [7; 4096];
        let (near, _) = channels.last().ok_or(abi::Error::BadState)?;
        match rt::channel::write(near.get(), &bytes, &[]) {
            Err(abi::Error::WouldBlock) => {
                channels.push(rt::channel::create()?);
                Ok(())
            }
            result => result,
        }
    }))
}

/// Each channel is the only message in the next.
fn nested_channels() -> Result<Taker, abi::Error> {
    let (_, mut far) = rt::channel::create()?;
    Ok(Box::new(move || {
        let (near, outer) = rt::channel::create()?;
        let inner = core::mem::replace(&mut far, outer).into_raw();
        let sent = rt::channel::write(near.get(), &[], &[inner]);
        if sent.is_err() {
            // Still ours, under the number it had.
            drop(rt::OwnedHandle::new(inner));
        }
        sent
    }))
}

/// Channels sent through themselves, which nobody can ever reach again.
fn channel_rings() -> Result<Taker, abi::Error> {
    Ok(Box::new(|| {
        let (near, far) = rt::channel::create()?;
        let far = far.into_raw();
        let sent = rt::channel::write(near.get(), &[], &[far]);
        if sent.is_err() {
            drop(rt::OwnedHandle::new(far));
        }
        sent
    }))
}

fn port_members() -> Result<Taker, abi::Error> {
    let event = rt::event::create()?;
    let mut ports = Vec::new();
    ports.push(rt::port::create()?);
    let mut key = 0u64;
    Ok(Box::new(move || {
        if key.is_multiple_of(5000) {
            ports.push(rt::port::create()?);
        }
        key = key.saturating_add(1);
        let port = ports.last().ok_or(abi::Error::BadState)?;
        rt::port::add(port.get(), event.get(), Signals::USER_0, key)
    }))
}

fn jobs() -> Result<Taker, abi::Error> {
    Ok(keeping(Job::new))
}

fn log() -> Result<Taker, abi::Error> {
    let log: Handle = rt::startup::handle(Tag::Log).ok_or(abi::Error::NotFound)?;
    let line = "flood ".repeat(20);
    Ok(Box::new(move || rt::system::log_write(log, &line)))
}

/// A bomb of this kind, in a job.
///
/// # Errors
///
/// As for every program.
pub fn throw(kind: &str, job: &Job) -> Result<viper::process::Child, String> {
    let mut command = Command::new(PATH)
        .arg(kind)
        .job(job)
        .stdout(Stdio::Nil)
        .stderr(Stdio::Nil);
    if let Some(log) = rt::startup::handle(Tag::Log) {
        command = command.grant(Grant {
            tag: Tag::Log,
            handle: log,
            rights: abi::Rights::WRITE,
        });
    }
    command
        .spawn()
        .map_err(|error| alloc::format!("{PATH} {kind}: {error}"))
}
