//! What the scheduler did, event by event.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Something that is traced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum TraceEvent {
    /// A thread begins to run; argument: the thread that ran before.
    Pick = 0,
    /// A thread gives the CPU to others; argument: the next thread.
    Yield = 1,
    /// A thread begins to wait; argument: the next thread.
    Sleep = 2,
    /// A thread's wait is over; argument: the thread that ran when that was found.
    Wakeup = 3,
    /// A thread loses the CPU; argument: the next thread.
    Preempt = 4,
    /// A thread makes a system call; argument: its number.
    Syscall = 5,
    /// A CPU has nothing to run; argument: the thread that ran before.
    Idle = 6,
    /// A thread begins to run on another CPU than before; argument: that CPU.
    Migrate = 7,
    /// A thread has ended; argument: the next thread.
    Exit = 8,
}

impl TraceEvent {
    /// All of them, in the order of their codes.
    pub const ALL: [TraceEvent; 9] = [
        TraceEvent::Pick,
        TraceEvent::Yield,
        TraceEvent::Sleep,
        TraceEvent::Wakeup,
        TraceEvent::Preempt,
        TraceEvent::Syscall,
        TraceEvent::Idle,
        TraceEvent::Migrate,
        TraceEvent::Exit,
    ];

    /// The event with this code.
    pub fn from_code(code: u32) -> Option<TraceEvent> {
        Self::ALL.get(code as usize).copied()
    }

    /// Its bit in a set of events.
    pub const fn bit(self) -> u32 {
        1 << self as u32
    }

    /// Its name, in small letters.
    pub const fn name(self) -> &'static str {
        match self {
            TraceEvent::Pick => "pick",
            TraceEvent::Yield => "yield",
            TraceEvent::Sleep => "sleep",
            TraceEvent::Wakeup => "wakeup",
            TraceEvent::Preempt => "preempt",
            TraceEvent::Syscall => "syscall",
            TraceEvent::Idle => "idle",
            TraceEvent::Migrate => "migrate",
            TraceEvent::Exit => "exit",
        }
    }
}

/// The set of all events.
pub const TRACE_EVERYTHING: u32 = (1 << TraceEvent::ALL.len()) - 1;

/// Events of one CPU that are kept; older ones are overwritten.
pub const TRACE_RECORDS: usize = 2048;

/// One event.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct TraceRecord {
    /// When, in ns since boot.
    pub time_ns: u64,
    /// Number of the thread.
    pub thread: u64,
    /// What [`TraceEvent`] says.
    pub argument: u64,
    /// CPU on which it was seen.
    pub cpu: u32,
    /// [`TraceEvent`] code.
    pub event: u32,
}

const _: () = assert!(size_of::<TraceRecord>() == 32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_bits_agree_with_the_list() {
        for (code, event) in (0..).zip(TraceEvent::ALL) {
            assert_eq!(TraceEvent::from_code(code), Some(event));
            assert_eq!(event.bit(), 1 << code);
        }
        assert_eq!(TraceEvent::from_code(9), None);
        let all = TraceEvent::ALL
            .iter()
            .fold(0, |set, event| set | event.bit());
        assert_eq!(all, TRACE_EVERYTHING);
    }
}
