//! Objects and memory that make a call succeed.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use abi::fs::{OpenFlags, RenameArgs};
use abi::memory::MapFlags;
use abi::process::{SpawnArgs, ThreadArgs};
use abi::scheduling::Scheduling;
use abi::startup::Tag;
use abi::syscall::ArgKind;
use abi::upcall::UpcallKinds;
use abi::{Handle, Rights, SYSCALLS, Signals, Syscall, SyscallInfo};
use rt::OwnedHandle;
use rt::hostile::{Arena, Attack, Journal, SLOT_BYTES};
use rt::memory::Mapping;
use rt::probe::{self, Argument};
use rt::process::Side;
use rt::thread;
use rt::upcall::Upcalls;
use viper::fs;
use zerocopy::IntoBytes;

use super::place::Place;
use super::values::Value;
use crate::need;
use crate::selftest::FOLDER;

/// Bytes of a path and of everything else with a length.
const PATH_BYTES: usize = 64;
/// Slots with the paths of a rename.
const PATH_SLOTS: [usize; 2] = [4, 5];
/// Messages that wait to be read.
const MESSAGES: usize = 60;

/// What all kits share: a folder, a program, and objects that came with the start.
#[derive(Debug)]
pub struct Ground {
    folder: OwnedHandle,
    program: OwnedHandle,
    terminal: Option<OwnedHandle>,
    thread: thread::JoinHandle,
}

impl Ground {
    /// Opens what is needed.
    pub fn new() -> Result<Ground, String> {
        let path = format!("{FOLDER}/hostile");
        need!(fs::create_dir_all(&path));
        let terminal = match rt::startup::handle(Tag::Terminal) {
            // What is swept must not write to it, nor wait for its input.
            Some(terminal) => {
                let rights = Rights::DUPLICATE | Rights::INSPECT;
                Some(need!(rt::handle::duplicate(terminal, rights)))
            }
            None => None,
        };
        Ok(Ground {
            folder: need!(fs::open_directory(&path)).0,
            program: need!(fs::open_program("SYS:Tests/Child")),
            terminal,
            // It does nothing, and whoever attacks a thread attacks it.
            thread: need!(thread::spawn(
                thread::STACK_BYTES,
                alloc::boxed::Box::new(|| { while thread::sleep_until(abi::NEVER).is_ok() {} }),
            )),
        })
    }
}

/// Fresh objects for one call.
#[derive(Debug)]
pub struct Kit {
    call: &'static SyscallInfo,
    arena: Arena,
    spare: Mapping,
    objects: Vec<(&'static str, OwnedHandle)>,
    stale: u64,
    passengers: Vec<OwnedHandle>,
    _peer: OwnedHandle,
    sleeper: Option<Sleeper>,
}

impl Kit {
    /// Everything that `call` may want.
    pub fn new(call: &'static SyscallInfo, ground: &Ground, count: usize) -> Result<Kit, String> {
        let event = need!(rt::event::create());
        need!(rt::event::signal(
            event.get(),
            Signals::empty(),
            Signals::USER_0
        ));
        let port = need!(rt::port::create());
        need!(rt::port::add(port.get(), event.get(), Signals::USER_0, 1));
        let (channel, peer) = need!(rt::channel::create());
        if call.number == Syscall::ChannelRead as u64 {
            fill(&peer)?;
        }
        let flags = OpenFlags::READ | OpenFlags::WRITE | OpenFlags::CREATE;
        let folder = need!(ground.folder.try_clone());
        let (file, _) = need!(rt::directory::open(
            folder.get(),
            &[b'p'; PATH_BYTES],
            flags
        ));
        need!(rt::file::truncate(file.get(), 512));
        let (reader, writer) = need!(rt::pipe::create(0));
        let mut objects = alloc::vec![
            ("timer", need!(rt::timer::create())),
            ("reader", reader),
            ("writer", writer),
            ("event", event),
            ("port", port),
            ("channel", channel),
            ("file", file),
            ("memory", need!(rt::memory::create(4096))),
            ("job", need!(rt::job::create(Handle::NONE))),
            ("directory", folder),
            ("program", need!(ground.program.try_clone())),
            ("thread", need!(all_of(ground.thread.handle()))),
        ];
        if let Some(terminal) = &ground.terminal {
            objects.push(("terminal", need!(terminal.try_clone())));
        }
        let stale = need!(rt::event::create()).get().0;
        let wants_process = call.args.iter().any(|arg| arg.name == "process");
        let mut kit = Kit {
            call,
            arena: need!(Arena::new()),
            spare: need!(Mapping::anonymous(4096, MapFlags::READ | MapFlags::WRITE)),
            objects,
            stale,
            passengers: Vec::new(),
            _peer: peer,
            sleeper: wants_process.then(Sleeper::new).transpose()?,
        };
        kit.add_new_kinds()?;
        if takes_handles(call) {
            for _ in 0..count {
                kit.passengers.push(need!(rt::event::create()));
            }
        }
        kit.fill_arena();
        Ok(kit)
    }

    /// Objects this program does not know: `NAME_create` makes what an argument NAME wants.
    fn add_new_kinds(&mut self) -> Result<(), String> {
        for arg in self
            .call
            .args
            .iter()
            .filter(|arg| arg.kind == ArgKind::Handle)
        {
            if self.object(arg.name).is_some() {
                continue;
            }
            let name = format!("{}_create", arg.name);
            let maker = SYSCALLS.iter().find(|call| call.name == name);
            let maker = maker.ok_or_else(|| {
                format!(
                    "{}: hostile/kit.rs has nothing to give for {}",
                    self.call.name, arg.name
                )
            })?;
            let mut arguments: Vec<_> = maker
                .args
                .iter()
                .map(|arg| Argument::Number(number(maker, arg.name, arg.kind)))
                .collect();
            let made = probe::call(maker.number, &mut arguments).map_err(|refused| refused.0)?;
            let [first, ..] = need!(made);
            self.objects
                .push((arg.name, OwnedHandle::new(Handle(first))));
        }
        Ok(())
    }

    /// Memory for addresses.
    pub fn arena(&self) -> &Arena {
        &self.arena
    }

    /// A page that may be unmapped.
    pub fn spare(&self) -> u64 {
        self.spare.address() as u64
    }

    /// The object for an argument of this name.
    fn object(&self, name: &str) -> Option<Handle> {
        let kind = match name {
            "from" | "to" => "directory",
            "stream" => "file",
            "handle" | "object" => "event",
            // Only looked at where memory is not to be anonymous.
            name => name,
        };
        let tag = match kind {
            "process" => return Some(self.sleeper.as_ref()?.process.get()),
            "clock" => Some(Tag::Clock),
            "log" => Some(Tag::Log),
            "system" => Some(Tag::System),
            "entropy" => Some(Tag::Entropy),
            // Whoever has it can stop the machine.
            "power" => return Some(Handle::NONE),
            _ => None,
        };
        if let Some(tag) = tag {
            return rt::startup::handle(tag);
        }
        let found = self.objects.iter().find(|(known, _)| *known == kind);
        found.map(|(_, object)| object.get())
    }

    /// Handles that are tried wherever a handle is wanted: one of each kind, and values
    /// that were one, or look like one.
    pub fn handles(&self) -> Vec<Value> {
        const KINDS: [&str; 18] = [
            "event",
            "channel",
            "port",
            "directory",
            "file",
            "program",
            "memory",
            "job",
            "timer",
            "reader",
            "writer",
            "process",
            "thread",
            "clock",
            "log",
            "system",
            "entropy",
            "terminal",
        ];
        let of_kind = |kind| self.object(kind).unwrap_or(Handle::NONE).0;
        let mut values: Vec<Value> = KINDS.iter().map(|kind| (*kind, of_kind(kind))).collect();
        let event = of_kind("event");
        values.extend([
            ("closed", self.stale),
            ("another generation", event ^ (1 << 32)),
            ("another index", event ^ (1 << 20)),
            ("half of one", event & 0xffff_ffff),
        ]);
        values
    }

    fn is(&self, call: Syscall) -> bool {
        self.call.number == call as u64
    }

    /// What makes a call succeed at a place.
    pub fn good(&self, place: &Place) -> u64 {
        let Some(arg) = self.call.args.get(place.register) else {
            // Registers beyond the table: no handle, no waiting, no token.
            return 0;
        };
        match arg.kind {
            // Needed only by who wants more than its share.
            ArgKind::Handle if arg.name == "job" && self.is(Syscall::ThreadSetScheduling) => 0,
            ArgKind::Handle => self.object(arg.name).unwrap_or(Handle::NONE).0,
            ArgKind::In | ArgKind::Out => self.arena.slot(place.register),
            ArgKind::Value if arg.name == "address" => self.spare(),
            ArgKind::Value if self.call.number == Syscall::UpcallSet as u64 => match arg.name {
                "entry" => rt::hostile::idle_thread(),
                _ => self.arena.end(),
            },
            kind => number(self.call, arg.name, kind),
        }
    }

    /// A call with good values only.
    pub fn attack(&self, index: usize) -> Attack {
        let mut attack = Attack::default();
        for (number, register) in attack.registers.iter_mut().enumerate() {
            // A call must not care for what it does not look at.
            *register = 0xdead_0000_0000_0000 | number as u64;
        }
        for place in super::place::registers(self.call) {
            if let Some(register) = attack.registers.get_mut(place.register) {
                *register = self.good(&place);
            }
        }
        if let Some(number) = attack.registers.get_mut(8) {
            *number = self.call.number;
        }
        if let Some(passenger) = self.passengers.get(index) {
            let position = self.call.args.iter().position(|arg| arg.name == "handles");
            let slot = self.arena.slot(position.unwrap_or(0));
            attack.pokes = [(slot, passenger.get().0), (0, 0)];
        }
        attack
    }

    /// Puts records and paths where good addresses lead.
    fn fill_arena(&mut self) {
        for (slot, letter) in PATH_SLOTS.into_iter().zip(*b"pq") {
            self.arena.fill(slot, &[letter; PATH_BYTES]);
        }
        for (register, arg) in self.call.args.iter().enumerate() {
            if matches!(arg.kind, ArgKind::In | ArgKind::Out) {
                let record = self.record(arg.name);
                self.arena.fill(register, &record);
            }
        }
    }

    /// What an address argument of this name leads to.
    fn record(&self, name: &str) -> Vec<u8> {
        if self.is(Syscall::ThreadSetScheduling) {
            return Scheduling::default().as_bytes().to_vec();
        }
        if self.is(Syscall::ProcessSpawn) || self.is(Syscall::ProcessExec) {
            let file = self.object("program").unwrap_or(Handle::NONE);
            let args = SpawnArgs {
                file,
                ..SpawnArgs::default()
            };
            return args.as_bytes().to_vec();
        }
        if self.is(Syscall::ThreadCreate) {
            let (entry, stack) = (rt::hostile::idle_thread(), self.arena.end());
            let args = ThreadArgs {
                entry,
                stack,
                ..ThreadArgs::default()
            };
            return args.as_bytes().to_vec();
        }
        if self.is(Syscall::DirectoryRename) {
            let [from, to] = PATH_SLOTS.map(|slot| self.arena.slot(slot));
            let (from_len, to_len) = (PATH_BYTES as u64, PATH_BYTES as u64);
            let args = RenameArgs {
                from,
                from_len,
                to,
                to_len,
            };
            return args.as_bytes().to_vec();
        }
        match name {
            "path" | "text" | "bytes" => alloc::vec![b'p'; PATH_BYTES],
            "mask" => alloc::vec![0xff; SLOT_BYTES],
            _ => Vec::new(),
        }
    }

    /// The record of the call's first address argument, for random calls.
    pub fn first_record(&self) -> Vec<u8> {
        let is_address = |kind| matches!(kind, ArgKind::In | ArgKind::Out);
        let first = self.call.args.iter().find(|arg| is_address(arg.kind));
        first.map_or(Vec::new(), |arg| self.record(arg.name))
    }
}

/// Another handle with the same rights.
fn all_of(handle: Handle) -> rt::Result<OwnedHandle> {
    rt::handle::duplicate(handle, rt::handle::info(handle)?.rights())
}

/// Whether a call gives handles away.
fn takes_handles(call: &SyscallInfo) -> bool {
    call.args
        .iter()
        .any(|arg| arg.kind == ArgKind::In && arg.name == "handles")
}

/// Messages with a handle each, sent through one end of a channel.
fn fill(peer: &OwnedHandle) -> Result<(), String> {
    for _ in 0..MESSAGES {
        let passenger = need!(rt::event::create()).into_raw();
        need!(rt::channel::write(peer.get(), b"message", &[passenger]));
    }
    Ok(())
}

/// A good number for an argument that is neither a handle nor an address.
fn number(call: &SyscallInfo, name: &str, kind: ArgKind) -> u64 {
    match (kind, call.name, name) {
        (ArgKind::Length, "handle_list", _) => 80,
        (ArgKind::Length, "process_restrict", _) => 16,
        (ArgKind::Length, "system_info", _) => 128,
        (ArgKind::Length, "directory_list", _) => SLOT_BYTES as u64,
        (ArgKind::Length, ..) => PATH_BYTES as u64,
        (ArgKind::Count, ..) => 1,
        (_, _, "signals" | "raise") => u64::from(Signals::USER_0.bits()),
        (ArgKind::Flags, "directory_open" | "memory_map" | "memory_protect" | "upcall_set", _) => 1,
        (_, _, "bytes") => 4096,
        (ArgKind::Value, "system_info" | "memory_advise" | "port_remove", _) => 1,
        (ArgKind::Value, "job_set_limit", "limit") => 1000,
        _ => 0,
    }
}

/// A process that does nothing and takes breaks: whoever attacks a process attacks it.
#[derive(Debug)]
struct Sleeper {
    process: OwnedHandle,
}

impl Sleeper {
    fn new() -> Result<Sleeper, String> {
        let journal = need!(Journal::new());
        match need!(rt::process::clone()) {
            Side::Copy { .. } => {
                let upcalls = Upcalls::new(UpcallKinds::BREAK, |_| {});
                if let Some(ready) = journal.words().first() {
                    ready.store(1, core::sync::atomic::Ordering::Release);
                }
                while upcalls.is_ok() {
                    let _ = thread::sleep_until(abi::NEVER);
                }
                rt::process::exit(0)
            }
            Side::Original(process) => {
                while journal.progress().0 == 0 {
                    thread::yield_now();
                }
                Ok(Sleeper { process })
            }
        }
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        // Where it has ended already there is nothing to do. Waited for, so that those that
        // are about to end do not add up.
        let _ = rt::process::kill(self.process.get(), 0);
        let _ = rt::handle::wait(self.process.get(), Signals::TERMINATED, abi::NEVER);
    }
}
