//! What `SchedStress` or `SchedStat CSV` wrote, as numbers.
//!
//! The form stands in `user/programs/src/snapshot.rs`. Lines between the blocks are left
//! alone, so any console log will do; inside a block every line has to be right.

use std::collections::BTreeMap;

use anyhow::{Context, bail, ensure};

/// Columns that the threads' block has to begin with, tiny-os's own.
pub const THREAD_COLUMNS: [&str; 9] = [
    "id",
    "run_ticks",
    "ctx_in",
    "preemptions",
    "voluntary_yields",
    "sleep_calls",
    "wakeups_received",
    "slept_ticks_total",
    "avg_wake_latency_ticks",
];

/// Columns of threads that are judged, wherever they stand.
const JUDGED_OF_THREADS: [&str; 7] = [
    "run_ns",
    "wait_ns",
    "latency_ns",
    "migrations",
    "process",
    "class",
    "priority",
];

/// Columns of CPUs that are judged.
const JUDGED_OF_CPUS: [&str; 8] = [
    "idle_ns",
    "busy_ns",
    "switch_ns",
    "switches",
    "preemptions",
    "wakeups",
    "migrations",
    "latency_max_ns",
];

/// Buckets of the latencies: `late_0` and so on.
pub const BUCKETS: usize = 16;

/// One line of a block: values by the names of their columns.
pub type Row = BTreeMap<String, f64>;

/// The lines of a block by their first value: the number of a thread or CPU.
pub type Rows = BTreeMap<u64, Row>;

/// What was counted up to one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// 1/50 s since boot.
    pub tick: u64,
    /// ns since boot.
    pub time_ns: f64,
    /// The threads.
    pub threads: Rows,
    /// The CPUs.
    pub cpus: Rows,
}

/// A whole run.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// What the threads of `SchedStress` do, by their numbers.
    pub roles: BTreeMap<u64, String>,
    /// In the order of time, at least two.
    pub snapshots: Vec<Snapshot>,
    /// Names of the columns in their order: threads, CPUs.
    pub columns: [Vec<String>; 2],
}

impl Record {
    /// Reads a console log.
    pub fn read(text: &str) -> anyhow::Result<Record> {
        let mut record = Record::default();
        let mut lines = (1usize..).zip(text.lines().map(str::trim_end));
        while let Some((number, line)) = lines.next() {
            record
                .take(line, &mut lines)
                .with_context(|| format!("line {number}: {line}"))?;
        }
        ensure!(
            record.snapshots.len() >= 2,
            "{} snapshots; two at least are needed",
            record.snapshots.len()
        );
        for snapshot in &record.snapshots {
            ensure!(
                !snapshot.threads.is_empty() && !snapshot.cpus.is_empty(),
                "snapshot {} has no threads or no CPUs",
                snapshot.tick
            );
        }
        record.check_growth()?;
        Ok(record)
    }

    fn take<'a>(
        &mut self,
        line: &str,
        lines: &mut impl Iterator<Item = (usize, &'a str)>,
    ) -> anyhow::Result<()> {
        if let Some(tick) = line.strip_prefix("SNAPSHOT,tick=") {
            self.snapshots.push(Snapshot {
                tick: tick.parse().context("no tick")?,
                ..Snapshot::default()
            });
        } else if let Some(ns) = line.strip_prefix("TIME,ns=") {
            self.last()?.time_ns = value(ns)?;
        } else if let Some(role) = line.strip_prefix("ROLE,") {
            let (thread, role) = role.split_once(',').context("no role")?;
            self.roles
                .insert(thread.parse().context("no thread")?, role.to_owned());
        } else if line == "CSV" {
            let (columns, rows) = block(lines, "CSV_END", &JUDGED_OF_THREADS)?;
            ensure!(
                columns.iter().take(9).eq(THREAD_COLUMNS.iter()),
                "the columns do not begin with {}",
                THREAD_COLUMNS.join(",")
            );
            self.last()?.threads = rows;
            self.columns[0] = columns;
        } else if line == "CPU_CSV" {
            let (columns, rows) = block(lines, "CPU_CSV_END", &JUDGED_OF_CPUS)?;
            self.last()?.cpus = rows;
            self.columns[1] = columns;
        }
        Ok(())
    }

    fn last(&mut self) -> anyhow::Result<&mut Snapshot> {
        self.snapshots.last_mut().context("no snapshot before it")
    }

    /// Nothing that is counted becomes less, and time goes on.
    fn check_growth(&self) -> anyhow::Result<()> {
        const COUNTED: [&str; 6] = [
            "ctx_in",
            "preemptions",
            "sleep_calls",
            "wakeups_received",
            "busy_ns",
            "switches",
        ];
        for pair in self.snapshots.windows(2) {
            let [before, after] = pair else { continue };
            ensure!(
                before.time_ns < after.time_ns && before.tick <= after.tick,
                "snapshot {} is not after {}",
                after.tick,
                before.tick
            );
            for (old, new) in [
                (&before.threads, &after.threads),
                (&before.cpus, &after.cpus),
            ] {
                for (id, row) in new {
                    let Some(earlier) = old.get(id) else { continue };
                    let shrunk = COUNTED
                        .iter()
                        .find(|name| earlier.get(**name) > row.get(**name));
                    if let Some(name) = shrunk {
                        bail!("{name} of {id} becomes less at tick {}", after.tick);
                    }
                }
            }
        }
        Ok(())
    }

    /// The first snapshot.
    pub fn first(&self) -> &Snapshot {
        &self.snapshots[0]
    }

    /// The last snapshot.
    pub fn end(&self) -> &Snapshot {
        &self.snapshots[self.snapshots.len() - 1]
    }

    /// The threads' values of all snapshots as one table with a column for the tick.
    pub fn threads_csv(&self) -> String {
        let mut text = format!("tick,role,{}\n", self.columns[0].join(","));
        for snapshot in &self.snapshots {
            for (id, row) in &snapshot.threads {
                let role = self.roles.get(id).map_or("other", String::as_str);
                text += &format!("{},{role},{}\n", snapshot.tick, line(&self.columns[0], row));
            }
        }
        text
    }

    /// The same of the CPUs.
    pub fn cpus_csv(&self) -> String {
        let mut text = format!("tick,{}\n", self.columns[1].join(","));
        for snapshot in &self.snapshots {
            for row in snapshot.cpus.values() {
                text += &format!("{},{}\n", snapshot.tick, line(&self.columns[1], row));
            }
        }
        text
    }
}

fn line(columns: &[String], row: &Row) -> String {
    let values = columns
        .iter()
        .map(|name| row.get(name).copied().unwrap_or(0.0).to_string());
    values.collect::<Vec<_>>().join(",")
}

fn value(text: &str) -> anyhow::Result<f64> {
    let value: f64 = text
        .parse()
        .with_context(|| format!("{text:?} is no number"))?;
    ensure!(value.is_finite(), "{text:?} is no number to count with");
    Ok(value)
}

/// Reads a block up to its last line.
fn block<'a>(
    lines: &mut impl Iterator<Item = (usize, &'a str)>,
    end: &str,
    judged: &[&str],
) -> anyhow::Result<(Vec<String>, Rows)> {
    let (_, names) = lines.next().context("the block has no names of columns")?;
    let columns: Vec<String> = names.split(',').map(str::to_owned).collect();
    for name in judged {
        ensure!(
            columns.iter().any(|column| column == name),
            "there is no column {name}"
        );
    }
    let mut rows = Rows::new();
    for (number, line) in lines {
        if line == end {
            return Ok((columns, rows));
        }
        let row = row(&columns, line).with_context(|| format!("line {number}: {line}"))?;
        let id: u64 = line
            .split(',')
            .next()
            .and_then(|id| id.parse().ok())
            .with_context(|| format!("line {number} begins with no number"))?;
        ensure!(rows.insert(id, row).is_none(), "{id} stands there twice");
    }
    bail!("the block does not end with {end}")
}

fn row(columns: &[String], line: &str) -> anyhow::Result<Row> {
    let values: Vec<f64> = line.split(',').map(value).collect::<Result<_, _>>()?;
    ensure!(
        values.len() == columns.len(),
        "{} values for {} columns",
        values.len(),
        columns.len()
    );
    ensure!(
        columns
            .iter()
            .zip(&values)
            .all(|(name, value)| *value >= 0.0 || name == "priority"),
        "a value is below 0"
    );
    Ok(columns.iter().cloned().zip(values).collect())
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A snapshot: time in ms, then for each thread ms run and ms waited, then for each CPU
    /// ms busy.
    type Moment<'a> = (u64, &'a [(u64, u64)], &'a [u64]);

    /// A run with these snapshots.
    pub fn log(snapshots: &[Moment<'_>]) -> String {
        let mut text = String::from("something else\nROLE,7,batch\nROLE,8,interactive\n");
        for (ms, threads, cpus) in snapshots {
            text += &format!(
                "SNAPSHOT,tick={}\nTIME,ns={}\nCSV\n",
                ms / 20,
                ms * 1_000_000
            );
            text += &THREAD_COLUMNS.join(",");
            text += ",process,class,priority,cpu,migrations,run_ns,wait_ns,latency_ns\n";
            for (id, (run, wait)) in (7..).zip(*threads) {
                let (run_ns, wait_ns) = (run * 1_000_000, wait * 1_000_000);
                text += &format!(
                    "{id},{},{run},0,0,{run},{run},0,0.010,3,0,-1,0,0,{run_ns},{wait_ns},{}\n",
                    run / 20,
                    wait_ns / 10
                );
            }
            text += "CSV_END\nnoise\nCPU_CSV\ncpu,idle_ns,busy_ns,switch_ns,switches,preemptions,\
                     wakeups,migrations,latency_max_ns";
            for bucket in 0..BUCKETS {
                text += &format!(",late_{bucket}");
            }
            text += "\n";
            for (cpu, busy) in cpus.iter().enumerate() {
                let (busy_ns, idle_ns) = (busy * 1_000_000, (ms - busy) * 1_000_000);
                let switch_ns = busy_ns / 100;
                text += &format!("{cpu},{idle_ns},{busy_ns},{switch_ns},{busy},1,2,0,5");
                text += &",3".repeat(BUCKETS);
                text += "\n";
            }
            text += "CPU_CSV_END\n";
        }
        text
    }

    /// Two threads that share one CPU for a second.
    pub fn even() -> String {
        log(&[
            (1000, &[(0, 0), (0, 0)], &[0]),
            (1500, &[(250, 250), (250, 250)], &[500]),
            (2000, &[(500, 500), (500, 500)], &[1000]),
        ])
    }

    #[test]
    fn a_log_is_read_with_what_stands_between() {
        let record = Record::read(&even()).expect("read");
        assert_eq!(record.snapshots.len(), 3);
        assert_eq!(record.roles[&8], "interactive");
        assert_eq!(record.end().tick, 100);
        assert_eq!(record.end().threads[&7]["run_ns"], 5e8);
        assert_eq!(record.end().threads[&7]["priority"], -1.0);
        let csv = record.threads_csv();
        assert_eq!(csv.lines().count(), 1 + 3 * 2);
        assert!(csv.starts_with("tick,role,id,run_ticks,"));
        assert!(csv.contains("\n100,batch,7,25,500,"), "{csv}");
        assert_eq!(record.cpus_csv().lines().count(), 1 + 3);
    }

    #[test]
    fn bad_data_is_refused_and_the_reason_told() {
        let good = even();
        let bad = [
            (good.replacen("CSV_END", "CSV_STOP", 3), "no number"),
            (good.replace("run_ns", "ran_ns"), "no column run_ns"),
            (
                good.replacen("id,run_ticks", "run_ticks,id", 3),
                "do not begin with",
            ),
            (good.replacen("7,12,250", "7,12,NaN", 1), "to count with"),
            (good.replacen("7,12,250", "7,12,-5", 1), "below 0"),
            (good.replacen("7,12,250", "7,12,x", 1), "no number"),
            (good.replacen("7,12,250", "7,12,250,9", 1), "values for"),
            (good.replacen("8,12,250", "7,12,250", 1), "twice"),
            (good.replacen("7,25,500", "7,25,100", 1), "becomes less"),
            (good.replacen("tick=75", "tick=x", 1), "no tick"),
            (
                good.replacen("TIME,ns=2000000000", "TIME,ns=1", 1),
                "not after",
            ),
            (good.replacen("SNAPSHOT", "snap", 1), "no snapshot before"),
            (
                good[..good.rfind("SNAPSHOT").unwrap_or(0)].replacen("SNAPSHOT", "", 0),
                "",
            ),
            (log(&[(1000, &[(0, 0)], &[0])]), "two at least"),
            (log(&[(1000, &[], &[0]), (2000, &[], &[9])]), "no threads"),
            (String::new(), "two at least"),
        ];
        for (text, reason) in bad {
            match Record::read(&text) {
                // The control: cut at the end of a snapshot it is still good.
                Ok(_) => assert!(reason.is_empty(), "accepted without {reason:?}"),
                Err(error) => {
                    let told = format!("{error:#}");
                    assert!(
                        !reason.is_empty() && told.contains(reason),
                        "{told} / {reason}"
                    );
                }
            }
        }
    }
}
