//! Taking back what was given.

use abi::fs::OpenFlags;
use abi::memory::MapFlags;
use abi::startup::Tag;
use abi::upcall::{UpcallKinds, UpcallRecord};
use abi::{Error, Handle, Rights, Signals};
use core::sync::atomic::Ordering;
use core::time::Duration;
use rt::OwnedHandle;
use rt::memory::Mapping;
use rt::probe;
use rt::upcall::Upcalls;
use viper::process::{Command, Grant};
use viper::{Rc, fs, thread};

use super::{Case, Verdict};
use crate::selftest::FOLDER;
use crate::{check, check_eq, need};

/// The tests.
pub const CASES: &[Case] = &[
    Case {
        name: "revocation::copies_are_gone_and_the_original_stays",
        run: copies,
    },
    Case {
        name: "revocation::reaches_other_processes_and_messages",
        run: far_away,
    },
    Case {
        name: "revocation::reaches_what_was_opened_and_mapped",
        run: through,
    },
    Case {
        name: "revocation::ends_waits",
        run: waits,
    },
    Case {
        name: "revocation::needs_manage",
        run: rights,
    },
];

fn all_rights(handle: Handle) -> rt::Result<OwnedHandle> {
    let rights = rt::handle::info(handle)?.rights();
    rt::handle::duplicate(handle, rights)
}

fn signal(event: Handle) -> rt::Result<()> {
    rt::event::signal(event, Signals::empty(), Signals::USER_0)
}

fn copies() -> Verdict {
    let event = need!(rt::event::create());
    let first = need!(all_rights(event.get()));
    let other = need!(all_rights(event.get()));
    let below = need!(all_rights(first.get()));
    let info = |handle: &OwnedHandle| rt::handle::info(handle.get());
    check_eq!(need!(info(&first)).parent, need!(info(&event)).derivation);
    check_eq!(need!(info(&below)).parent, need!(info(&first)).derivation);
    // From a copy: only what comes from it.
    need!(rt::handle::revoke(first.get()));
    check_eq!(signal(below.get()), Err(Error::Revoked));
    check_eq!(info(&below).err(), Some(Error::Revoked));
    for handle in [&event, &first, &other] {
        need!(signal(handle.get()));
    }
    // From the original: all copies.
    let below = need!(all_rights(first.get()));
    need!(rt::handle::revoke(event.get()));
    for handle in [&first, &other, &below] {
        check_eq!(signal(handle.get()), Err(Error::Revoked));
        check_eq!(all_rights(handle.get()).err(), Some(Error::Revoked));
    }
    need!(signal(event.get()));
    // A handle that was taken back can be closed, once; what is given anew is good.
    let raw = below.into_raw();
    need!(rt::handle::close(raw));
    check_eq!(rt::handle::close(raw), Err(Error::BadHandle));
    need!(signal(need!(all_rights(event.get())).get()));
    Ok(())
}

fn far_away() -> Verdict {
    let event = need!(rt::event::create());
    let child = need!(
        Command::new("SYS:Tests/Child")
            .arg("SLEEP")
            .grant(Grant {
                tag: Tag::User,
                handle: event.get(),
                rights: Rights::all(),
            })
            .spawn()
    );
    let object = need!(rt::handle::info(event.get())).object;
    let has_it = || {
        let mut rows = [abi::handle::HandleInfo::default(); 64];
        let count = need!(rt::handle::list(child.handle().get(), &mut rows)).min(64);
        Ok::<bool, alloc::string::String>(rows.iter().take(count).any(|row| row.object == object))
    };
    check!(has_it()?);
    // One on its way, copied; one moved, which is no copy.
    let (near, far) = need!(rt::channel::create());
    let copied = need!(all_rights(event.get())).into_raw();
    let moved = need!(rt::event::create()).into_raw();
    need!(rt::channel::write(near.get(), b"x", &[copied, moved]));
    need!(rt::handle::revoke(event.get()));
    check!(!has_it()?);
    let (mut bytes, mut handles) = ([0; 4], [Handle::NONE; 2]);
    check_eq!(
        rt::channel::read(far.get(), &mut bytes, &mut handles),
        Ok((1, 2))
    );
    check_eq!(handles[0], Handle::NONE);
    need!(signal(handles[1]));
    need!(rt::handle::close(handles[1]));
    need!(child.kill(Rc::OK));
    need!(child.wait());
    Ok(())
}

/// Goes on behind the load.
fn skip(record: &mut UpcallRecord) {
    record.pc = record.pc.wrapping_add(4);
}

fn through() -> Verdict {
    let _upcalls = need!(Upcalls::new(UpcallKinds::FAULT, skip));
    let memory = need!(rt::memory::create(4096));
    let copy = need!(all_rights(memory.get()));
    let flags = MapFlags::READ.union(MapFlags::WRITE);
    let kept = need!(Mapping::shared(memory.get(), 0, 4096, flags));
    let lost = need!(Mapping::shared(copy.get(), 0, 4096, flags));
    let first = kept.atomics().and_then(<[_]>::first).ok_or("no bytes")?;
    first.store(77, Ordering::SeqCst);
    // The mapping outlives the handle it was made with, and still goes.
    drop(copy);
    check_eq!(probe::load_or(lost.address() as u64, 1), 77);
    need!(rt::handle::revoke(memory.get()));
    check_eq!(probe::load_or(lost.address() as u64, 1), 1);
    check_eq!(probe::load_or(kept.address() as u64, 1), 77);

    let (directory, _) = need!(fs::open_directory(FOLDER));
    let copy = need!(all_rights(directory.get()));
    let flags = OpenFlags::READ | OpenFlags::WRITE | OpenFlags::CREATE;
    let open = |from: &OwnedHandle| rt::directory::open(from.get(), b"revocation", flags);
    let (kept, _) = need!(open(&directory));
    let (lost, _) = need!(open(&copy));
    need!(rt::file::write_at(lost.get(), 0, b"before"));
    let pages = need!(rt::file::memory(lost.get()));
    need!(rt::handle::revoke(directory.get()));
    check_eq!(
        rt::file::write_at(lost.get(), 0, b"after!"),
        Err(Error::Revoked)
    );
    check_eq!(open(&copy).err(), Some(Error::Revoked));
    check_eq!(rt::handle::info(pages.get()).err(), Some(Error::Revoked));
    let mut bytes = [0; 6];
    check_eq!(rt::file::read_at(kept.get(), 0, &mut bytes), Ok(6));
    check_eq!(&bytes, b"before");
    Ok(())
}

fn waits() -> Verdict {
    let event = need!(rt::event::create());
    let copy = need!(all_rights(event.get()));
    let waiter = need!(thread::spawn(move || {
        // This thread's process still has the original: it is told all the same, for it
        // waits through what it lost.
        rt::event::wait(copy.get(), Signals::USER_0, abi::NEVER)
    }));
    thread::sleep(Duration::from_millis(20));
    need!(rt::handle::revoke(event.get()));
    check_eq!(waiter.join().ok(), Some(Err(Error::Revoked)));
    Ok(())
}

fn rights() -> Verdict {
    let event = need!(rt::event::create());
    let has = need!(rt::handle::info(event.get())).rights();
    check!(has.contains(Rights::MANAGE));
    let weak = need!(rt::handle::duplicate(
        event.get(),
        has.difference(Rights::MANAGE)
    ));
    let below = need!(all_rights(weak.get()));
    check_eq!(rt::handle::revoke(weak.get()), Err(Error::AccessDenied));
    need!(signal(below.get()));
    need!(rt::handle::revoke(event.get()));
    check_eq!(signal(below.get()), Err(Error::Revoked));
    Ok(())
}
