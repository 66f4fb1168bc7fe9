//! The command `run`: build, disk, machine.

mod exec;
mod interactive;

use anyhow::bail;

use crate::arguments::RunOptions;
use crate::build::system::{self, System};
use crate::qemu::machine::{Console, Disk, LogSink, Machine, WhileIdle, Writes};
use crate::qemu::process;
use crate::toolchain::emulator;
use crate::workspace;

/// Boots the machine of these options; the value is the exit code.
pub fn run(options: &RunOptions) -> anyhow::Result<u8> {
    if let Some(forward) = options.forward.first() {
        bail!("--forward {forward}: not there yet, the system has no network so far");
    }
    if options.exec.is_none() {
        say_which_console(options);
    }
    let emulator = emulator::resolve()?;
    let system = system::build(options.machine.profile)?;
    let machine = machine(options, &system)?;
    if options.print {
        println!("{}", process::printable(&emulator, &machine));
        return Ok(0);
    }
    match options.exec {
        Some(_) => exec::run(&emulator, &machine, options.timeout),
        None => interactive::run(&emulator, &machine),
    }
}

/// Graphics is the default where there is a display, once it exists.
fn say_which_console(options: &RunOptions) {
    let has_display = ["DISPLAY", "WAYLAND_DISPLAY"]
        .iter()
        .any(|name| std::env::var_os(name).is_some());
    if options.graphics || (has_display && !options.serial) {
        eprintln!("run: the graphics console is not there yet; using the serial console");
    }
}

/// The machine of these options, with its disk made ready.
fn machine(options: &RunOptions, system: &System) -> anyhow::Result<Machine> {
    let console = match options.exec {
        Some(_) => Console::Pipe,
        None => Console::Terminal {
            log: interactive::console_log(),
        },
    };
    let mut machine = Machine::new(&options.machine, system.kernel_image.clone(), console);
    machine.net = options.net;
    // QEMU runs in the workspace's folder, the person perhaps elsewhere.
    machine.qmp = options.qmp.as_ref().map(std::path::absolute).transpose()?;
    machine.extra = options.qemu.clone();
    if options.icount {
        machine.count_instructions(WhileIdle::Host);
    }
    if let Some(commands) = &options.exec {
        let log = options.log.as_ref().map(std::path::absolute).transpose()?;
        let log = log.map_or(LogSink::StandardError, LogSink::File);
        machine.run_commands(commands, log);
    }
    let words = options.append.as_deref().unwrap_or_default();
    machine
        .boot_arguments
        .extend(words.split_whitespace().map(str::to_owned));
    machine.disk = Some(disk(options, system)?);
    Ok(machine)
}

fn disk(options: &RunOptions, system: &System) -> anyhow::Result<Disk> {
    let writes = if options.no_persist {
        Writes::Discarded
    } else {
        Writes::Kept
    };
    let image = match &options.disk {
        Some(image) => {
            let image = std::path::absolute(image)?;
            system.own_disk(&image, options.fresh)?;
            image
        }
        None => system.default_disk(options.fresh)?,
    };
    workspace::make_folder(&workspace::output())?;
    Ok(Disk { image, writes })
}
