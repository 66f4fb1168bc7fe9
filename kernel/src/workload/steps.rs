//! The steps of a run.

use abi::fs::{OpenFlags, RemoveFlags, RenameFlags};
use abi::signal::{PortEvent, PortMode};
use abi::{Error, Rights, Signals};

use alloc::string::String;
use alloc::vec::Vec;

use crate::arch::{Access, PageFlags};
use crate::cap::{Capability, HandleTable, KernelObject};
use crate::fs::vfs::{File, OpenedNode};
use crate::ipc::{ChannelEnd, Event, Message, Port, PortError, SendError};
use crate::mm::{
    AddressSpace, Backing, FaultError, Layout, MapError, MapRequest, MemoryPages, PAGE,
};
use crate::process::{Job, JobError, Process, Restrictions};
use crate::sync::{AllocError, Ref};

use super::{Lab, Stop};

const FILE: &[u8] = b"d/file";
const MOVED: &[u8] = b"d/a name that is longer than the other one";
/// More than one write of the engine; less on the machine, where it takes longer.
const DATA_BYTES: usize = if cfg!(test) { 200_000 } else { 140_000 };

fn wrong(what: &str) -> Stop {
    Stop::Wrong(String::from(what))
}

/// What an error of the interface means at `place`.
pub(super) fn stop(place: &'static str) -> impl Fn(Error) -> Stop {
    move |error| match error {
        Error::NoMemory => Stop::Refused,
        other => Stop::Wrong(alloc::format!("{place}: {other:?}")),
    }
}

fn refused(_: AllocError) -> Stop {
    Stop::Refused
}

fn of_map(error: MapError) -> Stop {
    match error {
        MapError::NoMemory => Stop::Refused,
        other => Stop::Wrong(alloc::format!("a mapping: {other:?}")),
    }
}

fn of_fault(error: FaultError) -> Stop {
    match error {
        FaultError::NoMemory | FaultError::LimitReached => Stop::Refused,
        other => Stop::Wrong(alloc::format!("a page fault: {other:?}")),
    }
}

pub(super) fn open(lab: &Lab, path: &[u8], flags: OpenFlags) -> Result<Ref<File>, Stop> {
    match lab.root.open(path, flags).map_err(stop("open"))? {
        OpenedNode::File(file) => Ok(file),
        OpenedNode::Directory(_) => Err(wrong("a file is a directory")),
    }
}

/// Makes, writes, reads, lists, renames, cuts and removes files.
pub(super) fn files(lab: &Lab) -> Result<(), Stop> {
    let directory = OpenFlags::CREATE | OpenFlags::DIRECTORY;
    lab.root
        .open(b"d", directory)
        .map_err(stop("a directory"))?;
    let mut data = Vec::new();
    let room = data.try_reserve_exact(DATA_BYTES);
    room.map_err(|_| Stop::Refused)?;
    data.extend((0..DATA_BYTES).map(|at| (at >> 3) as u8));
    let file = open(lab, FILE, OpenFlags::CREATE)?;
    file.write_from(0, &data).map_err(stop("write"))?;
    file.sync().map_err(stop("fsync"))?;
    for number in 0..12u8 {
        let name = [b'd', b'/', b'a' + number];
        let small = open(lab, &name, OpenFlags::CREATE)?;
        small.write_from(0, &data[..100]).map_err(stop("write"))?;
    }
    let replaced = open(lab, MOVED, OpenFlags::CREATE)?;
    replaced
        .write_from(0, &data[..5000])
        .map_err(stop("write"))?;
    drop(replaced);
    let target = &*lab.root;
    lab.root
        .rename(FILE, target, MOVED, RenameFlags::REPLACE)
        .map_err(stop("rename"))?;
    lab.root.volume().sync().map_err(stop("sync"))?;
    let mut listed = 0;
    let here = match lab.root.open(b"d", OpenFlags::DIRECTORY) {
        Ok(OpenedNode::Directory(here)) => here,
        Ok(OpenedNode::File(_)) => return Err(wrong("a directory is a file")),
        Err(error) => return Err(stop("open")(error)),
    };
    here.list(0, |_| {
        listed += 1;
        true
    })
    .map_err(stop("list"))?;
    if listed != 13 {
        return Err(Stop::Wrong(alloc::format!("{listed} names, not 13")));
    }
    file.pages().drop_clean();
    data.fill(0);
    let read = file.read_into(0, &mut data).map_err(stop("read"))?;
    let as_written = |(at, byte): (usize, &u8)| *byte == (at >> 3) as u8;
    if read != DATA_BYTES || !data.iter().enumerate().all(as_written) {
        return Err(wrong("a file does not hold what was written"));
    }
    file.truncate(10_000).map_err(stop("truncate"))?;
    file.write_from(5000, &data[..100]).map_err(stop("write"))?;
    remove(lab, MOVED)?;
    // Deleted and still open: its space comes back with the last use.
    file.read_into(0, &mut data[..100]).map_err(stop("read"))?;
    drop(file);
    Ok(())
}

fn remove(lab: &Lab, path: &[u8]) -> Result<(), Stop> {
    lab.root
        .remove(path, RemoveFlags::ANY_KIND)
        .map_err(stop("remove"))
}

/// Removes every name.
pub(super) fn remove_all(lab: &Lab) -> Result<(), Stop> {
    let mut names: Vec<Vec<u8>> = (0..12u8).map(|n| [b'd', b'/', b'a' + n].to_vec()).collect();
    names.extend([FILE.to_vec(), MOVED.to_vec(), b"d".to_vec()]);
    for name in names {
        match lab.root.remove(&name, RemoveFlags::ANY_KIND) {
            Ok(()) | Err(Error::NotFound) => {}
            Err(error) => return Err(stop("remove")(error)),
        }
    }
    Ok(())
}

/// Changes something, so that the next commit has work.
pub(super) fn touch(lab: &Lab) -> Result<(), Stop> {
    drop(open(lab, b"touched", OpenFlags::CREATE)?);
    remove(lab, b"touched")
}

/// Sends and reads messages with handles, which go through a table.
pub(super) fn messages(lab: &Lab) -> Result<(), Stop> {
    let table = HandleTable::new(0x5a5a, lab.group.clone());
    let (near, far) = ChannelEnd::pair().map_err(refused)?;
    let keep = [
        table.add(Capability::new(near.clone(), Rights::all())),
        table.add(Capability::new(far.clone(), Rights::all())),
    ];
    if keep.iter().any(|added| added.is_err()) {
        return Err(Stop::Refused);
    }
    for size in [1, 64, 5000] {
        let mut message = Message {
            bytes: Vec::new(),
            handles: Vec::new(),
            charges: [None, None],
        };
        let room = message.bytes.try_reserve_exact(size);
        room.map_err(|_| Stop::Refused)?;
        message.bytes.resize(size, 7);
        message.handles.try_reserve(1).map_err(|_| Stop::Refused)?;
        let event = Ref::new(Event::new()).map_err(refused)?;
        message.handles.push(Capability::new(event, Rights::all()));
        match near.send(message) {
            Ok(()) => {}
            Err(SendError::NoMemory(_)) => return Err(Stop::Refused),
            Err(error) => return Err(Stop::Wrong(alloc::format!("send: {error:?}"))),
        }
    }
    for size in [1, 64, 5000] {
        let message = far
            .read(5000, 4)
            .map_err(|error| Stop::Wrong(alloc::format!("read: {error:?}")))?;
        if message.bytes.len() != size || message.handles.len() != 1 {
            return Err(wrong("a message arrives changed"));
        }
    }
    Ok(())
}

/// Watches events through a port.
pub(super) fn ports(lab: &Lab) -> Result<(), Stop> {
    let port = Ref::new(Port::new().map_err(refused)?).map_err(refused)?;
    // Its members go with the last capability.
    let _last = Capability::new(port.clone(), Rights::all());
    for key in 0..20 {
        let event = Ref::new(Event::new()).map_err(refused)?;
        let object = event.clone().widen(|event| event as *mut dyn KernelObject);
        match port.add(object, Signals::USER_0, PortMode::empty(), key, &lab.group) {
            Ok(()) => {}
            Err(PortError::NoMemory) => return Err(Stop::Refused),
            Err(error) => return Err(Stop::Wrong(alloc::format!("port: {error:?}"))),
        }
        event.update(Signals::empty(), Signals::USER_0);
        let mut events = [PortEvent::default(); 4];
        if port.collect(&mut events) != 1 || events[0].key != key {
            return Err(wrong("a port does not tell"));
        }
        event.update(Signals::USER_0, Signals::empty());
    }
    Ok(())
}

/// A space whose mappings go at the end, as those of a process do.
struct Cleared(Ref<AddressSpace>);

impl Drop for Cleared {
    fn drop(&mut self) {
        self.0.clear();
    }
}

impl core::ops::Deref for Cleared {
    type Target = AddressSpace;

    fn deref(&self) -> &AddressSpace {
        &self.0
    }
}

/// Maps memory of two kinds, touches it, and takes parts of it away.
pub(super) fn maps(lab: &Lab) -> Result<(), Stop> {
    let space = AddressSpace::new(lab.group.clone(), Layout::FIXED).map_err(of_map)?;
    let space = Cleared(Ref::new(space).map_err(refused)?);
    let request = |bytes, backing| MapRequest {
        placement: 0,
        fixed: false,
        bytes,
        flags: PageFlags::WRITE,
        most: PageFlags::WRITE,
        backing,
    };
    let own =
        AddressSpace::map(&space.0, request(64 * PAGE, Backing::Anonymous)).map_err(of_map)?;
    for page in [0, 1, 5, 63] {
        let outcome = space.fault(own + page * PAGE, Access::Write);
        outcome.map_err(of_fault)?;
    }
    let pages = Ref::new(MemoryPages::anonymous(8 * PAGE)).map_err(refused)?;
    for private in [false, true] {
        let backing = Backing::Memory {
            pages: pages.clone(),
            first: 0,
            bytes: 8 * PAGE,
            private,
        };
        let at = AddressSpace::map(&space.0, request(8 * PAGE, backing)).map_err(of_map)?;
        for page in [0, 7] {
            let outcome = space.fault(at + page * PAGE, Access::Read);
            outcome.map_err(of_fault)?;
            let outcome = space.fault(at + page * PAGE, Access::Write);
            outcome.map_err(of_fault)?;
        }
    }
    let copy = Cleared(space.clone_for(lab.group.clone()).map_err(of_map)?);
    copy.fault(own, Access::Write).map_err(of_fault)?;
    // A hole makes two mappings of one.
    space.unmap(own + 4 * PAGE, 2 * PAGE).map_err(of_map)?;
    space
        .protect(own + 8 * PAGE, PAGE, PageFlags::empty())
        .map_err(of_map)
}

/// Makes a job and in it a process with a handle; it never runs.
pub(super) fn processes(lab: &Lab) -> Result<(), Stop> {
    let job = match Job::create_below(&lab.job) {
        Ok(job) => job,
        Err(JobError::NoMemory) => return Err(Stop::Refused),
        Err(error) => return Err(Stop::Wrong(alloc::format!("a job: {error:?}"))),
    };
    // It leaves with its last handle.
    let _last = Capability::new(job.clone(), Rights::all());
    let process = Process::new(b"idle", 0, &job, Restrictions::none()).map_err(of_map)?;
    let event = Ref::new(Event::new()).map_err(refused)?;
    let added = process.handles().add(Capability::new(event, Rights::all()));
    added.map_err(|_| Stop::Refused)?;
    process.handles().clear();
    Ok(())
}
