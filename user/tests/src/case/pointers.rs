//! Bad addresses in every address argument of every system call.
//!
//! The calls and their arguments come from the table of system calls, so a new call
//! is tested without a line here, unless it needs an object of its own. Each call
//! gets good values for everything but one address; then the only fault it can
//! find is that address. The same call with a good address is the control.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use abi::fs::{OpenFlags, RenameArgs};
use abi::process::SpawnArgs;
use abi::startup::Tag;
use abi::syscall::{ArgKind, SyscallInfo};
use abi::{Error, Handle, SYSCALLS, Signals, Syscall};
use rt::OwnedHandle;
use rt::probe::{self, Argument, BUFFER_BYTES_MIN, BadAddress};
use viper::fs;
use zerocopy::IntoBytes;

use super::{Case, Verdict};
use crate::selftest::FOLDER;
use crate::{check, check_eq, need};

/// The tests.
pub const CASES: &[Case] = &[
    Case {
        name: "pointers::every_call_refuses_bad_addresses",
        run: bad_addresses,
    },
    Case {
        name: "pointers::every_call_accepts_good_addresses",
        run: good_addresses,
    },
    Case {
        name: "pointers::results_do_not_go_into_code",
        run: read_only,
    },
    Case {
        name: "pointers::enormous_lengths_are_refused",
        run: enormous_lengths,
    },
    Case {
        name: "pointers::addresses_inside_records_are_checked",
        run: inner_addresses,
    },
    Case {
        name: "pointers::bad_numbers_and_handles_are_refused",
        run: bad_numbers,
    },
];

/// Bytes of the buffers and paths that calls are given.
const PATH_BYTES: usize = 64;

/// Objects for the handle arguments of all calls.
struct Objects {
    event: OwnedHandle,
    channel: OwnedHandle,
    _other_end: OwnedHandle,
    port: OwnedHandle,
    directory: OwnedHandle,
    file: OwnedHandle,
    job: OwnedHandle,
}

impl Objects {
    fn new() -> Result<Objects, String> {
        let event = need!(rt::event::create());
        let (channel, other_end) = need!(rt::channel::create());
        // A message with a handle to read, and a port with something to report.
        let passenger = need!(rt::event::create()).into_raw();
        need!(rt::channel::write(
            other_end.get(),
            b"message",
            &[passenger]
        ));
        need!(rt::event::signal(
            event.get(),
            Signals::empty(),
            Signals::USER_0
        ));
        let port = need!(rt::port::create());
        need!(rt::port::add(port.get(), event.get(), Signals::USER_0, 1));
        let (directory, _) = need!(fs::open_directory(FOLDER));
        let flags = OpenFlags::READ | OpenFlags::WRITE | OpenFlags::CREATE;
        // The path that good buffers hold leads somewhere.
        need!(rt::directory::open(
            directory.get(),
            &[b'p'; PATH_BYTES],
            flags
        ));
        let (file, _) = need!(rt::directory::open(directory.get(), b"pointers", flags));
        need!(rt::file::write_at(file.get(), 0, &[1; 512]));
        need!(rt::file::seek(file.get(), 0, rt::file::Whence::Start));
        Ok(Objects {
            event,
            channel,
            _other_end: other_end,
            port,
            directory,
            file,
            job: need!(rt::job::create(Handle::NONE)),
        })
    }

    /// The object a handle argument wants; `None` where this program has none.
    fn handle(&self, call: &SyscallInfo, name: &str) -> Option<Handle> {
        Some(match name {
            "channel" => self.channel.get(),
            "event" => self.event.get(),
            "port" => self.port.get(),
            "directory" | "from" | "to" => self.directory.get(),
            "file" | "stream" => self.file.get(),
            "job" if call.name == "thread_set_scheduling" => Handle::NONE,
            "job" => self.job.get(),
            "thread" => rt::startup::handle(Tag::OwnThread)?,
            "process" => rt::startup::handle(Tag::OwnProcess)?,
            "terminal" => rt::startup::handle(Tag::Terminal)?,
            "clock" => rt::startup::handle(Tag::Clock)?,
            "log" => rt::startup::handle(Tag::Log)?,
            "power" => rt::startup::handle(Tag::Power)?,
            "system" => rt::startup::handle(Tag::System)?,
            "entropy" => rt::startup::handle(Tag::Entropy)?,
            "memory" => Handle::NONE,
            "handle" | "object" if call.name != "handle_close" => self.event.get(),
            _ => return None,
        })
    }
}

/// A good number for an argument that is neither handle nor address.
fn number(call: &SyscallInfo, name: &str, kind: ArgKind) -> u64 {
    match (kind, call.name, name) {
        (ArgKind::Length, "system_info", _) => 128,
        (ArgKind::Length, "handle_list", _) => 80,
        (ArgKind::Length, "process_restrict", _) => 16,
        (ArgKind::Length, "directory_list", _) => BUFFER_BYTES_MIN as u64,
        (ArgKind::Length, ..) => PATH_BYTES as u64,
        (ArgKind::Count, "channel_write", _) => 0,
        (ArgKind::Count, ..) => 1,
        (ArgKind::Flags, "directory_open" | "directory_stat", _) => 1,
        (ArgKind::Value, "system_info", _) => 1,
        (ArgKind::Value, "futex_wait", _) => 0xffff,
        // Somebody holds the lock, and others wait for it.
        (ArgKind::Value, "futex_lock", _) => u64::from(abi::lock::WAITED_FOR | 1),
        _ => 0,
    }
}

/// Positions of the address arguments of a call.
fn addresses(call: &SyscallInfo) -> Vec<usize> {
    let is_address = |kind| matches!(kind, ArgKind::In | ArgKind::Out);
    let positions = call
        .args
        .iter()
        .enumerate()
        .filter(|(_, arg)| is_address(arg.kind));
    positions.map(|(index, _)| index).collect()
}

/// Whether a probe can make this call at all without harm.
fn is_testable(call: &SyscallInfo) -> bool {
    !addresses(call).is_empty()
}

/// What an address argument is given.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Given {
    Good,
    Bad(BadAddress),
}

/// Makes a call with good values but for the arguments `given` says are bad.
fn attempt(
    objects: &Objects,
    call: &SyscallInfo,
    given: impl Fn(usize) -> Given,
    length: Option<u64>,
) -> Result<rt::Result<rt::stub::Values>, String> {
    let mut buffers: Vec<Vec<u8>> = call
        .args
        .iter()
        .map(|_| vec![0; BUFFER_BYTES_MIN])
        .collect();
    let mut arguments = Vec::new();
    for ((index, arg), buffer) in call.args.iter().enumerate().zip(&mut buffers) {
        arguments.push(match arg.kind {
            ArgKind::Handle => {
                let missing = || format!("{}: nothing to give for {}", call.name, arg.name);
                let handle = objects.handle(call, arg.name).ok_or_else(missing)?;
                Argument::Number(handle.0)
            }
            ArgKind::In | ArgKind::Out => match given(index) {
                Given::Good => {
                    // A path that is one, where one is wanted.
                    buffer.fill(b'p');
                    if arg.kind == ArgKind::In && !matches!(arg.name, "path" | "text" | "bytes") {
                        buffer.fill(0);
                    }
                    Argument::Buffer(buffer)
                }
                Given::Bad(bad) => Argument::Bad(bad),
            },
            ArgKind::Length | ArgKind::Count if length.is_some() => {
                Argument::Number(length.unwrap_or(0))
            }
            // An array of handles is only looked at where it has elements.
            ArgKind::Count if given(index.wrapping_sub(1)) != Given::Good => Argument::Number(1),
            kind => Argument::Number(number(call, arg.name, kind)),
        });
    }
    probe::call(call.number, &mut arguments)
        .map_err(|refused| format!("{}: {}", call.name, refused.0))
}

/// Whether this error is right for a bad address in this call.
fn is_right(call: &SyscallInfo, bad: BadAddress, error: Option<Error>) -> bool {
    let is_futex = call.name.starts_with("futex_");
    match error {
        Some(Error::Fault) => true,
        // A futex also has an alignment, which comes first as an argument.
        Some(Error::InvalidArgument) => is_futex && !bad.value().is_multiple_of(4),
        _ => false,
    }
}

fn bad_addresses() -> Verdict {
    let mut wrong = Vec::new();
    let mut count: u32 = 0;
    for call in SYSCALLS.iter().filter(|call| is_testable(call)) {
        for position in addresses(call) {
            for bad in BadAddress::FOR_ALL {
                let objects = Objects::new()?;
                let given = |index| match index == position {
                    true => Given::Bad(bad),
                    false => Given::Good,
                };
                // A thread cannot be described by a good record here, so it is only
                // ever given a bad one.
                let result = attempt(&objects, call, given, None)?;
                count += 1;
                if !is_right(call, bad, result.err()) {
                    let name = call.args.get(position).map_or("?", |arg| arg.name);
                    wrong.push(format!("{}({name} = {bad:?}): {result:?}", call.name));
                }
            }
        }
    }
    check!(count > 150);
    check_eq!(wrong, Vec::<String>::new());
    Ok(())
}

fn good_addresses() -> Verdict {
    let mut wrong = Vec::new();
    for call in SYSCALLS.iter().filter(|call| is_testable(call)) {
        // These would leave the caller another one.
        let harmful = [Syscall::ThreadCreate, Syscall::ProcessRestrict];
        if harmful.iter().any(|other| *other as u64 == call.number) {
            continue;
        }
        let objects = Objects::new()?;
        let result = attempt(&objects, call, |_| Given::Good, None)?;
        if result == Err(Error::Fault) {
            wrong.push(call.name);
        }
    }
    check_eq!(wrong, Vec::<&str>::new());
    Ok(())
}

fn read_only() -> Verdict {
    let mut wrong = Vec::new();
    for call in SYSCALLS.iter().filter(|call| is_testable(call)) {
        for position in addresses(call) {
            if call
                .args
                .get(position)
                .is_none_or(|arg| arg.kind != ArgKind::Out)
            {
                continue;
            }
            let objects = Objects::new()?;
            let bad = Given::Bad(BadAddress::ReadOnly);
            let given = |index| if index == position { bad } else { Given::Good };
            let result = attempt(&objects, call, given, None)?;
            if result != Err(Error::Fault) {
                wrong.push(format!("{}: {result:?}", call.name));
            }
        }
    }
    check_eq!(wrong, Vec::<String>::new());
    Ok(())
}

fn enormous_lengths() -> Verdict {
    let has_length = |call: &&SyscallInfo| {
        call.args
            .iter()
            .any(|arg| matches!(arg.kind, ArgKind::Length | ArgKind::Count))
    };
    for call in SYSCALLS
        .iter()
        .filter(|call| is_testable(call))
        .filter(has_length)
    {
        for length in [u64::MAX, u64::MAX - 7, 1 << 63, 1 << 47, (1 << 47) - 1] {
            let objects = Objects::new()?;
            let given = |_| Given::Bad(BadAddress::Unmapped);
            let result = attempt(&objects, call, given, Some(length))?;
            if result.is_ok() {
                return Err(format!("{} takes {length:#x} bytes", call.name));
            }
        }
    }
    Ok(())
}

/// Makes a call whose record is `record`.
fn with_record(
    call: Syscall,
    before: &[Handle],
    record: &[u8],
    after: &[u64],
) -> Result<rt::Result<rt::stub::Values>, String> {
    let mut buffer = vec![0; BUFFER_BYTES_MIN];
    buffer
        .get_mut(..record.len())
        .ok_or("a long record")?
        .copy_from_slice(record);
    let mut arguments: Vec<_> = before
        .iter()
        .map(|handle| Argument::Number(handle.0))
        .collect();
    arguments.push(Argument::Buffer(&mut buffer));
    arguments.extend(after.iter().map(|number| Argument::Number(*number)));
    probe::call(call as u64, &mut arguments).map_err(|refused| refused.0.into())
}

fn inner_addresses() -> Verdict {
    let program = need!(fs::open_program("SYS:Tests/Child"));
    let good = SpawnArgs {
        file: program.get(),
        ..SpawnArgs::default()
    };
    let (directory, _) = need!(fs::open_directory(FOLDER));
    let both = [directory.get(), directory.get()];
    for bad in BadAddress::FOR_ALL {
        let bad = bad.value();
        let spawns = [
            SpawnArgs {
                name: bad,
                name_len: 8,
                ..good
            },
            SpawnArgs {
                blob: bad,
                blob_len: 64,
                ..good
            },
            SpawnArgs {
                handles: bad,
                handle_count: 1,
                ..good
            },
        ];
        for args in spawns {
            let result = with_record(Syscall::ProcessSpawn, &[], args.as_bytes(), &[])?;
            check_eq!(result, Err(Error::Fault));
        }
        let renames = [
            RenameArgs {
                from: bad,
                from_len: 4,
                ..RenameArgs::default()
            },
            RenameArgs {
                from: bad,
                from_len: 4,
                to: bad,
                to_len: 4,
            },
        ];
        for args in renames {
            let result = with_record(Syscall::DirectoryRename, &both, args.as_bytes(), &[0])?;
            check_eq!(result, Err(Error::Fault));
        }
    }
    let [process, ..] = need!(need_spawn(&good)?);
    let process = OwnedHandle::new(Handle(process));
    need!(rt::handle::wait(
        process.get(),
        Signals::TERMINATED,
        abi::NEVER
    ));
    Ok(())
}

/// The control of the spawns above: without a bad address it succeeds.
fn need_spawn(args: &SpawnArgs) -> Result<rt::Result<rt::stub::Values>, String> {
    with_record(Syscall::ProcessSpawn, &[], args.as_bytes(), &[])
}

fn bad_numbers() -> Verdict {
    for number in [SYSCALLS.len() as u64, 1000, 1 << 32, u64::MAX] {
        check_eq!(probe::call(number, &mut []), Ok(Err(Error::BadSyscall)));
    }
    check_eq!(
        probe::call(Syscall::Null as u64, &mut []).map(|r| r.is_ok()),
        Ok(true)
    );
    // No process has as many handles as this index says.
    for value in [0, 1, 0xdead_beef, u64::MAX] {
        check_eq!(
            rt::handle::info(Handle(value)).err(),
            Some(Error::BadHandle)
        );
    }
    Ok(())
}
