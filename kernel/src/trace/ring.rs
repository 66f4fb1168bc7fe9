//! The records of one CPU: one writer that never waits, readers that notice.

use alloc::vec::Vec;

use abi::trace::TRACE_RECORDS;

use crate::sync::atomic::{AtomicU64, Ordering, fence};
use crate::sync::{AllocError, Once};

/// Records that are kept, as positions count them.
const KEPT: u64 = TRACE_RECORDS as u64;

/// What is recorded of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// Counter value.
    pub ticks: u64,
    pub thread: u64,
    pub argument: u64,
    pub event: u32,
}

/// A record in its place. A reader may see one half written, and finds out afterwards.
#[derive(Debug)]
struct Slot {
    words: [AtomicU64; 4],
}

impl Slot {
    fn write(&self, record: Record) {
        let values = [
            record.ticks,
            record.thread,
            record.argument,
            u64::from(record.event),
        ];
        for (word, value) in self.words.iter().zip(values) {
            word.store(value, Ordering::Relaxed);
        }
    }

    fn read(&self) -> Record {
        let [ticks, thread, argument, event] = &self.words;
        Record {
            ticks: ticks.load(Ordering::Relaxed),
            thread: thread.load(Ordering::Relaxed),
            argument: argument.load(Ordering::Relaxed),
            event: crate::word::low_half(event.load(Ordering::Relaxed)),
        }
    }
}

/// What became of a request to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// Position to go on from.
    pub next: u64,
    /// Records from the wanted position on that were overwritten before.
    pub lost: u64,
}

/// The last [`TRACE_RECORDS`] records of a CPU. Positions count records since the ring was
/// made, or was told to forget.
///
/// Invariant: a record that is not overwritten yet was written before `written` was
/// raised above its position.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Ring {
    slots: Once<Vec<Slot>>,
    /// Records written since the ring was made.
    written: AtomicU64,
    /// How many of them are forgotten.
    forgotten: AtomicU64,
}

impl Ring {
    pub(super) const fn new() -> Ring {
        Ring {
            slots: Once::new(),
            written: AtomicU64::new(0),
            forgotten: AtomicU64::new(0),
        }
    }

    /// Makes room for the records, once.
    pub(super) fn prepare(&self) -> Result<(), AllocError> {
        if self.slots.get().is_some() {
            return Ok(());
        }
        let mut slots = Vec::new();
        slots
            .try_reserve_exact(TRACE_RECORDS)
            .map_err(|_| AllocError)?;
        slots.resize_with(TRACE_RECORDS, || Slot {
            words: [const { AtomicU64::new(0) }; 4],
        });
        self.slots.call_once(|| slots);
        Ok(())
    }

    /// What was written so far can no longer be read.
    pub(super) fn forget(&self) {
        let written = self.written.load(Ordering::Acquire);
        self.forgotten.store(written, Ordering::Relaxed);
    }

    /// Writes a record over the oldest one; nothing before there is room. Only the ring's
    /// CPU calls this, with interrupts masked.
    pub(super) fn put(&self, record: Record) {
        let Some(slots) = self.slots.get() else {
            return;
        };
        let written = self.written.load(Ordering::Relaxed);
        // Whoever sees a word of this record sees `written` as it is now, too.
        fence(Ordering::Release);
        if let Some(slot) = slots.get(place(written)) {
            slot.write(record);
        }
        self.written
            .store(written.wrapping_add(1), Ordering::Release);
    }

    /// Hands over the records from a position on, until `take` no longer wants one.
    pub(super) fn read(&self, position: u64, mut take: impl FnMut(Record) -> bool) -> Part {
        let forgotten = self.forgotten.load(Ordering::Relaxed);
        let wanted = forgotten.saturating_add(position);
        let end = self.written.load(Ordering::Acquire);
        let mut lost = oldest(end).saturating_sub(wanted);
        let mut next = wanted.saturating_add(lost).min(end.max(forgotten));
        while next < end {
            let Some(record) = self.slot(next) else { break };
            fence(Ordering::Acquire);
            let late = oldest(self.written.load(Ordering::Relaxed)).saturating_sub(next);
            if late > 0 {
                // Overwritten meanwhile, and with it perhaps some after it.
                lost = lost.saturating_add(late);
                next = next.saturating_add(late);
            } else if take(record) {
                next = next.saturating_add(1);
            } else {
                break;
            }
        }
        let next = next.saturating_sub(forgotten);
        Part { next, lost }
    }

    /// The position from which there are `count` records to the end, or all there are.
    pub(super) fn position_before_end(&self, count: u64) -> u64 {
        let forgotten = self.forgotten.load(Ordering::Relaxed);
        let written = self.written.load(Ordering::Acquire);
        let first = written.saturating_sub(count).max(oldest(written));
        first.saturating_sub(forgotten)
    }

    fn slot(&self, position: u64) -> Option<Record> {
        let slots = self.slots.get()?;
        slots.get(place(position)).map(Slot::read)
    }
}

/// Where the record at a position lies.
fn place(position: u64) -> usize {
    crate::word::index(position % KEPT)
}

/// The oldest position that can be read when so many records are written and the next one
/// may be under way, which is in the place of the one before.
fn oldest(written: u64) -> u64 {
    written.saturating_sub(KEPT.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(number: u64) -> Record {
        Record {
            ticks: number,
            thread: number,
            argument: number,
            event: 1,
        }
    }

    fn all(ring: &Ring, position: u64) -> (Vec<u64>, Part) {
        let mut seen = Vec::new();
        let part = ring.read(position, |record| {
            seen.push(record.thread);
            true
        });
        (seen, part)
    }

    #[test]
    fn nothing_is_kept_before_there_is_room() {
        let ring = Ring::new();
        ring.put(record(1));
        assert_eq!(all(&ring, 0), (Vec::new(), Part::default()));
        ring.prepare().unwrap();
        ring.put(record(2));
        let (seen, part) = all(&ring, 0);
        assert_eq!((seen.as_slice(), part.next, part.lost), (&[2][..], 1, 0));
    }

    #[test]
    fn a_reader_goes_on_where_it_was_and_may_stop() {
        let ring = Ring::new();
        ring.prepare().unwrap();
        (0..5).for_each(|number| ring.put(record(number)));
        let mut room = 2;
        let part = ring.read(1, |_| {
            room -= 1;
            room >= 0
        });
        assert_eq!(part, Part { next: 3, lost: 0 });
        assert_eq!(all(&ring, part.next).0, [3, 4]);
        // Nothing beyond the end, which is not moved either.
        assert_eq!(all(&ring, 9), (Vec::new(), Part { next: 5, lost: 0 }));
    }

    #[test]
    fn what_is_overwritten_is_counted() {
        let ring = Ring::new();
        ring.prepare().unwrap();
        let written = KEPT + 10;
        (0..written).for_each(|number| ring.put(record(number)));
        let (seen, part) = all(&ring, 0);
        assert_eq!(part.lost, 11);
        assert_eq!(part.next, written);
        assert!(seen.iter().copied().eq(11..written));
        // Who had read some of them has lost fewer.
        assert_eq!(all(&ring, 9).1.lost, 2);
        assert_eq!(all(&ring, 11).1.lost, 0);
    }

    #[test]
    fn a_record_overwritten_while_it_is_read_is_left_out() {
        let ring = Ring::new();
        ring.prepare().unwrap();
        (0..KEPT - 1).for_each(|number| ring.put(record(number)));
        let mut seen = Vec::new();
        let part = ring.read(0, |record_seen| {
            if seen.is_empty() {
                (0..100).for_each(|number| ring.put(record(KEPT + number)));
            }
            seen.push(record_seen.thread);
            true
        });
        assert_eq!(seen.first(), Some(&0));
        // The hundred took the places of the second to the hundredth, and one is under way.
        assert_eq!(seen.get(1), Some(&100));
        assert_eq!(part.lost, 99);
        assert_eq!(seen.len() as u64 + part.lost, KEPT - 1);
    }

    #[test]
    fn what_is_forgotten_is_neither_read_nor_lost() {
        let ring = Ring::new();
        ring.prepare().unwrap();
        (0..KEPT * 2).for_each(|number| ring.put(record(number)));
        ring.forget();
        assert_eq!(all(&ring, 0), (Vec::new(), Part::default()));
        ring.put(record(7));
        assert_eq!(all(&ring, 0), (vec_of(7), Part { next: 1, lost: 0 }));
        assert_eq!(ring.position_before_end(8), 0);
    }

    #[test]
    fn the_last_records_are_found() {
        let ring = Ring::new();
        ring.prepare().unwrap();
        (0..20).for_each(|number| ring.put(record(number)));
        assert_eq!(all(&ring, ring.position_before_end(3)).0, [17, 18, 19]);
    }

    fn vec_of(number: u64) -> Vec<u64> {
        alloc::vec![number]
    }
}
