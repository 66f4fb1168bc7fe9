//! The whole system: log, power, statistics, random numbers.

use abi::process::ProcessInfo;
use abi::scheduling::ThreadInfo;
use abi::system::{CpuInfo, MachineInfo, MemoryInfo, PowerAction, Topic};
use abi::{Error, Handle, ObjectKind, Rights, Signals};
use zerocopy::IntoBytes;

use crate::cap::{HandleTable, KernelObject, ObjectBase};
use crate::limits::{CPUS_MAX, ENTROPY_READ_BYTES_MAX, LOG_LINE_BYTES_MAX, LOG_LINE_EXTRA_BYTES};
use crate::mm::{self, PAGE, Purpose, UserWriter};
use crate::process::for_each_process;
use crate::sched;
use crate::sync::Once;
use crate::time::now_ns;
use crate::{arch, console, entropy};

use super::Args;
use super::context::{Context, Outcome};

/// What a single right to the system is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SystemRole {
    /// The wall clock.
    Clock,
    /// The kernel log.
    Log,
    /// The power switch.
    Power,
    /// Statistics.
    System,
    /// Random numbers.
    Entropy,
}

/// An object that stands for one part of the system.
#[derive(Debug)]
pub struct SystemObject {
    base: ObjectBase,
    role: SystemRole,
}

impl SystemObject {
    /// The object for a part.
    pub fn new(role: SystemRole) -> SystemObject {
        SystemObject {
            base: ObjectBase::new(Signals::empty()),
            role,
        }
    }

    /// Whether a handle is for this part, with these rights.
    pub(super) fn get(
        cx: &Context,
        handle: u64,
        role: SystemRole,
        rights: Rights,
    ) -> Result<(), Error> {
        Self::check(cx.process.handles(), handle, role, rights)
    }

    /// As [`SystemObject::get`], for a caller with these handles.
    pub(super) fn check(
        table: &HandleTable,
        handle: u64,
        role: SystemRole,
        rights: Rights,
    ) -> Result<(), Error> {
        let (object, has) =
            table.get_with_rights::<SystemObject>(Handle(handle), Rights::empty())?;
        if object.role != role {
            return Err(Error::WrongType);
        }
        if has.contains(rights) {
            Ok(())
        } else {
            Err(Error::AccessDenied)
        }
    }
}

impl KernelObject for SystemObject {
    fn kind(&self) -> ObjectKind {
        match self.role {
            SystemRole::Clock => ObjectKind::Clock,
            SystemRole::Log => ObjectKind::Log,
            SystemRole::Power => ObjectKind::Power,
            SystemRole::System => ObjectKind::System,
            SystemRole::Entropy => ObjectKind::Entropy,
        }
    }

    fn base(&self) -> &ObjectBase {
        &self.base
    }
}

/// What start-up knows of the machine.
#[derive(Clone, Copy, Debug)]
struct Facts {
    cpus_present: u32,
    entry_level: u32,
    boot_arguments: &'static str,
    stop: fn(PowerAction, u32) -> !,
}

static FACTS: Once<Facts> = Once::new();

/// Tells what start-up knows of the machine, and how to stop it.
pub fn set_machine_facts(
    cpus_present: u32,
    entry_level: u32,
    boot_arguments: &'static str,
    stop: fn(PowerAction, u32) -> !,
) {
    FACTS.call_once(|| Facts {
        cpus_present,
        entry_level,
        boot_arguments,
        stop,
    });
}

pub(super) fn log_write(cx: &Context, [log, text, length, ..]: Args) -> Outcome {
    let write = || {
        SystemObject::get(cx, log, SystemRole::Log, Rights::WRITE)?;
        if length > LOG_LINE_BYTES_MAX as u64 {
            return Err(Error::InvalidArgument);
        }
        let text = cx.reader(text, length)?.to_vec(LOG_LINE_BYTES_MAX)?;
        // A line takes more room than its text: time, level and name.
        if !cx
            .process
            .job()
            .take_log_bytes(length.saturating_add(LOG_LINE_EXTRA_BYTES))
        {
            return Err(Error::LimitReached);
        }
        console::write_from_program(cx.process.name(), &text);
        Ok(Outcome::OK)
    };
    Outcome::from(write())
}

pub(super) fn log_read(cx: &Context, [log, position, buffer, length, ..]: Args) -> Outcome {
    let read = || {
        SystemObject::get(cx, log, SystemRole::Log, Rights::READ)?;
        let out = cx.writer(buffer, length)?;
        let mut bytes = [0; 1024];
        let room = bytes.get_mut(..out.len().min(1024)).unwrap_or(&mut []);
        let (count, next) = console::read_log(position, room);
        out.copy_from(0, bytes.get(..count).unwrap_or(&[]))?;
        Ok(Outcome::values(count as u64, next))
    };
    Outcome::from(read())
}

pub(super) fn power_control(cx: &Context, [power, action, code, ..]: Args) -> Outcome {
    let control = || -> Result<Outcome, Error> {
        SystemObject::get(cx, power, SystemRole::Power, Rights::MANAGE)?;
        let action = PowerAction::from_code(action).ok_or(Error::InvalidArgument)?;
        let code = u32::try_from(code).map_err(|_| Error::InvalidArgument)?;
        let facts = FACTS.get().ok_or(Error::NotSupported)?;
        (facts.stop)(action, code)
    };
    Outcome::from(control())
}

pub(super) fn entropy_read(cx: &Context, [entropy, buffer, length, ..]: Args) -> Outcome {
    let read = || {
        SystemObject::get(cx, entropy, SystemRole::Entropy, Rights::READ)?;
        if length > ENTROPY_READ_BYTES_MAX as u64 {
            return Err(Error::InvalidArgument);
        }
        let out = cx.writer(buffer, length)?;
        let mut bytes = [0; 256];
        let mut done = 0;
        while done < out.len() {
            let part = out.len().saturating_sub(done).min(bytes.len());
            let chunk = bytes.get_mut(..part).unwrap_or(&mut []);
            entropy::fill_random(chunk).map_err(|_| Error::NotSeeded)?;
            out.copy_from(done, chunk)?;
            done = done.saturating_add(part);
        }
        Ok(Outcome::OK)
    };
    Outcome::from(read())
}

pub(super) fn system_info(cx: &Context, [system, topic, buffer, length, ..]: Args) -> Outcome {
    let inform = || {
        SystemObject::get(cx, system, SystemRole::System, Rights::INSPECT)?;
        let topic = Topic::from_code(topic).ok_or(Error::InvalidArgument)?;
        let out = cx.writer(buffer, length)?;
        let bytes = match topic {
            Topic::Machine => write_all(&out, machine_info().as_bytes()),
            Topic::Memory => write_all(&out, memory_info().as_bytes()),
            Topic::Processes => write_processes(&out),
            Topic::Cpus => write_cpus(&out),
            Topic::Threads => write_threads(&out),
            Topic::BootArguments => write_all(
                &out,
                FACTS
                    .get()
                    .map_or("", |facts| facts.boot_arguments)
                    .as_bytes(),
            ),
            Topic::Version => {
                let version = concat!("ViperOS ", env!("CARGO_PKG_VERSION"), " (AArch64)");
                write_all(&out, version.as_bytes())
            }
        };
        Ok(Outcome::value(bytes? as u64))
    };
    Outcome::from(inform())
}

fn write_all(out: &UserWriter<'_>, bytes: &[u8]) -> Result<usize, Error> {
    if bytes.len() > out.len() {
        return Err(Error::BufferTooSmall);
    }
    out.copy_from(0, bytes)?;
    Ok(bytes.len())
}

fn machine_info() -> MachineInfo {
    let facts = FACTS.get();
    MachineInfo {
        uptime_ns: now_ns(),
        cpus: sched::cpus_running(),
        cpus_present: facts.map_or(0, |facts| facts.cpus_present),
        cpu_model: arch::cpu_model(),
        gic_version: arch::gic_version(),
        entry_level: facts.map_or(0, |facts| facts.entry_level),
    }
}

fn memory_info() -> MemoryInfo {
    let usage = mm::memory_use();
    let bytes = |purpose: Purpose| {
        usage
            .used
            .get(purpose as usize)
            .map_or(0, |pages| pages.saturating_mul(PAGE))
    };
    MemoryInfo {
        total: usage.total.saturating_mul(PAGE),
        free: usage.free.saturating_mul(PAGE),
        kernel: bytes(Purpose::Kernel),
        heap: bytes(Purpose::Heap),
        user: bytes(Purpose::User),
        cache: bytes(Purpose::Cache),
        tables: bytes(Purpose::Tables),
    }
}

fn write_processes(out: &UserWriter<'_>) -> Result<usize, Error> {
    let (mut done, mut result) = (0usize, Ok(()));
    for_each_process(|process| {
        let end = done.saturating_add(size_of::<ProcessInfo>());
        if result.is_ok() && end <= out.len() {
            result = out.copy_from(done, process.info().as_bytes());
            done = end;
        }
    });
    result?;
    Ok(done)
}

fn write_threads(out: &UserWriter<'_>) -> Result<usize, Error> {
    let (mut done, mut result) = (0usize, Ok(()));
    for_each_process(|process| {
        let threads = (0..).map_while(|index| process.thread_at(index));
        for thread in threads {
            let end = done.saturating_add(size_of::<ThreadInfo>());
            if result.is_err() || end > out.len() {
                return;
            }
            result = out.copy_from(done, thread.info(process.id()).as_bytes());
            done = end;
        }
    });
    result?;
    Ok(done)
}

fn write_cpus(out: &UserWriter<'_>) -> Result<usize, Error> {
    let mut done = 0;
    let running = sched::cpus_running() as usize;
    for cpu in 0..running.min(CPUS_MAX) {
        let end = size_of::<CpuInfo>().saturating_add(done);
        if end > out.len() {
            break;
        }
        let times = sched::cpu_times(cpu);
        let info = CpuInfo {
            idle_ns: times.idle_ns,
            busy_ns: times.busy_ns,
            switch_ns: times.switch_ns,
            switches: times.switches,
            interrupts: arch::interrupts_taken(cpu),
            syscalls: arch::calls_made(cpu),
            preemptions: times.preemptions,
            yields: times.yields,
            wakeups: times.wakeups,
            migrations: times.migrations,
            latency_ns: times.latency_ns,
            latency_max_ns: times.latency_max_ns,
            latencies: times.latencies,
        };
        out.copy_from(done, info.as_bytes())?;
        done = end;
    }
    Ok(done)
}
