//! Boot order, from the first Rust code to the first program.
#![forbid(unsafe_code)]

mod cpus;
mod devices;
mod disk;
mod hooks;
mod options;
pub mod panic;
mod program;
#[cfg(feature = "sched-fuzz")]
mod sched_fuzz;
mod serial;
mod stop;
mod symbols;

use crate::arch::{self, BootInfo, GicConfig};
use crate::console;
use crate::drivers::{self, Machine};
use crate::fs::vfs;
use crate::limits::{COMMIT_INTERVAL_NS, MEMORY_MIN_BYTES};
use crate::sync::Once;
use crate::{mm, process, sched, syscall, time};

use options::Options;

/// What boot learned, for the first thread.
#[derive(Debug)]
struct Boot {
    machine: Machine<'static>,
    options: Options,
    entry_level: u64,
}

static BOOT: Once<Boot> = Once::new();

/// A random number for the kernel's address, from the boot loader; none with `noaslr`, or
/// where the boot loader has none.
pub fn place(info: &BootInfo) -> Option<u64> {
    let place = drivers::read_place(info.device_tree_blob());
    if Options::parse(place.boot_arguments).fixed_addresses {
        return None;
    }
    let seed = place.seed.first_chunk()?;
    Some(u64::from_be_bytes(*seed)).filter(|seed| *seed != 0)
}

/// Starts the kernel; called once, on the boot CPU, with the boot tables in force.
pub fn start(info: BootInfo) -> ! {
    time::init_clock();
    console::init_log();
    let blob = info.device_tree_blob();
    let Ok(machine) = drivers::read_machine(blob) else {
        // Without a device tree there is no device to say anything on.
        arch::halt_forever()
    };
    init_memory(&info, &machine, blob);
    symbols::init();
    let options = Options::parse(machine.boot_arguments);
    serial::init(&machine, &options);
    let bytes = machine.memory.1.saturating_sub(machine.memory.0);
    if bytes < MEMORY_MIN_BYTES {
        serial::refuse(format_args!(
            "{} MiB of memory are too little; at least {} MiB are needed",
            bytes >> 20,
            MEMORY_MIN_BYTES >> 20
        ));
    }
    if options.fixed_addresses {
        process::use_fixed_addresses();
    }
    if let Some(bits) = options.asid_bits {
        mm::limit_asid_bits(bits);
    }
    arch::set_firmware_call(machine.firmware_by_smc);
    init_interrupts(&machine);
    log::info!(
        "ViperOS {}: {} MiB of memory, {} CPUs, entered at EL{}",
        env!("CARGO_PKG_VERSION"),
        bytes >> 20,
        machine.cpu_count,
        info.entry_level
    );
    BOOT.call_once(|| Boot {
        machine,
        options,
        entry_level: info.entry_level,
    });
    match sched::start_boot_cpu(first_thread, 0) {
        Ok(never) => match never {},
        Err(_) => serial::refuse(format_args!("no memory for the first thread")),
    }
}

fn init_memory(info: &BootInfo, machine: &Machine<'_>, blob: &[u8]) {
    let image = arch::image_layout();
    let (start, end) = machine.memory;
    let image_bytes = image.end.saturating_sub(image.start);
    let image_bytes = image_bytes.saturating_add(arch::image_tail().len() as u64);
    let reserved = [
        (image.phys, image.phys.saturating_add(image_bytes)),
        (
            info.device_tree,
            info.device_tree.saturating_add(blob.len() as u64),
        ),
    ];
    arch::extend_boot_map(start, end);
    mm::add_memory(start, end, &reserved).expect("the image fits, so the tables do");
    mm::init_kernel_map(start, end).expect("the final tables take a few pages");
}

fn init_interrupts(machine: &Machine<'_>) {
    let Some((version, first, second)) = machine.gic else {
        serial::refuse(format_args!(
            "the machine has no interrupt controller that is known"
        ));
    };
    let map = |device: drivers::Device| {
        mm::map_device(device.address, device.bytes).expect("device mappings take a few pages")
    };
    let config = if version == 3 {
        GicConfig::V3 {
            distributor: map(first),
            redistributors: map(second),
        }
    } else {
        GicConfig::V2 {
            distributor: map(first),
            cpu_interface: map(second),
        }
    };
    arch::set_hooks(&hooks::HOOKS);
    if let Err(why) = arch::init_gic(config, machine.cpu_count) {
        serial::refuse(format_args!("{why}"));
    }
    arch::init_timer();
}

/// First thread: devices, the other CPUs, the disk, the first program; then it writes
/// volumes back from time to time.
extern "C" fn first_thread(_argument: u64) -> ! {
    let boot = BOOT.get().expect("set before the first thread starts");
    cpus::start_others(&boot.machine);
    devices::seed_entropy(&boot.machine);
    devices::set_clock(&boot.machine);
    #[cfg(feature = "sched-fuzz")]
    sched_fuzz::start(boot.machine.boot_arguments);
    #[cfg(feature = "ktest")]
    if !boot.options.system {
        crate::ktest::run();
    }
    start_system(boot)
}

/// Bytes of the first random device, for tests; `None` where there is none or it fails.
#[cfg(feature = "ktest")]
pub(crate) fn read_random_device(out: &mut [u8]) -> Option<usize> {
    let machine = &BOOT.get()?.machine;
    let mut found = devices::virtio_devices(machine, drivers::VirtioKind::Entropy);
    let (base, device) = found.next()?;
    drivers::read_virtio_rng(base, device.bytes, out).ok()
}

fn start_system(boot: &'static Boot) -> ! {
    let commands = devices::exec_commands(&boot.machine);
    syscall::set_machine_facts(
        u32::try_from(boot.machine.cpu_count).unwrap_or(0),
        u32::try_from(boot.entry_level).unwrap_or(0),
        boot.machine.boot_arguments,
        stop::stop,
    );
    let terminal = serial::open_terminal(&boot.machine, commands.is_some());
    let root = disk::mount_system(&boot.machine);
    match program::start(
        boot.machine.boot_arguments,
        commands.as_deref(),
        terminal,
        &root,
    ) {
        Ok(process) => log::info!("{process:?} started"),
        Err(why) => serial::refuse(format_args!("{why}")),
    }
    loop {
        sched::sleep_until(time::now_ns().saturating_add(COMMIT_INTERVAL_NS));
        vfs::flush_all_volumes();
    }
}
