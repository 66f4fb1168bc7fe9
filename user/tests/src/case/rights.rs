//! Rights: what is denied without each of them, and allowed with it.

use abi::fs::{OpenFlags, RemoveFlags};
use abi::startup::Tag;
use abi::{Error, Handle, Rights, Signals};
use rt::OwnedHandle;
use viper::fs;

use super::files::{path, put};
use super::{Case, Verdict};
use crate::selftest::FOLDER;
use crate::{check, check_eq, need};

/// The tests.
pub const CASES: &[Case] = &[
    Case {
        name: "rights::only_shrink",
        run: only_shrink,
    },
    Case {
        name: "rights::duplicate",
        run: duplicate,
    },
    Case {
        name: "rights::transfer",
        run: transfer,
    },
    Case {
        name: "rights::read_and_write",
        run: read_and_write,
    },
    Case {
        name: "rights::execute",
        run: execute,
    },
    Case {
        name: "rights::map",
        run: map,
    },
    Case {
        name: "rights::wait_and_signal",
        run: wait_and_signal,
    },
    Case {
        name: "rights::manage",
        run: manage,
    },
    Case {
        name: "rights::inspect",
        run: inspect,
    },
    Case {
        name: "rights::list",
        run: list,
    },
    Case {
        name: "rights::lookup",
        run: lookup,
    },
    Case {
        name: "rights::create",
        run: create,
    },
    Case {
        name: "rights::remove",
        run: remove,
    },
    Case {
        name: "rights::opening_gives_no_more_than_the_directory_has",
        run: opening,
    },
    Case {
        name: "rights::closed_handles_stay_closed",
        run: closed,
    },
    Case {
        name: "rights::the_wrong_kind_comes_before_missing_rights",
        run: order,
    },
];

/// Tries a call with a handle that lacks `right`, which must be denied, and with one
/// that has it, which must succeed.
pub(super) fn needs<T: core::fmt::Debug>(
    full: Handle,
    right: Rights,
    call: impl Fn(Handle) -> rt::Result<T>,
) -> Verdict {
    let all = need!(rt::handle::info(full)).rights();
    check!(all.contains(right));
    let without = need!(rt::handle::duplicate(full, all.difference(right)));
    check_eq!(call(without.get()).err(), Some(Error::AccessDenied));
    let with = need!(rt::handle::duplicate(full, all));
    need!(call(with.get()));
    Ok(())
}

fn folder() -> fs::Result<OwnedHandle> {
    Ok(fs::open_directory(FOLDER)?.0)
}

fn only_shrink() -> Verdict {
    let event = need!(rt::event::create());
    let all = need!(rt::handle::info(event.get())).rights();
    let less = need!(rt::handle::duplicate(
        event.get(),
        all.difference(Rights::SIGNAL)
    ));
    let more = rt::handle::duplicate(less.get(), all);
    check_eq!(more.err(), Some(Error::AccessDenied));
    let same = need!(rt::handle::duplicate(event.get(), all));
    check_eq!(need!(rt::handle::info(same.get())).rights(), all);
    let unknown = rt::handle::duplicate(event.get(), Rights::from_bits_retain(1 << 31));
    check!(unknown.is_err());
    Ok(())
}

fn duplicate() -> Verdict {
    let event = need!(rt::event::create());
    needs(event.get(), Rights::DUPLICATE, |handle| {
        rt::handle::duplicate(handle, Rights::WAIT).map(drop)
    })
}

fn transfer() -> Verdict {
    let event = need!(rt::event::create());
    let (near, far) = need!(rt::channel::create());
    let all = need!(rt::handle::info(event.get())).rights();
    let without = need!(rt::handle::duplicate(
        event.get(),
        all.difference(Rights::TRANSFER)
    ));
    let denied = rt::channel::write(near.get(), b"x", &[without.get()]);
    check_eq!(denied, Err(Error::AccessDenied));
    // It did not leave.
    check!(rt::handle::info(without.get()).is_ok());
    let with = need!(rt::handle::duplicate(event.get(), all)).into_raw();
    need!(rt::channel::write(near.get(), b"x", &[with]));
    check_eq!(rt::handle::info(with).err(), Some(Error::BadHandle));
    let mut handles = [Handle::NONE; 2];
    let (_, count) = need!(rt::channel::read(far.get(), &mut [0; 8], &mut handles));
    check_eq!(count, 1);
    let [received, _] = handles.map(OwnedHandle::new);
    check_eq!(need!(rt::handle::info(received.get())).rights(), all);
    Ok(())
}

fn read_and_write() -> Verdict {
    need!(put(&path("rw"), b"text"));
    let folder = need!(folder());
    let flags = OpenFlags::READ | OpenFlags::WRITE;
    let (file, _) = need!(rt::directory::open(folder.get(), b"rw", flags));
    needs(file.get(), Rights::READ, |file| {
        rt::file::read_at(file, 0, &mut [0; 4])
    })?;
    needs(file.get(), Rights::READ, |file| {
        rt::stream::read(file, &mut [0; 4])
    })?;
    needs(file.get(), Rights::WRITE, |file| {
        rt::file::write_at(file, 0, b"T")
    })?;
    needs(file.get(), Rights::WRITE, |file| {
        rt::stream::write(file, b"T")
    })?;
    needs(file.get(), Rights::WRITE, |file| {
        rt::file::truncate(file, 3)
    })?;
    needs(file.get(), Rights::WRITE, rt::file::sync)
}

fn execute() -> Verdict {
    let program = need!(fs::open_program("SYS:Tests/Child"));
    needs(program.get(), Rights::EXECUTE, |file| {
        let child = rt::process::spawn(file, "Child", &[], &[], Handle::NONE)?;
        rt::handle::wait(child.get(), Signals::TERMINATED, abi::NEVER)
    })
}

fn map() -> Verdict {
    let memory = need!(rt::memory::create(4096));
    let flags = abi::memory::MapFlags::READ | abi::memory::MapFlags::WRITE;
    let map = |memory| rt::memory::Mapping::shared(memory, 0, 4096, flags);
    needs(memory.get(), Rights::MAP, map)?;
    needs(memory.get(), Rights::WRITE, map)?;
    needs(memory.get(), Rights::READ, map)
}

fn wait_and_signal() -> Verdict {
    let event = need!(rt::event::create());
    let user = Signals::USER_0;
    needs(event.get(), Rights::SIGNAL, |event| {
        rt::event::signal(event, Signals::empty(), user)
    })?;
    needs(event.get(), Rights::WAIT, |event| {
        rt::handle::wait(event, user, abi::NOW)
    })?;
    needs(event.get(), Rights::WAIT, |event| {
        rt::event::wait(event, user, abi::NOW)
    })?;
    let port = need!(rt::port::create());
    needs(event.get(), Rights::WAIT, |event| {
        rt::port::add(port.get(), event, user, 1)
    })
}

fn manage() -> Verdict {
    let child = need!(
        viper::process::Command::new("SYS:Tests/Child")
            .arg("SLEEP")
            .spawn()
    );
    needs(child.handle().get(), Rights::MANAGE, |child| {
        rt::process::kill(child, 7)
    })?;
    check!(need!(child.wait()).was_killed());
    Ok(())
}

fn inspect() -> Verdict {
    let own = rt::startup::handle(Tag::OwnProcess).ok_or("no handle to this process")?;
    needs(own, Rights::INSPECT, |own| {
        rt::process::info(own).map(|info| info.id)
    })?;
    needs(own, Rights::INSPECT, |own| rt::handle::list(own, &mut []))?;
    need!(put(&path("inspect"), b"x"));
    let folder = need!(folder());
    let (file, _) = need!(rt::directory::open(
        folder.get(),
        b"inspect",
        OpenFlags::READ
    ));
    needs(file.get(), Rights::INSPECT, |file| {
        rt::file::stat(file).map(|stat| stat.size)
    })?;
    needs(folder.get(), Rights::INSPECT, |folder| {
        rt::directory::volume(folder).map(|volume| volume.total)
    })
}

fn list() -> Verdict {
    let folder = need!(folder());
    needs(folder.get(), Rights::LIST, |folder| {
        rt::directory::list(folder, 0, &mut [0; 4096])
    })
}

fn lookup() -> Verdict {
    need!(put(&path("lookup"), b"x"));
    let folder = need!(folder());
    needs(folder.get(), Rights::LOOKUP, |folder| {
        rt::directory::open(folder, b"lookup", OpenFlags::READ).map(drop)
    })?;
    needs(folder.get(), Rights::LOOKUP, |folder| {
        rt::directory::stat(folder, b"lookup", OpenFlags::empty()).map(|stat| stat.size)
    })
}

fn create() -> Verdict {
    let folder = need!(folder());
    let flags = OpenFlags::WRITE | OpenFlags::CREATE;
    needs(folder.get(), Rights::CREATE, |folder| {
        rt::directory::open(folder, b"created", flags).map(drop)
    })
}

fn remove() -> Verdict {
    need!(put(&path("doomed"), b"x"));
    let folder = need!(folder());
    needs(folder.get(), Rights::REMOVE, |folder| {
        rt::directory::remove(folder, b"doomed", RemoveFlags::empty())
    })
}

fn opening() -> Verdict {
    need!(put(&path("opening"), b"x"));
    let folder = need!(folder());
    let read_only = need!(rt::handle::duplicate(
        folder.get(),
        Rights::DIRECTORY_READ_ONLY
    ));
    let write = OpenFlags::READ | OpenFlags::WRITE;
    let denied = rt::directory::open(read_only.get(), b"opening", write);
    check_eq!(denied.err(), Some(Error::AccessDenied));
    let (file, _) = need!(rt::directory::open(
        read_only.get(),
        b"opening",
        OpenFlags::READ
    ));
    check!(
        !need!(rt::handle::info(file.get()))
            .rights()
            .contains(Rights::WRITE)
    );
    check!(rt::directory::open(folder.get(), b"opening", write).is_ok());
    Ok(())
}

fn closed() -> Verdict {
    let event = need!(rt::event::create());
    let old = event.get();
    drop(event);
    check_eq!(rt::handle::info(old).err(), Some(Error::BadHandle));
    // Whatever takes its place has another value.
    for _ in 0..100 {
        let next = need!(rt::event::create());
        check!(next.get() != old);
        check_eq!(rt::handle::info(old).err(), Some(Error::BadHandle));
    }
    check_eq!(rt::handle::close(Handle::NONE), Err(Error::BadHandle));
    Ok(())
}

fn order() -> Verdict {
    let event = need!(rt::event::create());
    let bare = need!(rt::handle::duplicate(event.get(), Rights::empty()));
    check_eq!(rt::file::sync(bare.get()), Err(Error::WrongType));
    let signal = rt::event::signal(bare.get(), Signals::empty(), Signals::USER_0);
    check_eq!(signal, Err(Error::AccessDenied));
    Ok(())
}
