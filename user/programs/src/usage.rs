//! What processes and threads have used between two looks at them.

use alloc::string::String;
use alloc::vec::Vec;

use abi::process::{ProcessInfo, ProcessState};
use abi::scheduling::{SchedulingClass, ThreadInfo, ThreadStanding};
use abi::system::CpuInfo;
use viper::Failure;
use viper::time::Instant;

use crate::statistics;

/// What the kernel said at one moment.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// ns since boot.
    pub time_ns: u64,
    /// By number.
    pub processes: Vec<ProcessInfo>,
    /// By number.
    pub threads: Vec<ThreadInfo>,
    /// By number.
    pub cpus: Vec<CpuInfo>,
}

impl Look {
    /// Looks.
    ///
    /// # Errors
    ///
    /// Where this program was not given the statistics.
    pub fn take() -> Result<Look, Failure> {
        Ok(Look {
            processes: statistics::processes()?,
            threads: statistics::threads()?,
            cpus: statistics::cpus()?,
            time_ns: Instant::now().since_boot_ns(),
        })
    }

    fn process(&self, id: u64) -> Option<&ProcessInfo> {
        let place = self.processes.binary_search_by_key(&id, |row| row.id);
        self.processes.get(place.ok()?)
    }

    fn thread(&self, id: u64) -> Option<&ThreadInfo> {
        let place = self.threads.binary_search_by_key(&id, |row| row.id);
        self.threads.get(place.ok()?)
    }
}

/// One line: a process, or a thread.
#[derive(Clone, Debug)]
pub struct Row {
    /// Number of the process or thread.
    pub id: u64,
    /// Its name, or that of its process.
    pub name: String,
    /// Share of one CPU since the look before, in thousandths.
    pub cpu_share: u64,
    /// ns on a CPU, all in all.
    pub cpu_ns: u64,
    /// `run`, `ready`, `wait` or `end`.
    pub state: &'static str,
    /// Class and priority, such as `fair 0`.
    pub priority: String,
    /// CPU it was on last.
    pub cpu: Option<u32>,
    /// Turns on a CPU since the look before.
    pub switches: u64,
    /// Pages of memory; 0 for a thread.
    pub pages: u64,
    /// Open handles; 0 for a thread.
    pub handles: u64,
    /// Threads that have not ended; 1 for a thread.
    pub threads: u32,
}

/// What there is at `now`, with what has been used since `before`.
pub fn rows(before: &Look, now: &Look, by_thread: bool) -> Vec<Row> {
    let elapsed = now.time_ns.saturating_sub(before.time_ns);
    if by_thread {
        let row = |thread: &ThreadInfo| thread_row(thread, before, now, elapsed);
        now.threads.iter().map(row).collect()
    } else {
        let row = |process: &ProcessInfo| process_row(process, before, now, elapsed);
        now.processes.iter().map(row).collect()
    }
}

fn share(used: u64, elapsed: u64) -> u64 {
    let share = u128::from(used).saturating_mul(1000);
    let share = share.checked_div(u128::from(elapsed)).unwrap_or(0);
    u64::try_from(share).unwrap_or(u64::MAX)
}

/// Class and priority of a thread, such as `fair 0`.
pub fn priority(thread: &ThreadInfo) -> String {
    let class = match SchedulingClass::from_code(thread.class) {
        Some(SchedulingClass::RealTime) => "real",
        _ => "fair",
    };
    alloc::format!("{class} {}", thread.priority)
}

fn state(thread: &ThreadInfo) -> &'static str {
    const NAMES: [(ThreadStanding, &str); 4] = [
        (ThreadStanding::Running, "run"),
        (ThreadStanding::Ready, "ready"),
        (ThreadStanding::Waiting, "wait"),
        (ThreadStanding::Ended, "end"),
    ];
    NAMES
        .iter()
        .find(|(standing, _)| *standing as u32 == thread.state)
        .map_or("?", |(_, name)| name)
}

fn thread_row(thread: &ThreadInfo, before: &Look, now: &Look, elapsed: u64) -> Row {
    let earlier = before.thread(thread.id).copied().unwrap_or_default();
    Row {
        id: thread.id,
        name: now
            .process(thread.process)
            .map_or_else(String::new, statistics::name),
        cpu_share: share(thread.run_ns.saturating_sub(earlier.run_ns), elapsed),
        cpu_ns: thread.run_ns,
        state: state(thread),
        priority: priority(thread),
        cpu: Some(thread.cpu),
        switches: thread.turns.saturating_sub(earlier.turns),
        pages: 0,
        handles: 0,
        threads: 1,
    }
}

fn process_row(process: &ProcessInfo, before: &Look, now: &Look, elapsed: u64) -> Row {
    let earlier = before.process(process.id).copied().unwrap_or_default();
    let threads = || {
        now.threads
            .iter()
            .filter(|thread| thread.process == process.id)
    };
    // Of several threads the one counts that is nearest to a CPU.
    let nearest = threads().min_by_key(|thread| thread.state);
    let has_ended = process.state != ProcessState::Running as u32;
    Row {
        id: process.id,
        name: statistics::name(process),
        cpu_share: share(process.cpu_ns.saturating_sub(earlier.cpu_ns), elapsed),
        cpu_ns: process.cpu_ns,
        state: match nearest {
            Some(thread) if !has_ended => state(thread),
            _ => "end",
        },
        priority: nearest.map_or_else(String::new, priority),
        cpu: nearest.map(|thread| thread.cpu),
        switches: process.switches.saturating_sub(earlier.switches),
        pages: process.pages,
        handles: process.handles,
        threads: process.threads,
    }
}

/// Share of all CPUs' time that was used between two looks, in thousandths.
pub fn busy(before: &Look, now: &Look) -> u64 {
    let sum = |look: &Look, part: fn(&CpuInfo) -> u64| {
        look.cpus.iter().map(part).fold(0, u64::saturating_add)
    };
    let busy = sum(now, |cpu| cpu.busy_ns).saturating_sub(sum(before, |cpu| cpu.busy_ns));
    let idle = sum(now, |cpu| cpu.idle_ns).saturating_sub(sum(before, |cpu| cpu.idle_ns));
    share(busy, busy.saturating_add(idle))
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec;

    fn process(id: u64, cpu_ns: u64, switches: u64) -> ProcessInfo {
        let mut name = [0; abi::process::PROCESS_NAME_MAX];
        name[0] = b'P';
        ProcessInfo {
            id,
            state: ProcessState::Running as u32,
            cpu_ns,
            switches,
            pages: 3,
            name,
            ..ProcessInfo::default()
        }
    }

    fn thread(id: u64, process: u64, run_ns: u64, standing: ThreadStanding) -> ThreadInfo {
        ThreadInfo {
            id,
            process,
            run_ns,
            state: standing as u32,
            ..ThreadInfo::default()
        }
    }

    fn looks() -> (Look, Look) {
        let before = Look {
            time_ns: 1_000,
            processes: vec![process(1, 100, 5)],
            threads: vec![thread(7, 1, 100, ThreadStanding::Waiting)],
            cpus: vec![CpuInfo {
                busy_ns: 100,
                idle_ns: 900,
                ..CpuInfo::default()
            }],
        };
        let now = Look {
            time_ns: 2_000,
            processes: vec![process(1, 350, 9), process(2, 500, 2)],
            threads: vec![
                thread(7, 1, 350, ThreadStanding::Waiting),
                thread(8, 2, 400, ThreadStanding::Waiting),
                thread(9, 2, 100, ThreadStanding::Running),
            ],
            cpus: vec![CpuInfo {
                busy_ns: 850,
                idle_ns: 1_150,
                ..CpuInfo::default()
            }],
        };
        (before, now)
    }

    #[test]
    fn shares_are_of_the_time_between_the_looks() {
        let (before, now) = looks();
        let rows = rows(&before, &now, false);
        let seen: Vec<_> = rows
            .iter()
            .map(|row| (row.id, row.cpu_share, row.switches, row.state))
            .collect();
        // The second is new: all it has used was used between the looks.
        assert_eq!(seen, [(1, 250, 4, "wait"), (2, 500, 2, "run")]);
        assert_eq!(busy(&before, &now), 750);
    }

    #[test]
    fn threads_have_the_names_of_their_processes() {
        let (before, now) = looks();
        let rows = rows(&before, &now, true);
        assert_eq!(rows.len(), 3);
        assert!(rows.iter().all(|row| row.name == "P" && row.pages == 0));
        assert_eq!(rows[0].cpu_share, 250);
        assert_eq!(rows[2].state, "run");
    }

    #[test]
    fn no_time_is_no_share() {
        let (before, _) = looks();
        assert_eq!(rows(&before, &before, false)[0].cpu_share, 0);
        assert_eq!(busy(&before, &before), 0);
    }
}
