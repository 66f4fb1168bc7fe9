//! Starting the first program, with everything there is.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use abi::Rights;
use abi::fs::OpenFlags;
use abi::startup::{EntryKind, Tag};

use crate::account::{Account, Resource};
use crate::cap::{Capability, KernelObject};
use crate::console::terminal::Terminal;
use crate::fs::vfs::{Directory, OpenedNode};
use crate::limits::{KERNEL_BYTES_SHARE, KERNEL_STACK_BYTES, PROCESSES_MAX, THREAD_STACKS_SHARE};
use crate::mm;
use crate::process::{
    GivenHandle, Job, Process, Restrictions, SpawnRequest, spawn, write_blob_entry,
};
use crate::sync::Ref;
use crate::syscall::{JOB_RIGHTS, SystemObject, SystemRole};

/// Path of the first program below the root of the system's volume.
const PROGRAM: &str = "System/Init";

const TERMINAL_RIGHTS: Rights = Rights::DUPLICATE
    .union(Rights::TRANSFER)
    .union(Rights::READ)
    .union(Rights::WRITE)
    .union(Rights::WAIT)
    .union(Rights::INSPECT)
    .union(Rights::MANAGE);

const SYSTEM_RIGHTS: Rights = Rights::DUPLICATE
    .union(Rights::TRANSFER)
    .union(Rights::READ)
    .union(Rights::WRITE)
    .union(Rights::INSPECT)
    .union(Rights::MANAGE);

struct Given(Vec<GivenHandle>);

impl Given {
    fn give<T: KernelObject>(
        &mut self,
        object: Ref<T>,
        rights: Rights,
        tag: Tag,
    ) -> Result<(), String> {
        self.0
            .try_reserve(1)
            .map_err(|_| String::from("no memory for the first program"))?;
        let capability = Capability::new(object, rights);
        self.0.push(GivenHandle {
            capability,
            tag: tag as u32,
            index: 0,
        });
        Ok(())
    }
}

/// Starts the first program.
///
/// # Errors
/// Words for a person.
pub(super) fn start(
    boot_arguments: &str,
    commands: Option<&str>,
    terminal: Ref<Terminal>,
    root: &Ref<Directory>,
) -> Result<Ref<Process>, String> {
    let flags = OpenFlags::READ | OpenFlags::EXECUTE | OpenFlags::ANY_CASE;
    let file = match root.open(PROGRAM.as_bytes(), flags) {
        Ok(OpenedNode::File(file)) => file,
        Ok(OpenedNode::Directory(_)) => return Err(format!("{PROGRAM} is a directory")),
        Err(error) => return Err(format!("{PROGRAM} {error}")),
    };
    let account = Account::root().map_err(|_| String::from("no memory"))?;
    set_limits(&account);
    let job = Job::root(account).map_err(|_| String::from("no memory"))?;
    let mut given = Given(Vec::new());
    given.give(job.clone(), JOB_RIGHTS, Tag::Job)?;
    for tag in [Tag::Stdin, Tag::Stdout, Tag::Stderr, Tag::Terminal] {
        given.give(terminal.clone(), TERMINAL_RIGHTS, tag)?;
    }
    given.give(root.clone(), Rights::DIRECTORY_ALL, Tag::Root)?;
    for (role, tag) in [
        (SystemRole::Clock, Tag::Clock),
        (SystemRole::Log, Tag::Log),
        (SystemRole::Power, Tag::Power),
        (SystemRole::System, Tag::System),
        (SystemRole::Entropy, Tag::Entropy),
    ] {
        let object = Ref::new(SystemObject::new(role)).map_err(|_| String::from("no memory"))?;
        given.give(object, SYSTEM_RIGHTS, tag)?;
    }
    let blob = blob(boot_arguments, commands).ok_or("no memory for the first program")?;
    spawn(SpawnRequest {
        file: &file,
        name: b"Init",
        parent: 0,
        job,
        restrictions: Restrictions::none(),
        blob: &blob,
        handles: given.0,
    })
    .map_err(|error| format!("{PROGRAM}: {error:?}"))
}

/// What all programs together may take of the kernel, however they share it.
fn set_limits(account: &Account) {
    let bytes = mm::memory_use().total.saturating_mul(mm::PAGE);
    const STACK: u64 = KERNEL_STACK_BYTES as u64;
    let stacks = bytes / THREAD_STACKS_SHARE / STACK;
    account.set_limit(Resource::Threads, stacks);
    account.set_limit(Resource::Processes, PROCESSES_MAX.min(stacks));
    account.set_limit(Resource::KernelBytes, bytes / KERNEL_BYTES_SHARE);
}

fn blob(boot_arguments: &str, commands: Option<&str>) -> Option<Vec<u8>> {
    let mut blob = Vec::new();
    write_blob_entry(&mut blob, EntryKind::Argument, b"Init")?;
    let boot = format!("BOOT={boot_arguments}");
    write_blob_entry(&mut blob, EntryKind::Variable, boot.as_bytes())?;
    if let Some(commands) = commands {
        let exec = format!("EXEC={commands}");
        write_blob_entry(&mut blob, EntryKind::Variable, exec.as_bytes())?;
    }
    Some(blob)
}
