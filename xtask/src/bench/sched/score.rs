//! How good a run of the scheduler was, as five numbers and their sum.
//!
//! The five are from 0 to 1, the weighted sum is from 0 to 100.
//!
//! `docs/scheduling.md` tells what the formulas mean.

use super::record::{BUCKETS, Record, Row, Snapshot};

/// The time within which a woken thread should run, in ns: a slice of the scheduler.
const LATENCY_BOUND_NS: f64 = 10e6;

/// The five numbers, each 1 at best.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scores {
    /// CPU time that was used, of what could have been used.
    pub utilisation: f64,
    /// Jain's index over what threads got of their shares.
    pub fairness: f64,
    /// What is left of the busy time without the switches.
    pub overhead: f64,
    /// How far below its bound the wake-up latency is.
    pub latency: f64,
    /// Jain's index over the CPUs' busy times.
    pub balance: f64,
}

impl Scores {
    /// The numbers with their names and weights.
    pub fn parts(&self) -> [(&'static str, f64, f64); 5] {
        [
            ("utilisation", self.utilisation, 0.25),
            ("fairness", self.fairness, 0.30),
            ("overhead", self.overhead, 0.25),
            ("latency", self.latency, 0.15),
            ("balance", self.balance, 0.05),
        ]
    }

    /// The weighted sum, from 0 to 100.
    pub fn total(&self) -> f64 {
        let sum: f64 = self
            .parts()
            .iter()
            .map(|(_, value, weight)| value * weight)
            .sum();
        100.0 * sum
    }
}

/// What a thread got, and what it could have had, between first and last snapshot.
#[derive(Clone, Debug, PartialEq)]
pub struct Use {
    /// Its number.
    pub id: u64,
    /// ns on a CPU.
    pub run: f64,
    /// ns it was ready or ran.
    pub demand: f64,
    /// ns of a fair share, if it wants that much.
    pub share: f64,
}

/// How much a counter of a row has grown; all of it where there was no row before.
fn growth(before: Option<&Row>, after: &Row, name: &str) -> f64 {
    let of = |row: &Row| row.get(name).copied().unwrap_or(0.0);
    // A turn that went from thread to thread may be counted with the other one later.
    (of(after) - before.map_or(0.0, of)).max(0.0)
}

/// Growth of a CPU's counter, for each CPU.
pub fn cpu_growth(before: &Snapshot, after: &Snapshot, name: &str) -> Vec<f64> {
    after
        .cpus
        .iter()
        .map(|(id, row)| growth(before.cpus.get(id), row, name))
        .collect()
}

/// Growth of a thread's counter.
pub fn thread_growth(before: &Snapshot, after: &Snapshot, id: u64, name: &str) -> f64 {
    let row = after.threads.get(&id);
    row.map_or(0.0, |row| growth(before.threads.get(&id), row, name))
}

/// What every thread got and could have had.
pub fn uses(record: &Record) -> Vec<Use> {
    let (first, last) = (record.first(), record.end());
    let time = last.time_ns - first.time_ns;
    let mut uses: Vec<Use> = last
        .threads
        .keys()
        .map(|id| {
            let run = thread_growth(first, last, *id, "run_ns");
            let wait = thread_growth(first, last, *id, "wait_ns");
            Use {
                id: *id,
                run,
                demand: (run + wait).min(time),
                share: 0.0,
            }
        })
        .collect();
    let demands: Vec<f64> = uses.iter().map(|one| one.demand).collect();
    let shares = fair_shares(&demands, time * last.cpus.len() as f64);
    for (one, share) in uses.iter_mut().zip(shares) {
        one.share = share;
    }
    uses
}

/// Shares that leave nobody with less than another who wants more: who wants less than an
/// equal part gets it, and the others share the rest alike.
pub fn fair_shares(demands: &[f64], capacity: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..demands.len()).collect();
    order.sort_by(|a, b| demands[*a].total_cmp(&demands[*b]));
    let mut shares = vec![0.0; demands.len()];
    let (mut left, mut others) = (capacity, demands.len());
    for index in order {
        shares[index] = demands[index].min(left / others as f64);
        left -= shares[index];
        others -= 1;
    }
    shares
}

/// Jain's index: 1 where all are alike, 1/n where one has everything.
pub fn jain(values: &[f64]) -> f64 {
    let sum: f64 = values.iter().sum();
    let squares: f64 = values.iter().map(|value| value * value).sum();
    if squares == 0.0 {
        return 1.0;
    }
    sum * sum / (values.len() as f64 * squares)
}

/// Part of a whole, from 0 to 1; `empty` where there is no whole.
fn ratio(part: f64, whole: f64, empty: f64) -> f64 {
    if whole > 0.0 {
        (part / whole).clamp(0.0, 1.0)
    } else {
        empty
    }
}

/// The numbers of a run.
pub fn scores(record: &Record) -> Scores {
    let (first, last) = (record.first(), record.end());
    let uses = uses(record);
    let time = last.time_ns - first.time_ns;
    let capacity = time * last.cpus.len() as f64;
    let demand: f64 = uses.iter().map(|one| one.demand).sum();
    let busy = cpu_growth(first, last, "busy_ns");
    let all_busy: f64 = busy.iter().sum();
    let switching: f64 = cpu_growth(first, last, "switch_ns").iter().sum();
    let satisfied: Vec<f64> = uses
        .iter()
        .filter(|one| record.roles.contains_key(&one.id) && one.share > 0.0)
        .map(|one| one.run / one.share)
        .collect();
    Scores {
        utilisation: ratio(all_busy, capacity.min(demand), 0.0),
        fairness: jain(&satisfied),
        overhead: 1.0 - ratio(switching, all_busy, 1.0),
        latency: 1.0 - ratio(mean_latency(record), LATENCY_BOUND_NS, 0.0),
        balance: jain(&busy),
    }
}

/// Share of the CPUs' time that was busy.
pub fn busy(record: &Record) -> f64 {
    let (first, last) = (record.first(), record.end());
    let sum = |name| cpu_growth(first, last, name).iter().sum::<f64>();
    ratio(sum("busy_ns"), sum("busy_ns") + sum("idle_ns"), 0.0)
}

/// Mean ns from waking to running of the threads that others wait for.
pub fn mean_latency(record: &Record) -> f64 {
    let (first, last) = (record.first(), record.end());
    let waited_for = |role: &String| role == "interactive" || role == "io";
    let ids = || {
        let chosen = record.roles.iter().filter(|(_, role)| waited_for(role));
        chosen.map(|(id, _)| *id)
    };
    let sum = |name| -> f64 { ids().map(|id| thread_growth(first, last, id, name)).sum() };
    let wakeups = sum("wakeups_received");
    if wakeups > 0.0 {
        sum("latency_ns") / wakeups
    } else {
        0.0
    }
}

/// How many wake-ups of all CPUs took how long, by bucket.
pub fn latencies(record: &Record) -> Vec<f64> {
    let (first, last) = (record.first(), record.end());
    let of = |bucket| {
        cpu_growth(first, last, &format!("late_{bucket}"))
            .iter()
            .sum()
    };
    (0..BUCKETS).map(of).collect()
}

/// The upper end, in µs, of the bucket that `share` of all wake-ups do not exceed.
pub fn latency_at(record: &Record, share: f64) -> f64 {
    let counts = latencies(record);
    let all: f64 = counts.iter().sum();
    let mut seen = 0.0;
    for (bucket, count) in counts.iter().enumerate() {
        seen += count;
        if seen >= all * share {
            return f64::from(1u32 << bucket);
        }
    }
    0.0
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::{even, log};
    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    fn of(text: &str) -> Scores {
        scores(&Record::read(text).expect("read"))
    }

    #[test]
    fn weights_add_up() {
        let best = Scores {
            utilisation: 1.0,
            fairness: 1.0,
            overhead: 1.0,
            latency: 1.0,
            balance: 1.0,
        };
        assert!(close(best.total(), 100.0));
        let unfair = Scores {
            fairness: 0.5,
            ..best
        };
        assert!(close(unfair.total(), 85.0));
    }

    #[test]
    fn who_wants_less_gets_it_and_the_rest_is_shared() {
        assert_eq!(fair_shares(&[10.0, 1.0, 10.0], 9.0), [4.0, 1.0, 4.0]);
        assert_eq!(fair_shares(&[1.0, 2.0], 9.0), [1.0, 2.0]);
        assert_eq!(fair_shares(&[], 9.0), Vec::<f64>::new());
    }

    #[test]
    fn jains_index() {
        assert!(close(jain(&[3.0, 3.0, 3.0]), 1.0));
        assert!(close(jain(&[1.0, 0.0, 0.0, 0.0]), 0.25));
        assert!(close(jain(&[]), 1.0));
    }

    #[test]
    fn an_even_run_is_good() {
        let scores = of(&even());
        assert!(close(scores.utilisation, 1.0) && close(scores.fairness, 1.0));
        // One hundredth of the busy time was switching; latency 50 ms in 500 wake-ups.
        assert!(close(scores.overhead, 0.99), "{scores:?}");
        assert!(close(scores.latency, 0.99), "{scores:?}");
        assert!(close(scores.balance, 1.0));
    }

    #[test]
    fn planted_faults_lower_their_number_alone() {
        // One of two equal threads gets three quarters.
        let unfair = of(&log(&[
            (1000, &[(0, 0), (0, 0)], &[0]),
            (2000, &[(750, 250), (250, 750)], &[1000]),
        ]));
        assert!(close(unfair.fairness, 0.8) && close(unfair.utilisation, 1.0));
        // A CPU is idle half of the time although a thread waits.
        let lazy = of(&log(&[
            (1000, &[(0, 0), (0, 0)], &[0]),
            (2000, &[(250, 750), (250, 750)], &[500]),
        ]));
        assert!(close(lazy.utilisation, 0.5) && close(lazy.fairness, 1.0));
        // Nobody waits while a CPU is idle: that is no fault, but uneven.
        let easy = of(&log(&[
            (1000, &[(0, 0), (0, 0)], &[0, 0]),
            (2000, &[(1000, 0), (0, 0)], &[1000, 0]),
        ]));
        assert!(close(easy.utilisation, 1.0) && close(easy.balance, 0.5));
        // A thread that wants little and does not get it.
        let starved = of(&log(&[
            (1000, &[(0, 0), (0, 0)], &[0]),
            (2000, &[(990, 10), (10, 90)], &[1000]),
        ]));
        assert!(starved.fairness < 0.7, "{starved:?}");
    }

    #[test]
    fn latencies_are_read_from_buckets() {
        let mut text = even();
        text = text.replacen(&",3".repeat(BUCKETS), &",0".repeat(BUCKETS), 1);
        let record = Record::read(&text).expect("read");
        assert_eq!(latencies(&record), vec![3.0; BUCKETS]);
        assert!(close(latency_at(&record, 0.5), 128.0));
        assert!(close(latency_at(&record, 1.0), 32768.0));
    }
}
