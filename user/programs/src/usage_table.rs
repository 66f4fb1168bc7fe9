//! A table of processes or threads with what they use.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::usage::Row;

/// By what a table is sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Most CPU time since the look before first.
    Cpu,
    /// Most memory first.
    Memory,
    /// Most CPU time all in all first.
    Time,
    /// By number.
    Id,
    /// By name.
    Name,
    /// Most turns first.
    Switches,
}

impl Order {
    /// The order with this name or first letter.
    pub fn named(name: &str) -> Option<Order> {
        const NAMES: [(&str, Order); 6] = [
            ("cpu", Order::Cpu),
            ("memory", Order::Memory),
            ("time", Order::Time),
            ("id", Order::Id),
            ("name", Order::Name),
            ("switches", Order::Switches),
        ];
        NAMES
            .iter()
            .find(|(known, _)| {
                known.eq_ignore_ascii_case(name)
                    || known
                        .get(..1)
                        .is_some_and(|letter| letter.eq_ignore_ascii_case(name))
            })
            .map(|(_, order)| *order)
    }

    /// What is said of it above the table.
    pub const fn name(self) -> &'static str {
        match self {
            Order::Cpu => "CPU",
            Order::Memory => "memory",
            Order::Time => "time",
            Order::Id => "number",
            Order::Name => "name",
            Order::Switches => "switches",
        }
    }

    /// Sorts rows, which are sorted by number; equal ones stay so.
    pub fn sort(self, rows: &mut [Row]) {
        use core::cmp::Reverse;
        match self {
            Order::Cpu => rows.sort_by_key(|row| Reverse(row.cpu_share)),
            Order::Memory => rows.sort_by_key(|row| Reverse(row.pages)),
            Order::Time => rows.sort_by_key(|row| Reverse(row.cpu_ns)),
            Order::Id => {}
            Order::Name => rows.sort_by_key(|row| row.name.to_lowercase()),
            Order::Switches => rows.sort_by_key(|row| Reverse(row.switches)),
        }
    }
}

/// Names of the columns.
pub fn heading(by_thread: bool) -> String {
    let last = if by_thread {
        format!("{:>9}", "Switches")
    } else {
        format!(
            "{:>9} {:>8} {:>7} {:>7}",
            "Switches", "Memory K", "Handles", "Threads"
        )
    };
    let what = if by_thread { "Thread" } else { "Process" };
    format!(
        "{what:>7} {:<16} {:>6} {:<5} {:<8} {:>3} {:>9} {last}",
        "Name", "CPU %", "State", "Class", "CPU", "Time s"
    )
}

/// The line of a row, without a line end.
pub fn line(row: &Row, by_thread: bool) -> String {
    let cpu = row.cpu.map_or_else(String::new, |cpu| format!("{cpu}"));
    let seconds = format!(
        "{}.{:02}",
        row.cpu_ns / 1_000_000_000,
        row.cpu_ns / 10_000_000 % 100
    );
    let share = format!("{}.{}", row.cpu_share / 10, row.cpu_share % 10);
    let name: String = row.name.chars().take(16).collect();
    let start = format!(
        "{:>7} {name:<16} {share:>6} {:<5} {:<8} {cpu:>3} {seconds:>9} {:>9}",
        row.id, row.state, row.priority, row.switches
    );
    if by_thread {
        return start;
    }
    let kib = row.pages.saturating_mul(4);
    format!("{start} {kib:>8} {:>7} {:>7}", row.handles, row.threads)
}

/// The table: heading and rows.
pub fn lines(rows: &[Row], by_thread: bool) -> Vec<String> {
    core::iter::once(heading(by_thread))
        .chain(rows.iter().map(|row| line(row, by_thread)))
        .collect()
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;
    use std::vec;

    fn row(id: u64, name: &str, cpu_share: u64, pages: u64) -> Row {
        Row {
            id,
            name: name.to_string(),
            cpu_share,
            cpu_ns: 1_500_000_000,
            state: "run",
            priority: "fair 0".to_string(),
            cpu: Some(1),
            switches: 3,
            pages,
            handles: 12,
            threads: 2,
        }
    }

    fn sorted(order: Order) -> Vec<u64> {
        let mut rows = vec![row(1, "b", 5, 9), row(2, "A", 10, 1), row(3, "c", 5, 3)];
        order.sort(&mut rows);
        rows.iter().map(|row| row.id).collect()
    }

    #[test]
    fn orders() {
        assert_eq!(sorted(Order::Cpu), [2, 1, 3]);
        assert_eq!(sorted(Order::Memory), [1, 3, 2]);
        assert_eq!(sorted(Order::Name), [2, 1, 3]);
        assert_eq!(sorted(Order::Id), [1, 2, 3]);
        assert_eq!(Order::named("m"), Some(Order::Memory));
        assert_eq!(Order::named("SWITCHES"), Some(Order::Switches));
        assert_eq!(Order::named("x"), None);
        assert_eq!(Order::named(""), None);
    }

    #[test]
    fn lines_are_as_wide_as_the_heading() {
        for by_thread in [false, true] {
            let table = lines(&[row(12, "a name that is too long", 999, 7)], by_thread);
            assert_eq!(table[0].len(), table[1].len(), "{table:#?}");
            assert!(table[1].contains(" 99.9 ") && table[1].contains("1.50"));
        }
    }
}
