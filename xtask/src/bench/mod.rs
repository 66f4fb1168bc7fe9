//! The command `bench`: measurements, and the comparison of two runs.

mod boot;
mod compare;
mod guest;
mod host;
mod results;
pub mod sched;

use anyhow::{Context, bail};

use crate::arguments::{BenchOptions, Profile};
use crate::build::system;
use crate::toolchain::{self, emulator};

use results::{Measurement, Run};

/// Runs what is asked for; the exit code is 1 when a comparison shows a regression.
pub fn bench(options: &BenchOptions) -> anyhow::Result<u8> {
    if options.names.first().is_some_and(|name| name == "compare") {
        let [_, before, after] = options.names.as_slice() else {
            bail!("bench compare wants two files: bench compare A.json B.json");
        };
        return compare::compare(before.as_ref(), after.as_ref(), options.threshold);
    }
    let wants_sched = options.names.iter().any(|name| sched::is_name(name));
    if !wants_sched
        && [&options.plot, &options.csv, &options.log]
            .iter()
            .any(|o| o.is_some())
    {
        bail!("--plot, --csv and --log are for `bench sched`");
    }
    let run = if options.host {
        on_host(options)?
    } else if let Some(log) = &options.log {
        let mut run = Run::new("none", &toolchain::host_version(), "wall");
        run.add(sched::judge_log(log, options)?);
        run
    } else {
        in_machine(options)?
    };
    for result in &run.results {
        println!("{}", result.line());
    }
    if let Some(file) = &options.json {
        run.write(file)
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    if run.results.is_empty() {
        bail!("nothing was measured");
    }
    Ok(0)
}

/// Measures the file system engine on the host.
fn on_host(options: &BenchOptions) -> anyhow::Result<Run> {
    if options.icount {
        bail!("bench --host measures on the host; --icount is for the machine");
    }
    let mut run = Run::new("none", &toolchain::host_version(), "wall");
    for round in 1..=options.repeat {
        say_round(round, options.repeat);
        run.add(host::measure(&options.names)?);
    }
    Ok(run)
}

/// Measures in the machine.
fn in_machine(options: &BenchOptions) -> anyhow::Result<Run> {
    let names = options.names.iter().cloned();
    let (sched, names): (Vec<_>, Vec<_>) = names.partition(|name| sched::is_name(name));
    let (boot, in_guest): (Vec<_>, Vec<_>) =
        names.into_iter().partition(|name| boot::is_name(name));
    let wants_boot = !boot.is_empty() || (options.names.is_empty() && options.icount);
    if wants_boot && !options.icount {
        bail!(
            "bench {}: boot is measured in instructions; add --icount",
            boot.join(" ")
        );
    }
    let emulator = emulator::resolve()?;
    let system = system::build(Profile::Release)?;
    let clock = if options.icount { "icount" } else { "wall" };
    let mut run = Run::new(&emulator.version, &system.toolchain.to_string(), clock);
    for round in 1..=options.repeat {
        say_round(round, options.repeat);
        if !sched.is_empty() {
            run.add(sched::measure(&emulator, &system, options)?);
        }
        if wants_boot {
            run.add(boot::measure(&emulator, &system, &boot)?);
        }
        if !in_guest.is_empty() || options.names.is_empty() {
            run.add(guest::measure(
                &emulator,
                &system,
                &in_guest,
                options.icount,
            )?);
        }
    }
    Ok(run)
}

fn say_round(round: u32, rounds: u32) {
    if rounds > 1 {
        eprintln!("bench: run {round} of {rounds}");
    }
}
