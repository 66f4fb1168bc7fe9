//! Descriptors, copies of a process, and programs in its place.

use alloc::vec::Vec;

use abi::Error;
use rt::file::Whence;
use viper::Rc;
use viper::descriptor::{self, Access};
use viper::fs::OpenOptions;
use viper::process::{Command, Fork, Stdio, exit, fork};

use super::files::{get, path, put};
use super::{Case, Verdict};
use crate::{check, check_eq, need};

/// The tests.
pub const CASES: &[Case] = &[
    Case {
        name: "descriptors::read_write_and_seek",
        run: files,
    },
    Case {
        name: "descriptors::the_access_mode_is_kept",
        run: access,
    },
    Case {
        name: "descriptors::dup_shares_and_dup2_replaces",
        run: dup,
    },
    Case {
        name: "descriptors::pipes",
        run: pipes,
    },
    Case {
        name: "descriptors::are_inherited_and_redirected",
        run: inherited,
    },
    Case {
        name: "descriptors::fork_and_exec",
        run: fork_exec,
    },
];

/// Reads until the end.
fn read_all(number: u32) -> rt::Result<Vec<u8>> {
    let mut all = Vec::new();
    let mut buffer = [0; 16];
    loop {
        match descriptor::read(number, &mut buffer)? {
            0 => return Ok(all),
            count => all.extend_from_slice(buffer.get(..count).unwrap_or(&[])),
        }
    }
}

fn open(name: &str, access: Access) -> viper::fs::Result<u32> {
    let options = OpenOptions::new();
    let options = match access.writes {
        true => options.create(),
        false => options,
    };
    descriptor::open(&path(name), options, access)
}

fn files() -> Verdict {
    let number = need!(open("fd", Access::BOTH));
    check!(number > 2);
    check_eq!(descriptor::write(number, b"0123456789"), Ok(10));
    check_eq!(descriptor::lseek(number, -4, Whence::End), Ok(6));
    check_eq!(read_all(number), Ok(b"6789".to_vec()));
    check_eq!(descriptor::lseek(number, 2, Whence::Start), Ok(2));
    check_eq!(descriptor::write(number, b"xy"), Ok(2));
    check_eq!(descriptor::lseek(number, 0, Whence::Position), Ok(4));
    check!(descriptor::lseek(number, -5, Whence::Position).is_err());
    need!(descriptor::close(number));
    check_eq!(descriptor::close(number), Err(Error::BadHandle));
    check_eq!(descriptor::read(number, &mut [0; 4]), Err(Error::BadHandle));
    check_eq!(descriptor::write(number, b"x"), Err(Error::BadHandle));
    check_eq!(need!(get(&path("fd"))), b"01xy456789".to_vec());
    // The lowest number is taken again.
    let again = need!(open("fd", Access::READ));
    check_eq!(again, number);
    need!(descriptor::close(again));
    Ok(())
}

fn access() -> Verdict {
    need!(put(&path("fd-mode"), b"text"));
    let reads = need!(open("fd-mode", Access::READ));
    let writes = need!(open("fd-mode", Access::WRITE));
    check_eq!(descriptor::write(reads, b"x"), Err(Error::AccessDenied));
    check_eq!(
        descriptor::read(writes, &mut [0; 4]),
        Err(Error::AccessDenied)
    );
    // A copy has no more, and neither has a handle made of it.
    let copy = need!(descriptor::with(|table| table.dup(reads)));
    check_eq!(descriptor::write(copy, b"x"), Err(Error::AccessDenied));
    let stream = need!(descriptor::with(|table| table.stream(copy)));
    check_eq!(
        rt::stream::write(stream.get(), b"x"),
        Err(Error::AccessDenied)
    );
    // The controls.
    check_eq!(descriptor::read(copy, &mut [0; 8]), Ok(4));
    check_eq!(descriptor::write(writes, b"TE"), Ok(2));
    check_eq!(need!(get(&path("fd-mode"))), b"TExt".to_vec());
    for number in [reads, writes, copy] {
        need!(descriptor::close(number));
    }
    Ok(())
}

fn dup() -> Verdict {
    need!(put(&path("fd-dup"), b"abcdef"));
    let first = need!(open("fd-dup", Access::READ));
    let second = need!(descriptor::with(|table| table.dup(first)));
    let mut byte = [0; 1];
    // One position.
    for (number, wanted) in [(first, b'a'), (second, b'b'), (first, b'c')] {
        check_eq!(descriptor::read(number, &mut byte), Ok(1));
        check_eq!(byte, [wanted]);
    }
    // Opened again, it has a position of its own.
    let other = need!(open("fd-dup", Access::READ));
    check_eq!(descriptor::read(other, &mut byte), Ok(1));
    check_eq!(byte, [b'a']);
    check_eq!(
        descriptor::with(|table| table.dup2(first, other)),
        Ok(other)
    );
    check_eq!(descriptor::read(other, &mut byte), Ok(1));
    check_eq!(byte, [b'd']);
    need!(descriptor::close(first));
    check_eq!(descriptor::read(second, &mut byte), Ok(1));
    check_eq!(byte, [b'e']);
    for number in [second, other] {
        need!(descriptor::close(number));
    }
    Ok(())
}

fn pipes() -> Verdict {
    let (reader, writer) = need!(descriptor::pipe());
    check_eq!(descriptor::write(writer, b"through"), Ok(7));
    check_eq!(descriptor::write(reader, b"x"), Err(Error::AccessDenied));
    check_eq!(
        descriptor::lseek(reader, 0, Whence::Start),
        Err(Error::WrongType)
    );
    need!(descriptor::close(writer));
    check_eq!(read_all(reader), Ok(b"through".to_vec()));
    need!(descriptor::close(reader));
    let (reader, writer) = need!(descriptor::pipe());
    need!(descriptor::close(reader));
    check_eq!(descriptor::write(writer, b"x"), Err(Error::PeerClosed));
    need!(descriptor::close(writer));
    Ok(())
}

/// What a child that copies from descriptor `from` to descriptor `to` is given.
fn copier(from: &str, to: &str) -> Command {
    Command::new("SYS:Tests/Child")
        .arg("FROM")
        .arg(from)
        .arg("TO")
        .arg(to)
}

fn inherited() -> Verdict {
    need!(put(&path("fd-in"), b"inherited"));
    let input = need!(open("fd-in", Access::READ));
    let output = need!(open("fd-out", Access::WRITE));
    let stream = |number| descriptor::with(|table| table.stream(number));
    let child = copier("5", "9")
        .descriptor(5, need!(stream(input)))
        .descriptor(9, need!(stream(output)));
    check_eq!(need!(need!(child.spawn()).wait()).rc(), Rc::OK);
    check_eq!(need!(get(&path("fd-out"))), b"inherited".to_vec());
    // It moved the position that both have.
    check_eq!(read_all(input), Ok(Vec::new()));
    check_eq!(descriptor::lseek(input, 0, Whence::Start), Ok(0));
    // Redirected to the usual numbers; the input is no output there.
    let child = copier("0", "1")
        .descriptor(0, need!(stream(input)))
        .descriptor(1, need!(stream(output)));
    check_eq!(need!(need!(child.spawn()).wait()).rc(), Rc::OK);
    check_eq!(need!(get(&path("fd-out"))), b"inheritedinherited".to_vec());
    let child = copier("0", "0").descriptor(0, need!(stream(input)));
    check_eq!(need!(need!(child.spawn()).wait()).rc(), Rc::OK);
    check_eq!(descriptor::lseek(input, 0, Whence::Start), Ok(0));
    let child = copier("0", "0").descriptor(0, need!(stream(input)));
    let status = need!(need!(child.stderr(Stdio::Nil).spawn()).wait());
    check_eq!(status.reason(), Some(Error::AccessDenied));
    for number in [input, output] {
        need!(descriptor::close(number));
    }
    Ok(())
}

fn fork_exec() -> Verdict {
    // A program that runs alone, as a copy of it has one thread only.
    let child = Command::new("SYS:Tests/Child").arg("FORK");
    let (output, writer) = need!(rt::pipe::create(0));
    let child = need!(child.stdout(Stdio::Stream(writer)).spawn());
    let mut all = Vec::new();
    let mut buffer = [0; 64];
    loop {
        match need!(rt::stream::read_until(
            output.get(),
            &mut buffer,
            abi::NEVER
        )) {
            0 => break,
            count => all.extend_from_slice(buffer.get(..count).unwrap_or(&[])),
        }
    }
    check_eq!(need!(child.wait()).rc(), Rc::new(7));
    check_eq!(all, b"before\nfrom the program\nafter 3\n".to_vec());
    // In this process there may be other threads: the copy only ends.
    match need!(fork()) {
        Fork::Copy => exit(Rc::new(9)),
        Fork::Parent(copy) => check_eq!(need!(copy.wait()).rc(), Rc::new(9)),
    }
    Ok(())
}
