//! Description of a machine to boot.

use std::path::PathBuf;

use crate::arguments::{MachineOptions, Net};

/// Everything a QEMU command line is made from.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Number of CPUs.
    pub cpus: u32,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// CPU model.
    pub cpu: String,
    /// Version of the interrupt controller, 2 or 3.
    pub gic: u32,
    /// Flat kernel image.
    pub kernel: PathBuf,
    /// The disk, if there is one.
    pub disk: Option<Disk>,
    /// What the network card leads to.
    pub net: Net,
    /// How time passes.
    pub time: Time,
    /// Where the serial console leads.
    pub console: Console,
    /// Where the semihosting console leads; without it there is no semihosting.
    pub semihosting: Option<LogSink>,
    /// Commands the first process runs instead of a session at the console.
    pub exec: Option<String>,
    /// Boot arguments.
    pub boot_arguments: Vec<String>,
    /// Path of a control socket to make.
    pub qmp: Option<PathBuf>,
    /// Where the GDB stub listens, with the machine stopped at reset.
    pub gdb: Option<String>,
    /// Whether the CPUs run one after the other: a CPU gives way at a `YIELD`, and nothing
    /// else but the end of its turn makes it.
    pub takes_turns: bool,
    /// Whether the virtualization extensions are there, so that the kernel is
    /// entered at EL2.
    pub el2: bool,
    /// Further arguments.
    pub extra: Vec<String>,
}

/// A disk image and how it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// The image.
    pub image: PathBuf,
    /// What becomes of writes.
    pub writes: Writes,
}

/// What becomes of what the machine writes to its disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writes {
    /// They stay.
    Kept,
    /// They are gone when QEMU ends.
    Discarded,
}

/// How the machine's time passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    /// As for the host.
    Host,
    /// One ns for each instruction; nothing in the machine is random.
    Instructions(WhileIdle),
}

/// How time passes while every CPU waits, where instructions are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhileIdle {
    /// As for the host, so that a disk has time to answer.
    Host,
    /// It jumps to the next timer, so that no time of the host is measured.
    Jumps,
}

/// Where the serial console leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Console {
    /// To QEMU's standard input and output, with the monitor behind Ctrl-A C;
    /// what appears is written to the file as well.
    Terminal {
        /// The file.
        log: PathBuf,
    },
    /// To QEMU's standard input and output, bytes and nothing else.
    Pipe,
    /// To a Unix socket that QEMU makes.
    Socket(PathBuf),
}

/// Where the semihosting console leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogSink {
    /// To a file, made anew.
    File(PathBuf),
    /// To QEMU's standard error.
    StandardError,
}

impl Machine {
    /// The machine of these options, with nothing but kernel and console.
    pub fn new(options: &MachineOptions, kernel: PathBuf, console: Console) -> Machine {
        Machine {
            cpus: options.smp,
            memory_mib: options.memory,
            cpu: options.cpu.clone(),
            gic: options.gic,
            kernel,
            disk: None,
            net: Net::None,
            time: Time::Host,
            console,
            semihosting: None,
            exec: None,
            boot_arguments: Vec::new(),
            qmp: None,
            gdb: None,
            takes_turns: false,
            el2: false,
            extra: Vec::new(),
        }
    }

    /// Makes the machine run commands and end with their return code; the kernel
    /// log goes to `log`.
    pub fn run_commands(&mut self, commands: &str, log: LogSink) {
        self.exec = Some(commands.to_owned());
        self.log_to(log);
    }

    /// Sends the kernel log to `log` and lets the machine end with an exit code.
    pub fn log_to(&mut self, log: LogSink) {
        self.semihosting = Some(log);
        self.boot_arguments.push("log=semihosting".to_owned());
        self.boot_arguments.push("exit=semihosting".to_owned());
    }

    /// Makes everything repeat from run to run.
    pub fn count_instructions(&mut self, idle: WhileIdle) {
        self.time = Time::Instructions(idle);
        self.boot_arguments.push("noaslr".to_owned());
    }
}
