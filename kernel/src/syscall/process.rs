//! Processes.

use alloc::vec::Vec;

use abi::process::{SPAWN_BLOB_MAX, SPAWN_HANDLES_MAX, SpawnArgs, SpawnHandle};
use abi::startup::StartupHandle;
use abi::{Error, Handle, Rights};
use zerocopy::FromBytes;

use crate::cap::Capability;
use crate::fs::vfs::File;
use crate::process::{
    ExecRequest, Exit, GivenHandle, Process, SpawnRequest, clone_process, exec, spawn,
};
use crate::word;

use super::Args;
use super::context::{Context, Outcome};
use super::job::job_to_fill;

/// What the parent may do with its child.
const CHILD_RIGHTS: Rights = Rights::DUPLICATE
    .union(Rights::TRANSFER)
    .union(Rights::WAIT)
    .union(Rights::SIGNAL)
    .union(Rights::INSPECT)
    .union(Rights::MANAGE);

const COPY_RIGHTS: Rights = Rights::DUPLICATE.union(Rights::TRANSFER);

pub(super) fn process_spawn(cx: &Context, [args, ..]: Args) -> Outcome {
    Outcome::from(try_spawn(cx, args))
}

fn try_spawn(cx: &Context, args: u64) -> Result<Outcome, Error> {
    let args: SpawnArgs = cx.read_record(args)?;
    let file = cx.get::<File>(args.file.0, Rights::EXECUTE.union(Rights::READ))?;
    let job = job_to_fill(cx, args.job.0)?;
    if args.flags != 0 || args.handle_count > SPAWN_HANDLES_MAX as u64 {
        return Err(Error::InvalidArgument);
    }
    if args.blob_len > SPAWN_BLOB_MAX as u64 {
        return Err(Error::InvalidArgument);
    }
    let name_len = args.name_len.min(abi::process::PROCESS_NAME_MAX as u64);
    let name = cx
        .reader(args.name, name_len)?
        .to_vec(abi::process::PROCESS_NAME_MAX)?;
    let blob = cx
        .reader(args.blob, args.blob_len)?
        .to_vec(SPAWN_BLOB_MAX)?;
    let wanted = read_handles(cx, args.handles, args.handle_count)?;
    check_handles(cx, &wanted)?;
    let handles = take_handles(cx, &wanted)?;
    let child = spawn(SpawnRequest {
        file: &file,
        name: &name,
        parent: cx.process.id(),
        job,
        restrictions: cx.process.restrictions().inherited(),
        blob: &blob,
        handles,
    })?;
    match cx.add(child.clone(), CHILD_RIGHTS) {
        Ok(handle) => Ok(Outcome::value(handle)),
        Err(error) => {
            // Nobody could ever ask for it.
            child.end(Exit::Killed(abi::process::RC_FAIL));
            Err(error)
        }
    }
}

fn read_handles(cx: &Context, address: u64, count: u64) -> Result<Vec<SpawnHandle>, Error> {
    const BYTES_MAX: usize = SPAWN_HANDLES_MAX * size_of::<SpawnHandle>();
    let len = count.saturating_mul(size_of::<SpawnHandle>() as u64);
    let bytes = cx.reader(address, len)?.to_vec(BYTES_MAX)?;
    let values = bytes.chunks_exact(size_of::<SpawnHandle>());
    let mut rows = Vec::new();
    rows.try_reserve_exact(values.len())
        .map_err(|_| Error::NoMemory)?;
    for row in values {
        rows.push(SpawnHandle::read_from_bytes(row).map_err(|_| Error::InvalidArgument)?);
    }
    Ok(rows)
}

/// Everything that can be refused is refused before the first handle leaves the caller.
fn check_handles(cx: &Context, wanted: &[SpawnHandle]) -> Result<(), Error> {
    for (index, row) in wanted.iter().enumerate() {
        let has = cx
            .process
            .handles()
            .with(row.handle, |capability| capability.rights())?;
        let needed = match row.moved {
            0 => COPY_RIGHTS,
            1 => Rights::TRANSFER,
            _ => return Err(Error::InvalidArgument),
        };
        if !has.contains(needed) {
            return Err(Error::AccessDenied);
        }
        if Rights::from_bits(row.rights).is_none() {
            return Err(Error::InvalidArgument);
        }
        let again = |other: &SpawnHandle| other.handle == row.handle;
        if row.moved == 1 && wanted.iter().skip(index.saturating_add(1)).any(again) {
            return Err(Error::InvalidArgument);
        }
    }
    Ok(())
}

fn take_handles(cx: &Context, wanted: &[SpawnHandle]) -> Result<Vec<GivenHandle>, Error> {
    let mut given = Vec::new();
    given
        .try_reserve_exact(wanted.len())
        .map_err(|_| Error::NoMemory)?;
    for row in wanted {
        let mask = Rights::from_bits_retain(row.rights);
        let capability = take_one(cx, row.handle, mask, row.moved == 1)?;
        given.push(GivenHandle {
            capability,
            tag: row.tag,
            index: row.index,
        });
    }
    Ok(given)
}

fn take_one(cx: &Context, handle: Handle, mask: Rights, moved: bool) -> Result<Capability, Error> {
    let table = cx.process.handles();
    if moved {
        return Ok(table
            .remove_with(handle, Rights::TRANSFER)?
            .restricted(mask));
    }
    table.with(handle, |capability| {
        if !capability.rights().contains(COPY_RIGHTS) {
            return Err(Error::AccessDenied);
        }
        Ok(capability.derive(mask, cx.process.account())?)
    })?
}

/// An exit code is the low half of the register.
pub(super) fn exit_code(register: u64) -> i32 {
    word::low_half(register).cast_signed()
}

pub(super) fn process_clone(cx: &Context<'_>, _args: Args) -> Outcome {
    let clone = || {
        let copy = clone_process(&cx.process)?;
        match cx.add(copy.clone(), CHILD_RIGHTS) {
            Ok(handle) => Ok(Outcome::value(handle)),
            Err(error) => {
                // Nobody could ever ask for it.
                copy.end(Exit::Killed(abi::process::RC_FAIL));
                Err(error)
            }
        }
    };
    Outcome::from(clone())
}

pub(super) fn process_exec(cx: &Context<'_>, [args, ..]: Args) -> Outcome {
    Outcome::from(try_exec(cx, args))
}

fn try_exec(cx: &Context<'_>, args: u64) -> Result<Outcome, Error> {
    let args: SpawnArgs = cx.read_record(args)?;
    let file = cx.get::<File>(args.file.0, Rights::EXECUTE.union(Rights::READ))?;
    let too_many = args.handle_count > SPAWN_HANDLES_MAX as u64;
    if args.flags != 0 || too_many || args.blob_len > SPAWN_BLOB_MAX as u64 {
        return Err(Error::InvalidArgument);
    }
    let blob = cx
        .reader(args.blob, args.blob_len)?
        .to_vec(SPAWN_BLOB_MAX)?;
    let named = read_handles(cx, args.handles, args.handle_count)?;
    let mut handles = Vec::new();
    handles
        .try_reserve_exact(named.len())
        .map_err(|_| Error::NoMemory)?;
    for row in &named {
        let rights = cx
            .process
            .handles()
            .with(row.handle, |capability| capability.rights())?;
        // They are kept as they are, and each once.
        if row.moved != 1 || row.rights != rights.bits() {
            return Err(Error::InvalidArgument);
        }
        handles.push(StartupHandle {
            handle: row.handle,
            tag: row.tag,
            index: row.index,
        });
    }
    if cx.process.thread_count() != 1 {
        return Err(Error::BadState);
    }
    exec(
        &cx.process,
        &ExecRequest {
            file: &file,
            blob: &blob,
            handles,
        },
    )?;
    Ok(Outcome::Replaced)
}

pub(super) fn process_exit(cx: &Context, [code, ..]: Args) -> Outcome {
    cx.process.end(Exit::Code(exit_code(code)));
    Outcome::OK
}

pub(super) fn process_kill(cx: &Context, [process, code, ..]: Args) -> Outcome {
    match cx.get::<Process>(process, Rights::MANAGE) {
        Ok(process) => {
            process.end(Exit::Killed(exit_code(code)));
            Outcome::OK
        }
        Err(error) => error.into(),
    }
}

pub(super) fn process_info(cx: &Context, [process, info, ..]: Args) -> Outcome {
    let inform = || {
        let process = cx.get::<Process>(process, Rights::INSPECT)?;
        cx.write_record(info, &process.info())?;
        Ok(Outcome::OK)
    };
    Outcome::from(inform())
}
