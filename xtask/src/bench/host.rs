//! Benchmarks of the file system engine on the host.
//!
//! The engine's own cost tests measure and print; here their lines get the names
//! of the list of benchmarks.

use anyhow::{Context, bail};

use super::results::Measurement;
use crate::command;

/// What a line of the cost tests says, and under which names it is known.
struct Row {
    /// Beginning of the line, before the colon.
    work: &'static str,
    bytes: Option<&'static str>,
    flushes: Option<&'static str>,
    rate: Option<&'static str>,
}

const ROWS: &[Row] = &[
    Row {
        work: "create empty, one sync",
        bytes: Some("fs_bytes_create_empty"),
        flushes: None,
        rate: Some("engine_creates_per_s"),
    },
    Row {
        work: "unlink empty, one sync",
        bytes: Some("fs_bytes_unlink_empty"),
        flushes: None,
        rate: None,
    },
    Row {
        work: "create 100 B",
        bytes: Some("fs_bytes_create100"),
        flushes: None,
        rate: None,
    },
    Row {
        work: "create 4 KiB",
        bytes: Some("fs_bytes_create4k"),
        flushes: None,
        rate: None,
    },
    Row {
        work: "create 4 KiB and sync",
        bytes: Some("fs_bytes_create4k_fsync"),
        flushes: Some("fs_flushes_create4k_fsync"),
        rate: Some("engine_create_fsync_per_s"),
    },
    Row {
        work: "write 128 KiB in sequence",
        bytes: Some("fs_bytes_seqwrite128k"),
        flushes: None,
        rate: None,
    },
    Row {
        work: "overwrite 4 KiB at random",
        bytes: Some("fs_bytes_overwrite4k_x8000"),
        flushes: None,
        rate: None,
    },
];

/// Runs the cost tests; the measurements that `names` asks for, or all.
pub fn measure(names: &[String]) -> anyhow::Result<Vec<Measurement>> {
    let mut cargo = command::host_cargo();
    cargo.args([
        "test",
        "--release",
        "--quiet",
        "-p",
        "kernel",
        "--test",
        "viperfs_cost",
    ]);
    cargo.args(["--", "--nocapture", "--test-threads=1"]);
    let measured = read(&command::capture(&mut cargo)?)?;
    let is_wanted = |name: &str| {
        names.is_empty() || names.iter().any(|wanted| wanted == "fs" || wanted == name)
    };
    let wanted: Vec<_> = measured
        .into_iter()
        .filter(|one| is_wanted(&one.name))
        .collect();
    if wanted.is_empty() {
        bail!(
            "bench --host knows the group fs and its names, not {}",
            names.join(" ")
        );
    }
    Ok(wanted)
}

/// The measurements in the output of the cost tests; all rows have to be there.
fn read(output: &str) -> anyhow::Result<Vec<Measurement>> {
    let mut measured = Vec::new();
    for row in ROWS {
        let costs = output
            .lines()
            .find_map(|line| {
                line.trim_start_matches('.')
                    .strip_prefix(row.work)?
                    .strip_prefix(": ")
            })
            .with_context(|| format!("the cost tests say nothing about {:?}", row.work))?;
        let kinds = [
            (row.bytes, "B/op", "bytes"),
            (row.flushes, "flushes/op", "flushes"),
            (row.rate, "op/s", "ops_per_s"),
        ];
        for (name, kind, unit) in kinds {
            if let Some(name) = name {
                let value = value(costs, kind)
                    .with_context(|| format!("no {kind} in the line {costs:?}"))?;
                measured.push(Measurement {
                    name: name.into(),
                    value,
                    unit: unit.into(),
                });
            }
        }
    }
    Ok(measured)
}

/// The number before a unit in `1 B/op, 2 op/s`.
fn value(costs: &str, unit: &str) -> Option<f64> {
    costs
        .split(", ")
        .find_map(|part| part.strip_suffix(unit)?.strip_suffix(' '))
        .and_then(|number| number.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output() -> String {
        let line = |row: &Row| {
            format!(
                "{}: 700 B/op, 2.001 flushes/op, 0.03 writes/op, 90000 op/s\n",
                row.work
            )
        };
        format!(
            "running 4 tests\n.{}",
            ROWS.iter().map(line).collect::<String>()
        )
    }

    #[test]
    fn lines_get_the_names_of_the_list() {
        let measured = read(&output()).expect("complete");
        let find = |name: &str| measured.iter().find(|one| one.name == name).expect("there");
        assert_eq!(find("fs_bytes_create100").value, 700.0);
        assert_eq!(find("fs_flushes_create4k_fsync").value, 2.001);
        assert_eq!(find("engine_creates_per_s").unit, "ops_per_s");
    }

    #[test]
    fn a_line_that_is_gone_is_an_error() {
        assert!(read(&output().replace("create 100 B", "make 100 B")).is_err());
        assert!(read(&output().replace(" op/s", " per s")).is_err());
    }
}
