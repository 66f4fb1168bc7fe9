//! Pipes, and streams that wait.

use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use abi::job::JobResource;
use abi::memory::MapFlags;
use abi::signal::PortEvent;
use abi::{Error, Handle, NEVER, NOW, Rights, Signals, Syscall};
use rt::memory::Mapping;
use rt::probe::{self, Argument, BUFFER_BYTES_MIN, BadAddress};
use rt::{pipe, stream};
use viper::process::{Command, Job, Stdio};
use viper::thread;
use viper::time::Instant;

use super::rights::needs;
use super::{Case, Verdict};
use crate::{check, check_eq, need};

/// The tests.
pub const CASES: &[Case] = &[
    Case {
        name: "pipes::rights",
        run: rights,
    },
    Case {
        name: "pipes::bytes_arrive_in_order",
        run: order,
    },
    Case {
        name: "pipes::a_full_pipe_pushes_back_until_it_is_read",
        run: full,
    },
    Case {
        name: "pipes::small_writes_stay_whole",
        run: whole,
    },
    Case {
        name: "pipes::each_end_hears_of_the_other_s_end",
        run: ends,
    },
    Case {
        name: "pipes::waits_end_at_their_deadline",
        run: deadlines,
    },
    Case {
        name: "pipes::ports_hear_them",
        run: port,
    },
    Case {
        name: "pipes::bad_addresses_move_nothing",
        run: addresses,
    },
    Case {
        name: "pipes::pages_that_are_not_there_yet",
        run: fresh_pages,
    },
    Case {
        name: "pipes::are_streams_of_programs",
        run: programs,
    },
    Case {
        name: "pipes::a_killed_program_leaves_its_wait",
        run: killed,
    },
    Case {
        name: "pipes::are_charged_to_their_maker",
        run: charged,
    },
];

/// The largest write that is whole or not at all, and the smallest pipe.
const WHOLE: usize = 4096;

/// In a while that is long enough for anything.
fn soon() -> u64 {
    in_ms(20_000)
}

fn in_ms(ms: u64) -> u64 {
    Instant::now().since_boot_ns() + ms * 1_000_000
}

fn rights() -> Verdict {
    let (reader, writer) = need!(pipe::create(0));
    need!(stream::write(writer.get(), b"bytes"));
    needs(writer.get(), Rights::WRITE, |pipe| {
        stream::write(pipe, b"x")
    })?;
    needs(reader.get(), Rights::READ, |pipe| {
        stream::read(pipe, &mut [0; 2])
    })?;
    needs(reader.get(), Rights::WAIT, |pipe| {
        rt::handle::wait(pipe, Signals::READABLE, NOW)
    })?;
    // Each end goes one way.
    check_eq!(
        stream::read(writer.get(), &mut [0; 2]),
        Err(Error::AccessDenied)
    );
    check_eq!(stream::write(reader.get(), b"x"), Err(Error::AccessDenied));
    check_eq!(
        pipe::create(64 * 1024 + 1).err(),
        Some(Error::InvalidArgument)
    );
    check!(pipe::create(64 * 1024).is_ok());
    Ok(())
}

/// The byte at a place of a stream that repeats late.
fn byte_at(position: usize) -> u8 {
    (position ^ (position >> 8) ^ (position >> 15)).to_le_bytes()[0]
}

fn order() -> Verdict {
    const TOTAL: usize = 300_000;
    let (reader, writer) = need!(pipe::create(1));
    let sender = need!(thread::spawn(move || {
        let bytes: Vec<u8> = (0..TOTAL).map(byte_at).collect();
        let mut done = 0;
        let mut size = 1;
        while done < TOTAL {
            let end = (done + size).min(TOTAL);
            let part = bytes.get(done..end).unwrap_or(&[]);
            done += stream::write_until(writer.get(), part, NEVER)?;
            size = size * 7 % 9973;
        }
        Ok::<(), Error>(())
    }));
    let mut buffer = [0; 5000];
    let (mut position, mut size) = (0, 1);
    loop {
        let room = buffer.get_mut(..size).unwrap_or(&mut []);
        let count = need!(stream::read_until(reader.get(), room, NEVER));
        if count == 0 {
            break;
        }
        for byte in buffer.get(..count).unwrap_or(&[]) {
            check_eq!(*byte, byte_at(position));
            position += 1;
        }
        size = size * 5 % 4999;
    }
    check_eq!(position, TOTAL);
    check_eq!(need!(sender.join()), Ok(()));
    Ok(())
}

fn full() -> Verdict {
    let (reader, writer) = need!(pipe::create(1));
    let reading = reader.get();
    check_eq!(stream::read(reading, &mut [0; 8]), Err(Error::WouldBlock));
    check_eq!(stream::write(writer.get(), &[1; 3 * WHOLE]), Ok(WHOLE));
    check_eq!(stream::write(writer.get(), b"x"), Err(Error::WouldBlock));
    check_eq!(stream::write(writer.get(), &[]), Ok(0));
    let waiting = need!(thread::spawn(move || {
        let before = Instant::now().since_boot_ns();
        let wrote = stream::write_until(writer.get(), &[2; WHOLE], NEVER);
        (wrote, before)
    }));
    thread::sleep(Duration::from_millis(5));
    let freed = Instant::now().since_boot_ns();
    let mut out = vec![0; WHOLE];
    check_eq!(stream::read(reading, &mut out), Ok(WHOLE));
    check_eq!(out, vec![1; WHOLE]);
    let (wrote, before) = need!(waiting.join());
    check_eq!(wrote, Ok(WHOLE));
    check!(before <= freed);
    check_eq!(stream::read_until(reading, &mut out, NEVER), Ok(WHOLE));
    check_eq!(out, vec![2; WHOLE]);
    Ok(())
}

fn whole() -> Verdict {
    const RECORDS: usize = 200;
    const SIZE: usize = 300;
    let (reader, writer) = need!(pipe::create(1));
    let mut senders = Vec::new();
    for tag in 1..=4u8 {
        let writer = need!(writer.try_clone());
        senders.push(need!(thread::spawn(move || {
            (0..RECORDS).all(|_| stream::write_until(writer.get(), &[tag; SIZE], NEVER) == Ok(SIZE))
        })));
    }
    drop(writer);
    let mut all = Vec::new();
    let mut buffer = [0; 777];
    loop {
        match need!(stream::read_until(reader.get(), &mut buffer, NEVER)) {
            0 => break,
            count => all.extend_from_slice(buffer.get(..count).unwrap_or(&[])),
        }
    }
    check_eq!(all.len(), 4 * RECORDS * SIZE);
    for record in all.chunks(SIZE) {
        check!(record.iter().all(|byte| Some(byte) == record.first()));
    }
    for sender in senders {
        check!(need!(sender.join()));
    }
    Ok(())
}

fn ends() -> Verdict {
    let (reader, writer) = need!(pipe::create(0));
    need!(stream::write(writer.get(), b"last"));
    let copy = need!(writer.try_clone());
    drop(writer);
    let mut out = [0; 8];
    check_eq!(stream::read(reader.get(), &mut out), Ok(4));
    // A copy of the end is left, so this is not the end.
    check_eq!(stream::read(reader.get(), &mut out), Err(Error::WouldBlock));
    let reading = reader.get();
    let waiting = need!(thread::spawn(move || {
        stream::read_until(reading, &mut [0; 8], soon())
    }));
    thread::sleep(Duration::from_millis(3));
    drop(copy);
    check_eq!(need!(waiting.join()), Ok(0));
    check_eq!(stream::read(reading, &mut out), Ok(0));
    let both = Signals::READABLE | Signals::PEER_CLOSED;
    check_eq!(rt::handle::wait(reading, Signals::READABLE, NOW), Ok(both));

    let (reader, writer) = need!(pipe::create(1));
    check_eq!(stream::write(writer.get(), &[0; WHOLE]), Ok(WHOLE));
    let writing = writer.get();
    let waiting = need!(thread::spawn(move || {
        stream::write_until(writing, b"never read", soon())
    }));
    thread::sleep(Duration::from_millis(3));
    drop(reader);
    check_eq!(need!(waiting.join()), Err(Error::PeerClosed));
    check_eq!(stream::write(writing, b"x"), Err(Error::PeerClosed));
    Ok(())
}

fn deadlines() -> Verdict {
    let (reader, writer) = need!(pipe::create(1));
    let deadline = in_ms(3);
    let late = stream::read_until(reader.get(), &mut [0; 4], deadline);
    check_eq!(late, Err(Error::TimedOut));
    check!(Instant::now().since_boot_ns() >= deadline);
    // A time that has passed: an error, and with bytes there none.
    let late = stream::read_until(reader.get(), &mut [0; 4], 1);
    check_eq!(late, Err(Error::TimedOut));
    check_eq!(stream::write_until(writer.get(), b"four", 1), Ok(4));
    check_eq!(stream::read_until(reader.get(), &mut [0; 4], 1), Ok(4));
    need!(stream::write(writer.get(), &[0; WHOLE]));
    let deadline = in_ms(3);
    let late = stream::write_until(writer.get(), b"x", deadline);
    check_eq!(late, Err(Error::TimedOut));
    check!(Instant::now().since_boot_ns() >= deadline);
    Ok(())
}

fn port() -> Verdict {
    let port = need!(rt::port::create());
    let (reader, writer) = need!(pipe::create(1));
    let (readable, writable) = (Signals::READABLE, Signals::WRITABLE);
    need!(rt::port::add(port.get(), reader.get(), readable, 1));
    need!(rt::port::add(port.get(), writer.get(), writable, 2));
    let mut events = [PortEvent::default(); 4];
    let mut ready = |deadline| -> rt::Result<Vec<u64>> {
        let count = rt::port::wait(port.get(), &mut events, deadline)?;
        let mut keys: Vec<_> = events.iter().take(count).map(|event| event.key).collect();
        keys.sort_unstable();
        Ok(keys)
    };
    check_eq!(ready(NOW), Ok(vec![2]));
    need!(stream::write(writer.get(), b"x"));
    // No longer room for the largest whole write.
    check_eq!(ready(NOW), Ok(vec![1]));
    need!(stream::read(reader.get(), &mut [0; 4]));
    check_eq!(ready(NOW), Ok(vec![2]));
    drop(writer);
    need!(rt::port::remove(port.get(), 2));
    let mut events = [PortEvent::default(); 4];
    check_eq!(rt::port::wait(port.get(), &mut events, soon()), Ok(1));
    check_eq!(events.first().map(|event| event.key), Some(1));
    Ok(())
}

/// Makes a stream call with an address that is bad from `BadAddress`.
fn with_bad(call: Syscall, pipe: Handle, bad: BadAddress) -> Result<rt::Result<u64>, &'static str> {
    let mut arguments = [
        Argument::Number(pipe.0),
        Argument::Bad(bad),
        Argument::Number(BUFFER_BYTES_MIN as u64),
        Argument::Number(NOW),
    ];
    let result = probe::call(call as u64, &mut arguments).map_err(|refused| refused.0)?;
    Ok(result.map(|[count, ..]| count))
}

fn addresses() -> Verdict {
    let (reader, writer) = need!(pipe::create(0));
    need!(stream::write(writer.get(), b"kept"));
    for bad in BadAddress::FOR_ALL {
        let read = need!(with_bad(Syscall::StreamRead, reader.get(), bad));
        check_eq!(read, Err(Error::Fault));
        let wrote = need!(with_bad(Syscall::StreamWrite, writer.get(), bad));
        check_eq!(wrote, Err(Error::Fault));
    }
    let into_code = with_bad(Syscall::StreamRead, reader.get(), BadAddress::ReadOnly);
    check_eq!(need!(into_code), Err(Error::Fault));
    let mut out = [0; 16];
    check_eq!(stream::read(reader.get(), &mut out), Ok(4));
    check_eq!(out.get(..4), Some(&b"kept"[..]));
    check_eq!(stream::read(reader.get(), &mut out), Err(Error::WouldBlock));
    Ok(())
}

fn fresh_pages() -> Verdict {
    const BYTES: usize = 3 * abi::PAGE_SIZE;
    let (reader, writer) = need!(pipe::create(BYTES as u64));
    let flags = MapFlags::READ | MapFlags::WRITE;
    let untouched = need!(Mapping::anonymous(BYTES, flags));
    let mut target = need!(Mapping::anonymous(BYTES, flags));
    let zeros = untouched.bytes().unwrap_or(&[]);
    check_eq!(stream::write(writer.get(), b"x"), Ok(1));
    check_eq!(stream::write(writer.get(), zeros), Ok(BYTES));
    check_eq!(stream::write(writer.get(), b"y"), Ok(1));
    let room = target.bytes_mut().unwrap_or(&mut []);
    check_eq!(stream::read(reader.get(), room), Ok(BYTES));
    check_eq!(room.first(), Some(&b'x'));
    check!(room.iter().skip(1).all(|byte| *byte == 0));
    let mut rest = [7; 4];
    check_eq!(stream::read(reader.get(), &mut rest), Ok(2));
    check_eq!(rest, [0, b'y', 7, 7]);
    Ok(())
}

fn programs() -> Verdict {
    let (their_input, input) = need!(pipe::create(0));
    let (output, their_output) = need!(pipe::create(0));
    let child = need!(
        Command::new("SYS:Tests/Child")
            .arg("COPY")
            .stdin(Stdio::Stream(their_input))
            .stdout(Stdio::Stream(their_output))
            .spawn()
    );
    let text = b"through a program and back\n";
    let mut out = Vec::new();
    for _ in 0..3 {
        check_eq!(
            stream::write_until(input.get(), text, soon()),
            Ok(text.len())
        );
    }
    drop(input);
    loop {
        let mut buffer = [0; 64];
        match need!(stream::read_until(output.get(), &mut buffer, soon())) {
            0 => break,
            count => out.extend_from_slice(buffer.get(..count).unwrap_or(&[])),
        }
    }
    check_eq!(out, text.repeat(3));
    check_eq!(need!(child.wait()).rc().code(), 0);
    Ok(())
}

fn killed() -> Verdict {
    let (their_input, input) = need!(pipe::create(0));
    let child = need!(
        Command::new("SYS:Tests/Child")
            .arg("COPY")
            .stdin(Stdio::Stream(their_input))
            .spawn()
    );
    thread::sleep(Duration::from_millis(20));
    check_eq!(stream::write(input.get(), &[]), Ok(0));
    need!(child.kill(viper::Rc::FAIL));
    check!(need!(child.wait()).was_killed());
    // Its end of the pipe went with it.
    check_eq!(
        stream::write_until(input.get(), b"x", soon()),
        Err(Error::PeerClosed)
    );
    Ok(())
}

fn charged() -> Verdict {
    let job = need!(Job::new());
    let child = |count: &str| {
        Command::new("SYS:Tests/Child")
            .arg("PIPES")
            .arg(count)
            .job(&job)
            .spawn()
    };
    // The control: with room for them they are made.
    check_eq!(need!(need!(child("8")).wait()).rc().code(), 8);
    need!(job.set_limit(JobResource::KernelBytes, 400 * 1024));
    let made = need!(need!(child("40")).wait()).rc().code();
    check!(made > 0 && made < 25);
    check!(need!(job.refusals(JobResource::KernelBytes)) > 0);
    // All came back; a thread that has just ended may be freed a little later.
    check!(need!(job.used(JobResource::KernelBytes)) < 16 * 1024);
    Ok(())
}
