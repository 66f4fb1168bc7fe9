//! The command line of `cargo xtask`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Builds, runs, tests and checks ViperOS.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask", version, max_term_width = 100)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub task: Task,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Task {
    /// Builds what is stale and boots the machine
    Run(RunOptions),
    /// Runs all tests, or those of one rung
    Test(TestOptions),
    /// Runs one random test once more, with the seed that it printed
    Repro(ReproOptions),
    /// Boots stopped with a GDB stub and starts GDB with all symbols
    Debug(DebugOptions),
    /// Runs benchmarks, or compares two runs: bench compare A.json B.json
    Bench(BenchOptions),
    /// Formatting, lints, layer rule, unsafe ledger, freshness of the documents
    Check(CheckOptions),
    /// Regenerates the documents that are generated
    Docs,
    /// Makes a disk image with the system on it
    Image(ImageOptions),
    /// Says what is installed, what is missing and how to get it
    Doctor,
    /// Removes build output and disks
    Clean,
}

/// How the guest is compiled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Profile {
    /// Little optimised, quick to build.
    Dev,
    /// Optimised.
    #[default]
    Release,
}

/// What the machine is connected to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Net {
    /// QEMU's user-mode network.
    User,
    /// Nothing.
    #[default]
    None,
}

/// The machine to boot.
#[derive(Clone, Debug, Args)]
pub struct MachineOptions {
    /// Number of CPUs
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=8))]
    pub smp: u32,
    /// Memory in MiB
    #[arg(long, value_name = "MIB", default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    pub memory: u32,
    /// CPU model
    #[arg(long, value_name = "MODEL", default_value = "cortex-a72")]
    pub cpu: String,
    /// Version of the interrupt controller
    #[arg(long, value_name = "2|3", default_value_t = 3, value_parser = clap::value_parser!(u32).range(2..=3))]
    pub gic: u32,
    /// How kernel and programs are compiled
    #[arg(long, value_enum, default_value_t)]
    pub profile: Profile,
}

/// Options of `run`.
#[derive(Clone, Debug, Args)]
pub struct RunOptions {
    /// The machine.
    #[command(flatten)]
    pub machine: MachineOptions,
    /// Console on standard input and output (Ctrl-A X leaves)
    #[arg(long, conflicts_with = "graphics")]
    pub serial: bool,
    /// Console in a window
    #[arg(long)]
    pub graphics: bool,
    /// Another disk than the default one
    #[arg(long, value_name = "FILE")]
    pub disk: Option<PathBuf>,
    /// Make the disk anew; everything on it is lost
    #[arg(long)]
    pub fresh: bool,
    /// Throw away at the end what the machine writes to the disk
    #[arg(long)]
    pub no_persist: bool,
    /// Network
    #[arg(long, value_enum, default_value_t)]
    pub net: Net,
    /// Forward a port of the host to the machine
    #[arg(long, value_name = "HOSTPORT:GUESTPORT")]
    pub forward: Vec<String>,
    /// Words for the kernel's boot arguments
    #[arg(long, value_name = "WORDS")]
    pub append: Option<String>,
    /// One instruction takes one ns; time, memory layout and results repeat
    #[arg(long)]
    pub icount: bool,
    /// Control socket (QMP) to make
    #[arg(long, value_name = "SOCKET")]
    pub qmp: Option<PathBuf>,
    /// Run shell commands (separated by ; or newline) without a terminal, then power off
    #[arg(long, value_name = "COMMANDS")]
    pub exec: Option<String>,
    /// With --exec: seconds until the machine counts as hung
    #[arg(long, value_name = "SECONDS", default_value_t = 120, requires = "exec")]
    pub timeout: u64,
    /// With --exec: file for the kernel log (else standard error)
    #[arg(long, value_name = "FILE", requires = "exec")]
    pub log: Option<PathBuf>,
    /// Print the QEMU command line and do not run it
    #[arg(long)]
    pub print: bool,
    /// More arguments for QEMU, after --
    #[arg(last = true, value_name = "QEMU ARGS")]
    pub qemu: Vec<String>,
}

/// Where tests run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Rung {
    /// Unit tests and host scenarios of every crate.
    Host,
    /// Tests inside the booted kernel.
    Kernel,
    /// Test programs in the booted system.
    User,
    /// Scripted machines: boots, disks, power cuts.
    System,
}

/// Options of `test`.
#[derive(Clone, Debug, Args)]
pub struct TestOptions {
    /// One rung: host, kernel, user or system; without it all of them
    #[arg(value_name = "RUNG|FILTER")]
    pub words: Vec<String>,
    /// Everything, not only the share that fits in half an hour
    #[arg(long)]
    pub full: bool,
    /// Seed of everything random; printed, so that a failure can be repeated
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
}

/// A test whose course a seed decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Suite {
    /// Schedules of the kernel that a seed changes.
    Schedules,
    /// Random system calls in the machine.
    RandomCalls,
    /// Power cuts at random moments.
    PowerCuts,
    /// Random cases of the host's tests.
    Host,
    /// Random cases of the kernel's tests.
    Kernel,
}

/// Options of `repro`.
#[derive(Clone, Debug, Args)]
pub struct ReproOptions {
    /// Which test
    #[arg(value_enum)]
    pub suite: Suite,
    /// Its seed
    pub seed: u64,
    /// Only tests with this in their name (host, kernel)
    #[arg(value_name = "FILTER")]
    pub filter: Option<String>,
    /// As long as with `test --full`
    #[arg(long)]
    pub full: bool,
    /// With schedules: the mistake to plant
    #[arg(long, value_name = "NAME")]
    pub plant: Option<String>,
}

/// Options of `debug`.
#[derive(Clone, Debug, Args)]
pub struct DebugOptions {
    /// The machine.
    #[command(flatten)]
    pub machine: MachineOptions,
    /// Hit one breakpoint in the kernel and one in a program, then exit
    #[arg(long)]
    pub check: bool,
    /// Port of the GDB stub on 127.0.0.1; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub port: u16,
}

/// Options of `bench`.
#[derive(Clone, Debug, Args)]
pub struct BenchOptions {
    /// Names or groups; `compare A.json B.json` compares two runs
    #[arg(value_name = "NAME|GROUP")]
    pub names: Vec<String>,
    /// Count instructions instead of time
    #[arg(long)]
    pub icount: bool,
    /// Measure the file system engine on the host instead of the machine
    #[arg(long)]
    pub host: bool,
    /// Write the results here as well
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Run this often; the median counts
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub repeat: u32,
    /// With sched: draw the run into this PNG file, that of 4 CPUs into another beside it
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
    /// With sched: write what was counted as tables into this folder
    #[arg(long, value_name = "FOLDER")]
    pub csv: Option<PathBuf>,
    /// With sched: judge this console log instead of running machines
    #[arg(long, value_name = "FILE", conflicts_with = "icount")]
    pub log: Option<PathBuf>,
    /// With compare: change for the worse, in per cent, that counts as a regression
    #[arg(long, value_name = "PCT", default_value_t = 20.0)]
    pub threshold: f64,
}

/// Options of `check`.
#[derive(Clone, Debug, Args)]
pub struct CheckOptions {
    /// Only these parts: fmt, clippy, layers, unsafe, docs
    #[arg(value_name = "PART")]
    pub parts: Vec<String>,
}

/// Options of `image`.
#[derive(Clone, Debug, Args)]
pub struct ImageOptions {
    /// File to write
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Size in bytes, with K, M or G
    #[arg(long, value_name = "SIZE")]
    pub size: String,
    /// A file of the host to put on the disk
    #[arg(long, value_name = "HOST:GUEST")]
    pub add: Vec<String>,
    /// How the programs on it are compiled
    #[arg(long, value_enum, default_value_t)]
    pub profile: Profile,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Task, clap::Error> {
        let words = std::iter::once("xtask").chain(line.split_whitespace());
        Arguments::try_parse_from(words).map(|arguments| arguments.task)
    }

    #[test]
    fn the_definition_is_consistent() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }

    #[test]
    fn run_has_the_documented_defaults() {
        let Ok(Task::Run(options)) = parse("run") else {
            panic!("run does not parse");
        };
        let machine = &options.machine;
        assert_eq!((machine.smp, machine.memory, machine.gic), (4, 128, 3));
        assert_eq!(machine.cpu, "cortex-a72");
        assert_eq!(machine.profile, Profile::Release);
        assert_eq!((options.net, options.timeout), (Net::None, 120));
    }

    #[test]
    fn a_suite_is_repeated_with_its_seed() {
        let Ok(Task::Repro(options)) = parse("repro random-calls 18446744073709551615") else {
            panic!("repro does not parse");
        };
        assert_eq!(
            (options.suite, options.seed),
            (Suite::RandomCalls, u64::MAX)
        );
    }

    #[test]
    fn words_after_two_dashes_go_to_qemu() {
        let Ok(Task::Run(options)) = parse("run --smp 2 -- -d int") else {
            panic!("run does not parse");
        };
        assert_eq!(options.qemu, ["-d", "int"]);
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for line in [
            "",
            "walk",
            "run --sm 4",
            "run --smp 9",
            "run --gic 4",
            "run --timeout 3",
            "repro",
            "repro schedules",
            "repro schedules x",
            "repro dice 1",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
