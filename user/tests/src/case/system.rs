//! Statistics, clocks, random bytes, the log.

use abi::startup::Tag;
use abi::system::{MachineInfo, MemoryInfo, Topic};
use viper::time::{Instant, SystemTime};

use super::{Case, Verdict};
use crate::{check, check_eq, need};

/// The tests.
pub const CASES: &[Case] = &[
    Case {
        name: "system::memory_adds_up",
        run: memory,
    },
    Case {
        name: "system::the_machine_is_described",
        run: machine,
    },
    Case {
        name: "system::time_never_goes_back",
        run: time,
    },
    Case {
        name: "system::the_wall_clock_is_set",
        run: clock,
    },
    Case {
        name: "system::random_bytes_differ",
        run: random,
    },
    Case {
        name: "system::the_log_takes_a_line",
        run: log,
    },
    Case {
        name: "system::a_short_buffer_is_refused",
        run: short,
    },
];

fn handle(tag: Tag) -> Result<abi::Handle, &'static str> {
    rt::startup::handle(tag).ok_or("a handle was not given to this program")
}

pub(super) fn memory_info() -> Result<MemoryInfo, alloc::string::String> {
    let mut info = MemoryInfo::default();
    let system = handle(Tag::System)?;
    need!(rt::system::info(
        system,
        Topic::Memory,
        core::slice::from_mut(&mut info)
    ));
    Ok(info)
}

pub(super) fn machine_info() -> Result<MachineInfo, alloc::string::String> {
    let mut info = MachineInfo::default();
    let system = handle(Tag::System)?;
    need!(rt::system::info(
        system,
        Topic::Machine,
        core::slice::from_mut(&mut info)
    ));
    Ok(info)
}

/// Bytes of programs and their page tables.
pub fn programs_memory() -> Result<u64, alloc::string::String> {
    let info = memory_info()?;
    Ok(info.user.saturating_add(info.tables))
}

fn memory() -> Verdict {
    let info = memory_info()?;
    let parts = [
        info.free,
        info.kernel,
        info.heap,
        info.user,
        info.cache,
        info.tables,
    ];
    let sum: u64 = parts.iter().sum();
    check_eq!(sum, info.total);
    check!(info.free > 0 && info.user > 0 && info.tables > 0);
    Ok(())
}

fn machine() -> Verdict {
    let mut info = MachineInfo::default();
    let system = handle(Tag::System)?;
    let used = need!(rt::system::info(
        system,
        Topic::Machine,
        core::slice::from_mut(&mut info)
    ));
    check_eq!(used, size_of::<MachineInfo>());
    check!(info.cpus >= 1 && info.cpus <= info.cpus_present);
    check!(matches!(info.gic_version, 2 | 3) && matches!(info.entry_level, 1 | 2));
    Ok(())
}

fn time() -> Verdict {
    let mut last = Instant::now();
    for _ in 0..10_000 {
        let now = Instant::now();
        check!(now >= last);
        last = now;
    }
    let (ticks, hz) = (rt::time::counter(), rt::time::counter_hz());
    check!(hz > 1000 && rt::time::counter() >= ticks);
    Ok(())
}

fn clock() -> Verdict {
    let now = need!(SystemTime::now());
    // 2020-01-01: before this system was written.
    check!(now.unix_ns() > 1_577_836_800_000_000_000);
    check!(need!(SystemTime::now()) >= now);
    Ok(())
}

fn random() -> Verdict {
    let entropy = handle(Tag::Entropy)?;
    let (mut one, mut two) = ([0u8; 32], [0u8; 32]);
    need!(rt::system::entropy(entropy, &mut one));
    need!(rt::system::entropy(entropy, &mut two));
    check!(one != two && one != [0; 32]);
    check!(rt::system::entropy(entropy, &mut [0; 4097]).is_err());
    check!(rt::system::entropy(entropy, &mut [0; 4096]).is_ok());
    Ok(())
}

fn log() -> Verdict {
    let log = handle(Tag::Log)?;
    let text = alloc::format!("SelfTest was here at {}", Instant::now().since_boot_ns());
    need!(rt::system::log_write(log, &text));
    let mut all = alloc::vec::Vec::new();
    let (mut position, mut block) = (0, [0; 2048]);
    loop {
        let (used, next) = need!(rt::system::log_read(log, position, &mut block));
        all.extend_from_slice(block.get(..used).unwrap_or(&[]));
        if used == 0 || next == position {
            break;
        }
        position = next;
    }
    check!(alloc::string::String::from_utf8_lossy(&all).contains(&text));
    Ok(())
}

fn short() -> Verdict {
    let system = handle(Tag::System)?;
    let short = rt::system::info(system, Topic::Machine, &mut [0u8; 8]);
    check_eq!(short, Err(abi::Error::BufferTooSmall));
    Ok(())
}
