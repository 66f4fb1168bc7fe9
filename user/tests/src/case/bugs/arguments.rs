//! Arguments at which other kernels stopped.

use abi::fs::OpenFlags;
use abi::job::JobResource;
use abi::memory::MapFlags;
use abi::process::{SPAWN_BLOB_MAX, SPAWN_HANDLES_MAX, SpawnArgs, ThreadArgs};
use abi::startup::Tag;
use abi::upcall::UpcallRecord;
use abi::{Error, Handle, SYSCALLS, Signals, Syscall};
use rt::OwnedHandle;
use rt::memory::Mapping;
use viper::fs;
use zerocopy::IntoBytes;

use super::super::files::{path, put};
use super::super::{Case, Verdict};
use super::{all_fail, all_succeed};
use crate::hostile::batch::Fate;
use crate::hostile::run::{self, End};
use crate::selftest::FOLDER;
use crate::{check, check_eq, need};

/// The tests.
pub const CASES: &[Case] = &[
    Case {
        name: "bugs::bug_007_negative_lengths",
        run: negative_lengths,
    },
    Case {
        name: "bugs::bug_008_enormous_offsets",
        run: enormous_offsets,
    },
    Case {
        name: "bugs::bug_009_enormous_startup_blob",
        run: startup_blob,
    },
    Case {
        name: "bugs::bug_010_upcall_return_by_hand",
        run: upcall_return,
    },
    Case {
        name: "bugs::bug_011_upcall_stack_that_is_none",
        run: upcall_stack,
    },
    Case {
        name: "bugs::bug_012_futex_words_and_values",
        run: futexes,
    },
    Case {
        name: "bugs::bug_013_thread_block_that_is_none",
        run: thread_block,
    },
    Case {
        name: "bugs::bug_014_points_in_time",
        run: deadlines,
    },
    Case {
        name: "bugs::bug_015_unknown_operations",
        run: operations,
    },
    Case {
        name: "bugs::bug_016_numbers_around_the_last_one",
        run: around_the_last,
    },
    Case {
        name: "bugs::bug_017_tokens_of_another_server",
        run: tokens,
    },
    Case {
        name: "bugs::bug_020_results_into_the_startup_record",
        run: startup_record,
    },
    Case {
        name: "arguments::a_short_list_says_how_many_there_are",
        run: short_list,
    },
    Case {
        name: "bugs::bug_021_exec_forgets_the_old_program",
        run: exec,
    },
];

pub(super) const PAGE: u64 = abi::PAGE_SIZE as u64;
/// A page of data.
pub(super) fn page() -> Result<Mapping, alloc::string::String> {
    Ok(need!(Mapping::anonymous(
        abi::PAGE_SIZE,
        MapFlags::READ | MapFlags::WRITE
    )))
}

/// Source: asterinas #1326, #1338.
fn negative_lengths() -> Verdict {
    let entropy = rt::startup::handle(Tag::Entropy).ok_or("no random numbers")?;
    let system = rt::startup::handle(Tag::System).ok_or("no statistics")?;
    let own = rt::startup::handle(Tag::OwnProcess).ok_or("no handle to this process")?;
    let folder = need!(fs::open_directory(FOLDER)).0;
    let (near, _far) = need!(rt::channel::create());
    let page = page()?;
    let (at, near, folder) = (page.address() as u64, near.get().0, folder.get().0);
    let errors = [
        Error::InvalidArgument,
        Error::Fault,
        Error::WouldBlock,
        Error::NameTooLong,
        Error::BadName,
    ];
    for length in [-1i64, -7, -4096, i64::MIN].map(i64::cast_unsigned) {
        let calls: &[(Syscall, &[u64])] = &[
            (Syscall::EntropyRead, &[entropy.0, at, length]),
            (Syscall::ChannelRead, &[near, at, length, at, 1]),
            (Syscall::ChannelRead, &[near, at, 1, at, length]),
            (Syscall::ChannelWrite, &[near, at, length, at, 0]),
            (Syscall::ChannelWrite, &[near, at, 0, at, length]),
            (Syscall::DirectoryOpen, &[folder, at, length, 1]),
            (Syscall::PortWait, &[near, at, length, 0]),
        ];
        let errors = [&errors[..], &[Error::WrongType]].concat();
        all_fail(calls, &errors)?;
        // These write what there is, which fits; or find out that it does not.
        for (call, arguments) in [
            (Syscall::HandleList, [own.0, at, length, 0]),
            (Syscall::DirectoryList, [folder, 0, at, length]),
            (Syscall::SystemInfo, [system.0, 1, at, length]),
        ] {
            let error = run::error(call, &arguments)?;
            check!(error.is_none_or(|error| errors.contains(&error)));
        }
    }
    all_succeed(&[(Syscall::EntropyRead, &[entropy.0, at, 64])])
}

/// Source: asterinas #1245.
fn enormous_offsets() -> Verdict {
    need!(put(&path("offsets"), b"contents"));
    let folder = need!(fs::open_directory(FOLDER)).0;
    let flags = OpenFlags::READ | OpenFlags::WRITE;
    let (file, _) = need!(rt::directory::open(folder.get(), b"offsets", flags));
    let page = page()?;
    let (at, file) = (page.address() as u64, file.get().0);
    for offset in [1 << 62, 1 << 63, u64::MAX, u64::MAX - 7, i64::MAX as u64] {
        // Behind the end there is nothing to read, however far.
        let read = run::trace(Syscall::FileRead, &[file, offset, at, 8])?;
        let [length, ..] = read.values;
        check_eq!((read.error, length), (0, 0));
        let calls: &[(Syscall, &[u64])] = &[
            (Syscall::FileWrite, &[file, offset, at, 8]),
            (Syscall::FileTruncate, &[file, offset]),
        ];
        all_fail(calls, &[Error::TooLarge, Error::NoSpace])?;
    }
    for (offset, whence) in [(i64::MIN, 0), (i64::MIN, 1), (i64::MIN, 2), (-9, 2)] {
        let calls: &[(Syscall, &[u64])] =
            &[(Syscall::FileSeek, &[file, offset.cast_unsigned(), whence])];
        all_fail(calls, &[Error::InvalidArgument])?;
    }
    all_succeed(&[
        (Syscall::FileRead, &[file, 0, at, 8]),
        (Syscall::FileWrite, &[file, 8, at, 8]),
    ])
}

/// Source: asterinas #2862, the first stack was written below its start.
fn startup_blob() -> Verdict {
    let program = need!(fs::open_program("SYS:Tests/Child"));
    let blob = alloc::vec![0u8; SPAWN_BLOB_MAX + 8];
    let good = SpawnArgs {
        file: program.get(),
        blob: blob.as_ptr() as u64,
        blob_len: SPAWN_BLOB_MAX as u64,
        ..SpawnArgs::default()
    };
    let spawn = |args: &SpawnArgs| {
        let address = args.as_bytes().as_ptr() as u64;
        run::error(Syscall::ProcessSpawn, &[address])
    };
    check_eq!(spawn(&good)?, None);
    for blob_len in [SPAWN_BLOB_MAX as u64 + 1, 1 << 40, u64::MAX, u64::MAX - 7] {
        let error = spawn(&SpawnArgs { blob_len, ..good })?;
        check!(matches!(error, Some(Error::InvalidArgument | Error::Fault)));
    }
    for handle_count in [
        SPAWN_HANDLES_MAX as u64 + 1,
        1 << 60,
        u64::MAX / 24 + 2,
        u64::MAX,
    ] {
        let handles = blob.as_ptr() as u64;
        let error = spawn(&SpawnArgs {
            handles,
            handle_count,
            ..good
        })?;
        check!(matches!(error, Some(Error::InvalidArgument | Error::Fault)));
    }
    for name_len in [1 << 40, u64::MAX] {
        let name = blob.as_ptr() as u64;
        let error = spawn(&SpawnArgs {
            name,
            name_len,
            ..good
        })?;
        check!(error != Some(Error::NoMemory));
    }
    check_eq!(
        spawn(&SpawnArgs { flags: 1, ..good })?,
        Some(Error::InvalidArgument)
    );
    Ok(())
}

/// Source: asterinas #2910.
fn upcall_return() -> Verdict {
    let page = page()?;
    let good = UpcallRecord {
        sp: page.address() as u64,
        pc: page.address() as u64,
        ..UpcallRecord::default()
    };
    let back = |record: &UpcallRecord| {
        let address = record.as_bytes().as_ptr() as u64;
        run::error(Syscall::UpcallReturn, &[address])
    };
    // There is no upcall to come back from, whatever the record says.
    check_eq!(back(&good)?, Some(Error::BadState));
    for sp in [u64::MAX, 0xffff_8000_0000_0000, abi::USER_END + 16] {
        check_eq!(
            back(&UpcallRecord { sp, ..good })?,
            Some(Error::InvalidArgument)
        );
    }
    for pc in [u64::MAX, 0xffff_ffff_8000_0000, abi::USER_END, 2] {
        check_eq!(
            back(&UpcallRecord { pc, ..good })?,
            Some(Error::InvalidArgument)
        );
    }
    for status in [0x3c5, 0x10, u64::MAX] {
        check_eq!(
            back(&UpcallRecord { status, ..good })?,
            Some(Error::BadState)
        );
    }
    Ok(())
}

/// `ldr x0, [x9]` behind a call, with `x9` made zero by it.
const CALL_THEN_FAULT: [u32; 2] = [0xd400_0001, 0xf940_0120];

/// Source: asterinas #1568.
fn upcall_stack() -> Verdict {
    let page = page()?;
    let mut guard = page;
    need!(guard.protect(MapFlags::READ));
    let read_only = guard.address() as u64 + PAGE;
    let entry = rt::hostile::idle_thread();
    for top in [
        16,
        abi::USER_START,
        0x1234_5678_9000,
        read_only,
        abi::USER_END,
    ] {
        let registers = [entry, top, 1, 0, 0, 0, 0, 0, Syscall::UpcallSet as u64];
        let end = run::code(&CALL_THEN_FAULT, &registers, 0)?;
        let End::Faulted(..) = end else {
            return Err(alloc::format!("a record on a stack at {top:#x}: {end:?}"));
        };
    }
    // The control: with a stack the upcall is taken, and ends the only thread.
    let stack = self::page()?;
    let top = stack.address() as u64 + PAGE;
    let registers = [entry, top, 1, 0, 0, 0, 0, 0, Syscall::UpcallSet as u64];
    check_eq!(run::code(&CALL_THEN_FAULT, &registers, 0)?, End::Exited(0));
    Ok(())
}

/// Source: asterinas #1179, #2188; redox 6abd1be6.
fn futexes() -> Verdict {
    let page = page()?;
    let at = page.address() as u64;
    let errors = [Error::Fault, Error::InvalidArgument];
    for word in [
        0,
        1,
        at + 1,
        at + 2,
        at + PAGE,
        at + PAGE - 2,
        u64::MAX,
        u64::MAX - 3,
    ] {
        let calls: &[(Syscall, &[u64])] = &[
            (Syscall::FutexWait, &[word, 0, 0]),
            (Syscall::FutexWake, &[word, 1]),
        ];
        all_fail(calls, &errors)?;
    }
    for kernel in [0xffff_8000_4000_0000, 0xffff_ffff_8000_0000u64] {
        let calls: &[(Syscall, &[u64])] = &[
            (Syscall::FutexWait, &[kernel, 0, 0]),
            (Syscall::FutexWake, &[kernel, 1]),
        ];
        all_fail(calls, &errors)?;
    }
    // The word has 32 bits: no larger value is ever in it.
    for value in [1 << 32, u64::MAX, 1 << 63] {
        let calls: &[(Syscall, &[u64])] = &[(Syscall::FutexWait, &[at, value, 0])];
        all_fail(calls, &[Error::InvalidArgument, Error::WouldBlock])?;
    }
    check_eq!(
        run::error(Syscall::FutexWait, &[at, 0, 0])?,
        Some(Error::TimedOut)
    );
    for limit in [0, 1, u64::from(u32::MAX), u64::MAX] {
        let woken = run::trace(Syscall::FutexWake, &[at, limit])?;
        check_eq!((woken.error, woken.values), (0, [0; 3]));
    }
    Ok(())
}

/// Source: asterinas #1391, an address given for the end of a thread was not checked.
fn thread_block() -> Verdict {
    let page = page()?;
    for tls in [0, 1, abi::USER_END, 0xffff_8000_4000_0000, u64::MAX] {
        let args = ThreadArgs {
            entry: rt::hostile::idle_thread(),
            stack: page.address() as u64 + PAGE,
            argument: tls,
            tls,
        };
        let address = args.as_bytes().as_ptr() as u64;
        let wait = |handle| run::attack(Syscall::ObjectWait, &[handle, 8, abi::NOW]);
        // The thread begins and ends, whatever its register holds.
        let fates = run::calls(&[run::attack(Syscall::ThreadCreate, &[address]), wait(0)])?;
        let Some(Fate::Came(trace)) = fates.first() else {
            return Err(alloc::format!("{fates:?}"));
        };
        check_eq!(trace.error, 0);
    }
    for (entry, stack) in [
        (2, 16),
        (abi::USER_END, 16),
        (u64::MAX, 16),
        (4096, 8),
        (4096, 1 << 63),
    ] {
        let args = ThreadArgs {
            entry,
            stack,
            ..ThreadArgs::default()
        };
        let address = args.as_bytes().as_ptr() as u64;
        let error = run::error(Syscall::ThreadCreate, &[address])?;
        check_eq!(
            (entry, stack, error),
            (entry, stack, Some(Error::InvalidArgument))
        );
    }
    Ok(())
}

/// Source: asterinas #1244, #1189, #1199, #2142, #1348, #1349; redox 507d8995.
fn deadlines() -> Verdict {
    // Far away is far away: nothing wraps round into the past.
    let far = [
        u64::MAX,
        u64::MAX - 1,
        1 << 63,
        (1 << 63) - 1,
        u64::MAX / 1000,
        1 << 62,
    ];
    for deadline in far {
        if !run::waits(Syscall::ThreadSleep, &[deadline])? {
            return Err(alloc::format!("sleeping until {deadline} is no sleep"));
        }
    }
    let event = need!(rt::event::create());
    let wait = [event.get().0, u64::from(Signals::USER_0.bits()), 1 << 63];
    check!(run::waits(Syscall::EventWait, &wait)?);
    // The past is over.
    for deadline in [0, 1, 1_000_000] {
        check_eq!(run::error(Syscall::ThreadSleep, &[deadline])?, None);
    }
    Ok(())
}

/// Source: asterinas #1173, #2780.
fn operations() -> Verdict {
    let event = need!(rt::event::create());
    let (event, page) = (event.get().0, page()?);
    let at = page.address() as u64;
    let folder = need!(fs::open_directory(FOLDER)).0;
    let folder = folder.get().0;
    for bits in [1u64 << 31, 1 << 32, 1 << 63, u64::MAX] {
        let calls: &[(Syscall, &[u64])] = &[
            (Syscall::HandleDuplicate, &[event, bits]),
            (Syscall::ProcessRestrict, &[bits, at, 16]),
            (Syscall::UpcallSet, &[0, 0, bits]),
            (Syscall::DirectoryOpen, &[folder, at, 1, bits]),
            (Syscall::DirectoryRemove, &[folder, at, 1, bits]),
            (Syscall::MemoryProtect, &[at, PAGE, bits]),
        ];
        all_fail(calls, &[Error::InvalidArgument])?;
    }
    // Signals that no program may raise.
    for bits in [1u64, 1 << 8, 1 << 23, 1 << 32, u64::MAX] {
        let calls: &[(Syscall, &[u64])] = &[
            (Syscall::EventSignal, &[event, 0, bits]),
            (Syscall::EventSignal, &[event, bits, 0]),
            (Syscall::EventWait, &[event, bits, 0]),
        ];
        all_fail(calls, &[Error::InvalidArgument])?;
    }
    all_succeed(&[
        (Syscall::EventSignal, &[event, 0, 1 << 24]),
        (Syscall::EventSignal, &[event, 0xff << 24, 0xff << 24]),
        (Syscall::HandleDuplicate, &[event, 0]),
    ])
}

/// Source: hubris #165, an index equal to the length of a table was let through.
fn around_the_last() -> Verdict {
    let count = SYSCALLS.len() as u64;
    let number = |number: u64| {
        let mut attack = run::attack(Syscall::Null, &[]);
        attack.registers[8] = number;
        match run::calls(&[attack])?.first() {
            Some(Fate::Came(trace)) => {
                Ok::<_, alloc::string::String>(Error::from_code(trace.error))
            }
            other => Err(alloc::format!("call {number}: {other:?}")),
        }
    };
    check!(number(count - 1)? != Some(Error::BadSyscall));
    for bad in [
        count,
        count + 1,
        1 << 16,
        u64::from(u32::MAX),
        1 << 32,
        (1 << 32) | 1,
        u64::MAX,
    ] {
        check_eq!((bad, number(bad)?), (bad, Some(Error::BadSyscall)));
    }
    let job = need!(rt::job::create(Handle::NONE));
    let system = rt::startup::handle(Tag::System).ok_or("no statistics")?;
    let page = page()?;
    let (job, system, at) = (job.get().0, system.0, page.address() as u64);
    let last = JobResource::ALL.len() as u64 - 1;
    all_succeed(&[(Syscall::JobSetLimit, &[job, last, 100])])?;
    for bad in [
        last + 1,
        last + 2,
        u64::from(u32::MAX),
        (1 << 32) | 1,
        u64::MAX,
    ] {
        let calls: &[(Syscall, &[u64])] = &[
            (Syscall::JobSetLimit, &[job, bad, 1]),
            (Syscall::SystemInfo, &[system, bad, at, PAGE]),
            (Syscall::SystemInfo, &[system, 0, at, PAGE]),
            (Syscall::MemoryAdvise, &[at, PAGE, bad]),
        ];
        all_fail(calls, &[Error::InvalidArgument])?;
    }
    // Handles: the value of another table, cut or with one bit more.
    for bad in [
        job ^ (1 << 31),
        job ^ (1 << 32),
        job & 0xffff_ffff,
        job >> 32,
    ] {
        let calls: &[(Syscall, &[u64])] = &[(Syscall::HandleInfo, &[bad, at])];
        all_fail(calls, &[Error::BadHandle])?;
    }
    all_succeed(&[(Syscall::HandleInfo, &[job, at])])
}

/// Source: hubris #172, an answer to somebody who had not asked hurt a third.
fn tokens() -> Verdict {
    use rt::call::{Message, Received, call, reply_wait};
    let words = |word: u64| Message::words([word, 0, 0, 0, 0, 0]);
    let (client, served) = need!(rt::channel::create());
    let ports = [need!(rt::port::create()), need!(rt::port::create())];
    let [port, stranger] = &ports;
    need!(rt::port::add(
        port.get(),
        served.get(),
        Signals::READABLE,
        5
    ));
    let caller = need!(viper::thread::spawn(move || {
        call(client.get(), words(11), abi::NEVER).map(|answer| answer.words[0])
    }));
    let Received::Call { token, .. } = need!(reply_wait(port.get(), None, abi::NEVER)) else {
        return Err("no call came".into());
    };
    // Another port, and tokens that were never given.
    for (port, token) in [
        (stranger, token),
        (stranger, 1),
        (port, token ^ 1),
        (port, token ^ (1 << 40)),
        (port, u64::MAX),
    ] {
        let wrong = reply_wait(port.get(), Some((token, words(666))), abi::NOW);
        check_eq!(wrong.err(), Some(Error::NotFound));
    }
    // Who asked still waits for the one who was asked.
    let answered = reply_wait(port.get(), Some((token, words(12))), abi::NOW);
    check_eq!(answered.err(), Some(Error::TimedOut));
    check_eq!(need!(caller.join()), Ok(12));
    Ok(())
}

/// Source: tock #1114, the kernel's own pages in a process counted as its buffers.
fn startup_record() -> Verdict {
    let record = rt::startup::get().ok_or("no start-up record")?.record();
    let event = need!(rt::event::create());
    // What the kernel wrote for the program is the program's: a result may go there, and
    // hurts nobody but the copy that asked for it.
    for address in [
        core::ptr::from_ref(record) as u64,
        record.handles,
        record.blob,
        record.stack_low,
    ] {
        let error = run::error(Syscall::HandleInfo, &[event.get().0, address])?;
        check!(matches!(error, None | Some(Error::Fault)));
    }
    check_eq!(record.magic, abi::startup::STARTUP_MAGIC);
    Ok(())
}

/// Handles of a long list: several times what the kernel looks at in one go.
const MANY: usize = 200;

/// A list of more handles than fit was a fault, once it was longer than what the kernel looks
/// at in one go. Found by the sweep.
fn short_list() -> Verdict {
    let own = rt::startup::handle(Tag::OwnProcess).ok_or("no handle to this process")?;
    let mut many = alloc::vec::Vec::new();
    for _ in 0..MANY {
        many.push(need!(rt::event::create()));
    }
    let all = need!(rt::process::info(own)).handles;
    let mut rows = alloc::vec![abi::handle::HandleInfo::default(); MANY * 2];
    for room in [0, 1, 2, 31, 33, MANY, MANY * 2] {
        rows.fill(abi::handle::HandleInfo::default());
        let part = rows.get_mut(..room).ok_or("?")?;
        let total = need!(rt::handle::list(own, part));
        check_eq!(total as u64, all);
        let written = rows.iter().filter(|row| row.handle.is_some()).count();
        check_eq!(written, room.min(total));
    }
    Ok(())
}

/// Source: tock #2146, what a task was before it was started anew still held.
fn exec() -> Verdict {
    let program: OwnedHandle = need!(fs::open_program("SYS:Tests/FaultNull"));
    let args = SpawnArgs {
        file: program.get(),
        ..SpawnArgs::default()
    };
    let page = page()?;
    let (entry, top) = (rt::hostile::idle_thread(), page.address() as u64 + PAGE);
    // An upcall for faults: it would end the thread, and with it the process, with 0.
    let attacks = [
        run::attack(Syscall::UpcallSet, &[entry, top, 3]),
        run::attack(Syscall::ProcessExec, &[args.as_bytes().as_ptr() as u64]),
    ];
    let fates = run::calls(&attacks)?;
    let Some(Fate::Ended(how)) = fates.last() else {
        return Err(alloc::format!("{fates:?}"));
    };
    let fault = abi::process::FaultKind::Write as u32;
    check_eq!(how.as_str(), alloc::format!("fault {fault}, code 20"));
    Ok(())
}
