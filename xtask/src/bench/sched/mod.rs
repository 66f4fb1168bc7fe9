//! The benchmark `sched`: how the scheduler shares the CPUs out, as one score.
//!
//! `SchedStress` runs in machines with one CPU and with four; what it writes is read
//! ([`record`]), judged ([`score`]) and drawn ([`picture`]).

mod picture;
mod record;
mod score;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};

use super::{Measurement, guest};
use crate::arguments::BenchOptions;
use crate::build::system::System;
use crate::toolchain::emulator::Emulator;
use crate::workspace;

pub use record::Record;
pub use score::{cpu_growth, thread_growth};

/// Name of the group.
const GROUP: &str = "sched";

/// Numbers of CPUs of the machines.
const MACHINES: [u32; 2] = [1, 4];

/// Seconds that a machine is loaded for.
const SECONDS: u32 = 10;

/// Longest time of a machine.
const LIMIT: Duration = Duration::from_secs(300);

/// Whether a name is measured here.
pub fn is_name(name: &str) -> bool {
    name == GROUP
}

/// Judges a console log that somebody has kept.
pub fn judge_log(file: &Path, options: &BenchOptions) -> anyhow::Result<Vec<Measurement>> {
    let record = Record::read(&workspace::read_text(file)?)
        .with_context(|| format!("{} cannot be judged", file.display()))?;
    put(&record, options)
}

/// Runs both machines and judges them; under `--icount` the one with one CPU, as the
/// turns of several are the host's affair.
pub fn measure(
    emulator: &Emulator,
    system: &System,
    options: &BenchOptions,
) -> anyhow::Result<Vec<Measurement>> {
    let mut measured = Vec::new();
    for cpus in MACHINES {
        if options.icount && cpus > 1 {
            continue;
        }
        let command = format!("SchedStress {SECONDS}");
        let log = guest::run(emulator, system, cpus, options.icount, &command, LIMIT)?;
        let record = Record::read(&log)
            .with_context(|| format!("SchedStress on {cpus} CPUs wrote what is not right"))?;
        let seen = record.end().cpus.len();
        ensure!(seen == cpus as usize, "{seen} CPUs are listed, not {cpus}");
        measured.extend(put(&record, options)?);
    }
    Ok(measured)
}

/// The measurements of a run; its values and its picture go where the options say.
fn put(record: &Record, options: &BenchOptions) -> anyhow::Result<Vec<Measurement>> {
    let cpus = record.end().cpus.len();
    if let Some(folder) = &options.csv {
        workspace::make_folder(folder)?;
        let file = |what: &str| folder.join(format!("sched-{cpus}cpu-{what}.csv"));
        workspace::write(&file("threads"), record.threads_csv())?;
        workspace::write(&file("cpus"), record.cpus_csv())?;
    }
    if let Some(file) = &options.plot {
        picture::draw(record, &plot_file(file, cpus))?;
    }
    Ok(measurements(record))
}

/// `a.png` for one CPU, `a-4cpu.png` for four.
fn plot_file(file: &Path, cpus: usize) -> PathBuf {
    if cpus == 1 {
        return file.to_owned();
    }
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    file.with_file_name(format!("{stem}-{cpus}cpu.png"))
}

fn measurements(record: &Record) -> Vec<Measurement> {
    let scores = score::scores(record);
    let suffix = match record.end().cpus.len() {
        1 => String::new(),
        cpus => format!("_{cpus}cpu"),
    };
    let named = |name: &str, value, unit: &str| Measurement {
        name: format!("sched_{name}{suffix}"),
        value,
        unit: unit.to_owned(),
    };
    let mut measured = vec![named("score", scores.total(), "0-100")];
    for (name, value, _) in scores.parts() {
        measured.push(named(name, value, "0-1"));
    }
    measured.push(named("busy", score::busy(record), "0-1"));
    let mean = score::mean_latency(record) / 1000.0;
    measured.push(named("wakeup_mean", mean, "us"));
    let late = score::latency_at(record, 0.99);
    measured.push(named("wakeup_p99_below", late, "us"));
    measured
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measurements_have_the_number_of_cpus_in_their_names() {
        let one = Record::read(&record::tests::even()).expect("read");
        let names: Vec<_> = measurements(&one)
            .into_iter()
            .map(|measured| measured.name)
            .collect();
        assert_eq!(names[0], "sched_score");
        assert_eq!(names[1], "sched_utilisation");
        assert_eq!(names[5], "sched_balance");
        let two = record::tests::log(&[
            (1000, &[(0, 0)], &[0, 0]),
            (2000, &[(1000, 0)], &[500, 500]),
        ]);
        let two = Record::read(&two).expect("read");
        assert_eq!(measurements(&two)[0].name, "sched_score_2cpu");
    }

    #[test]
    fn each_machine_has_a_picture_of_its_own() {
        let file = Path::new("docs/sched.png");
        assert_eq!(plot_file(file, 1), file);
        assert_eq!(plot_file(file, 4), Path::new("docs/sched-4cpu.png"));
    }
}
