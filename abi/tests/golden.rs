//! The interface as text, so that every change of it is a visible change of a file.
//!
//! `UPDATE_GOLDEN=1 cargo test -p abi` writes the file anew.

use std::fmt::Write;
use std::mem::{offset_of, size_of};

use abi::{Error, SYSCALLS};

macro_rules! layout {
    ($out:ident, $type:ty { $($field:ident),* $(,)? }) => {
        writeln!($out, "record {} size {}", stringify!($type), size_of::<$type>()).unwrap();
        $( writeln!($out, "  {} at {}", stringify!($field), offset_of!($type, $field)).unwrap(); )*
    };
}

fn describe() -> String {
    let mut out = String::new();
    writeln!(out, "version {}", abi::ABI_VERSION).unwrap();
    for info in SYSCALLS {
        let args: Vec<_> = info
            .args
            .iter()
            .map(|a| format!("{}: {:?}", a.name, a.kind))
            .collect();
        writeln!(
            out,
            "call {} {}({}) -> ({}) rights [{}] errors {:?}",
            info.number,
            info.name,
            args.join(", "),
            info.values.join(", "),
            info.rights,
            info.errors
        )
        .unwrap();
    }
    for error in Error::ALL {
        writeln!(out, "error {} {}", *error as u16, error.name()).unwrap();
    }
    for kind in ObjectKind::ALL {
        writeln!(out, "object {} {}", *kind as u16, kind.name()).unwrap();
    }
    for (name, right) in abi::Rights::all().iter_names() {
        writeln!(out, "right {:#x} {name}", right.bits()).unwrap();
    }
    for (name, signal) in Signals::all().iter_names() {
        writeln!(out, "signal {:#x} {name}", signal.bits()).unwrap();
    }
    use abi::{
        fs::*, handle::*, job::*, process::*, signal::*, startup::*, system::*, terminal::*,
        trace::*,
    };
    layout!(
        out,
        HandleInfo {
            handle,
            object,
            kind,
            rights,
            derivation,
            parent
        }
    );
    layout!(
        out,
        PortEvent {
            key,
            signals,
            reserved
        }
    );
    layout!(
        out,
        SpawnArgs {
            file,
            name,
            name_len,
            blob,
            blob_len,
            handles,
            handle_count,
            flags,
            job
        }
    );
    layout!(
        out,
        JobInfo {
            id,
            parent,
            running,
            killed,
            used,
            limits,
            refusals
        }
    );
    layout!(
        out,
        SpawnHandle {
            handle,
            rights,
            tag,
            index,
            moved
        }
    );
    layout!(
        out,
        ThreadArgs {
            entry,
            stack,
            argument,
            tls
        }
    );
    layout!(
        out,
        ProcessInfo {
            id,
            parent,
            state,
            exit_code,
            fault_kind,
            threads,
            fault_address,
            fault_pc,
            handles,
            pages,
            tables,
            kernel_bytes,
            cpu_ns,
            start_ns,
            switches,
            job,
            name,
        }
    );
    layout!(
        out,
        StartupRecord {
            magic,
            abi_version,
            handles,
            handle_count,
            blob,
            blob_len,
            load_offset,
            program_headers,
            program_header_count,
            stack_low,
            counter_hz,
            random,
        }
    );
    layout!(out, StartupHandle { handle, tag, index });
    layout!(out, EntryHeader { kind, len });
    layout!(
        out,
        Stat {
            node,
            volume,
            size,
            allocated,
            kind,
            links,
            protection,
            reserved,
            birth_ns,
            modify_ns,
            change_ns,
            access_ns,
        }
    );
    layout!(
        out,
        DirectoryEntry {
            node,
            cookie,
            kind,
            name_len
        }
    );
    layout!(
        out,
        RenameArgs {
            from,
            from_len,
            to,
            to_len
        }
    );
    layout!(
        out,
        VolumeInfo {
            volume,
            total,
            free,
            block_size,
            generation,
            healed,
            flags,
            label,
        }
    );
    layout!(
        out,
        TerminalInfo {
            mode,
            columns,
            rows,
            lost,
            flags
        }
    );
    layout!(
        out,
        MachineInfo {
            uptime_ns,
            cpus,
            cpus_present,
            cpu_model,
            gic_version,
            entry_level
        }
    );
    layout!(
        out,
        MemoryInfo {
            total,
            free,
            kernel,
            heap,
            user,
            cache,
            tables
        }
    );
    layout!(
        out,
        CpuInfo {
            idle_ns,
            busy_ns,
            switch_ns,
            switches,
            interrupts,
            syscalls,
            preemptions,
            yields,
            wakeups,
            migrations,
            latency_ns,
            latency_max_ns,
            latencies
        }
    );
    layout!(
        out,
        TraceRecord {
            time_ns,
            thread,
            argument,
            cpu,
            event
        }
    );
    out
}

#[test]
fn the_interface_is_the_golden_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/abi.txt");
    let now = describe();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &now).unwrap();
    }
    let golden = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(
        golden, now,
        "the ABI changed: if on purpose, set UPDATE_GOLDEN=1 and say so in CHANGELOG.md"
    );
}
