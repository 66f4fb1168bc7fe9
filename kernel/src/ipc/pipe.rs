//! A byte stream with two ends.
//!
//! Bytes lie in a ring of fixed size that is charged to whoever made the pipe. They are
//! copied between it and the programs under the pipe's lock, as far as the program's pages
//! are present; the caller brings in what is missing, without the lock, and comes again.
//!
//! `READABLE` is raised while a read would not wait, `WRITABLE` while there is room for
//! the largest write that is whole or not at all. Signals change under the pipe's lock.
//!
//! Lock order: the pipe, then signals.

use abi::{ObjectKind, Signals};

use crate::cap::{KernelObject, ObjectBase, kind_stamp};
use crate::limits::{PIPE_BYTES_DEFAULT, PIPE_BYTES_MAX, PIPE_BYTES_MIN};
use crate::sync::{AllocError, Ref, SpinLock, Stamped};

use super::byte_ring::ByteRing;

/// Most bytes that are copied while the lock is held.
const PIECE_BYTES: usize = PIPE_BYTES_MIN;

/// Why nothing was moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// There are no bytes, or there is no room.
    NotReady,
    /// No bytes come any more, or nobody reads any more.
    Ended,
    /// The copy moved nothing.
    Unreachable,
}

#[derive(Debug)]
struct State {
    ring: ByteRing,
    reader_closed: bool,
    writer_closed: bool,
}

#[derive(Debug)]
struct Core {
    state: SpinLock<State>,
    reader: ObjectBase,
    writer: ObjectBase,
}

/// Which end of a pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Reader,
    Writer,
}

/// One end of a pipe.
#[derive(Debug)]
pub struct PipeEnd {
    core: Ref<Core>,
    side: Side,
    ring_bytes: usize,
}

impl PipeEnd {
    /// The size of the ring for so many bytes wanted, 0 for the usual; `None`: too many.
    pub fn ring_bytes(wanted: u64) -> Option<usize> {
        match usize::try_from(wanted).ok()? {
            0 => Some(PIPE_BYTES_DEFAULT),
            bytes if bytes <= PIPE_BYTES_MAX => Some(bytes.next_power_of_two().max(PIPE_BYTES_MIN)),
            _ => None,
        }
    }

    /// Makes both ends, the reading one first, with a ring of a size from
    /// [`PipeEnd::ring_bytes`].
    ///
    /// # Errors
    /// [`AllocError`] where there is no memory.
    pub fn pair(ring_bytes: usize) -> Result<(Ref<PipeEnd>, Ref<PipeEnd>), AllocError> {
        let core = Ref::new(Core {
            state: SpinLock::new(State {
                ring: ByteRing::new(ring_bytes)?,
                reader_closed: false,
                writer_closed: false,
            }),
            reader: ObjectBase::new(Signals::empty()),
            writer: ObjectBase::new(Signals::WRITABLE),
        })?;
        let reader = Ref::new(PipeEnd {
            core: core.clone(),
            side: Side::Reader,
            ring_bytes,
        })?;
        let writer = Ref::new(PipeEnd {
            core,
            side: Side::Writer,
            ring_bytes: 0,
        })?;
        Ok((reader, writer))
    }

    /// Offers up to `wanted` of the oldest bytes to `copy`, with the number of bytes before
    /// that; it returns how many it took, and these are gone. Returns how many there were,
    /// which is not 0.
    ///
    /// # Errors
    /// [`Stop`].
    pub fn read(
        &self,
        wanted: usize,
        mut copy: impl FnMut(usize, &[u8]) -> usize,
    ) -> Result<usize, Stop> {
        let mut state = self.core.state.lock();
        if state.ring.is_empty() {
            let ended = state.writer_closed;
            return Err(if ended { Stop::Ended } else { Stop::NotReady });
        }
        let had_room = state.has_room();
        let wanted = wanted.min(PIECE_BYTES);
        let mut moved = 0usize;
        // Twice at most: up to the end of the ring, and from its start.
        while moved < wanted {
            let front = state.ring.front();
            let part = front.len().min(wanted.saturating_sub(moved));
            let taken = copy(moved, front.get(..part).unwrap_or(&[]));
            state.ring.consume(taken);
            moved = moved.saturating_add(taken);
            if taken < part || part == 0 {
                break;
            }
        }
        if moved == 0 {
            return Err(Stop::Unreachable);
        }
        if !had_room && state.has_room() && !state.reader_closed {
            let writer = self.core.writer.signals();
            writer.update(Signals::empty(), Signals::WRITABLE);
        }
        if state.ring.is_empty() && !state.writer_closed {
            let reader = self.core.reader.signals();
            reader.update(Signals::READABLE, Signals::empty());
        }
        Ok(moved)
    }

    /// Offers room to `copy` for some or all of `wanted` bytes, with the number of bytes
    /// before that; it returns how many it put there. Returns how many there are, which is
    /// not 0. If `is_whole`, they are moved all or none.
    ///
    /// # Errors
    /// [`Stop`].
    pub fn write(
        &self,
        wanted: usize,
        is_whole: bool,
        mut copy: impl FnMut(usize, &mut [u8]) -> usize,
    ) -> Result<usize, Stop> {
        let mut state = self.core.state.lock();
        if state.reader_closed {
            return Err(Stop::Ended);
        }
        let room = state.ring.room();
        if room == 0 || (is_whole && room < wanted) {
            return Err(Stop::NotReady);
        }
        let wanted = wanted.min(room).min(PIECE_BYTES);
        let mut moved = 0usize;
        // Twice at most: up to the end of the ring, and from its start.
        while moved < wanted {
            let space = state.ring.space(moved);
            let part = space.len().min(wanted.saturating_sub(moved));
            let put = copy(moved, space.get_mut(..part).unwrap_or(&mut []));
            moved = moved.saturating_add(put);
            if put < part || part == 0 {
                break;
            }
        }
        if moved == 0 || (is_whole && moved < wanted) {
            return Err(Stop::Unreachable);
        }
        let had_room = state.has_room();
        state.ring.produce(moved);
        if had_room && !state.has_room() {
            let writer = self.core.writer.signals();
            writer.update(Signals::WRITABLE, Signals::empty());
        }
        let reader = self.core.reader.signals();
        reader.update(Signals::empty(), Signals::READABLE);
        Ok(moved)
    }
}

impl State {
    /// Whether a write that is whole or not at all finds room, whatever its size.
    fn has_room(&self) -> bool {
        self.ring.room() >= PIPE_BYTES_MIN
    }
}

impl Stamped for PipeEnd {
    const KIND: u64 = kind_stamp(ObjectKind::Pipe);
}

impl KernelObject for PipeEnd {
    fn kind(&self) -> ObjectKind {
        ObjectKind::Pipe
    }

    fn base(&self) -> &ObjectBase {
        match self.side {
            Side::Reader => &self.core.reader,
            Side::Writer => &self.core.writer,
        }
    }

    fn memory_bytes(&self) -> usize {
        size_of::<PipeEnd>()
            .saturating_add(size_of::<Core>() / 2)
            .saturating_add(self.ring_bytes)
    }

    /// Tells the other end, whose calls no longer wait.
    fn on_last_handle(&self) {
        let mut state = self.core.state.lock();
        let (other, ready) = match self.side {
            Side::Reader => {
                state.reader_closed = true;
                (&self.core.writer, Signals::WRITABLE)
            }
            Side::Writer => {
                state.writer_closed = true;
                (&self.core.reader, Signals::READABLE)
            }
        };
        other
            .signals()
            .update(Signals::empty(), ready.union(Signals::PEER_CLOSED));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: usize = PIPE_BYTES_MIN;

    fn put(end: &PipeEnd, bytes: &[u8]) -> Result<usize, Stop> {
        end.write(bytes.len(), bytes.len() <= SIZE, |done, space| {
            space.copy_from_slice(&bytes[done..done + space.len()]);
            space.len()
        })
    }

    fn get(end: &PipeEnd, out: &mut [u8]) -> Result<usize, Stop> {
        end.read(out.len(), |done, bytes| {
            out[done..done + bytes.len()].copy_from_slice(bytes);
            bytes.len()
        })
    }

    fn raised(end: &PipeEnd) -> Signals {
        end.base().signals().raised()
    }

    #[test]
    fn small_writes_are_whole_and_wait_for_room() {
        let (reader, writer) = PipeEnd::pair(SIZE).unwrap();
        assert_eq!(get(&reader, &mut [0; 4]), Err(Stop::NotReady));
        assert_eq!(put(&writer, &[1; SIZE - 10]), Ok(SIZE - 10));
        assert_eq!(put(&writer, &[2; 11]), Err(Stop::NotReady));
        assert_eq!(raised(&writer), Signals::empty());
        assert_eq!(put(&writer, &[3; 10]), Ok(10));
        // A large one takes what room there is.
        assert_eq!(put(&writer, &[4; SIZE + 1]), Err(Stop::NotReady));
        let mut out = [0; 100];
        assert_eq!(get(&reader, &mut out), Ok(100));
        assert_eq!(put(&writer, &[4; SIZE + 1]), Ok(100));
        let mut total = 0;
        while let Ok(count) = get(&reader, &mut out) {
            total += count;
        }
        assert_eq!(total, SIZE);
        assert_eq!(out[..1], [4]);
        assert_eq!(raised(&reader), Signals::empty());
        assert_eq!(raised(&writer), Signals::WRITABLE);
    }

    #[test]
    fn a_copy_that_stops_moves_nothing_of_a_whole_write() {
        let (reader, writer) = PipeEnd::pair(SIZE).unwrap();
        // So that the write goes round the end of the ring.
        assert_eq!(put(&writer, &[0; SIZE - 5]), Ok(SIZE - 5));
        assert_eq!(get(&reader, &mut [0; SIZE]), Ok(SIZE - 5));
        let mut calls = 0;
        let half = writer.write(10, true, |_, space| {
            calls += 1;
            if calls == 1 { space.len() } else { 2 }
        });
        assert_eq!(half, Err(Stop::Unreachable));
        assert_eq!(get(&reader, &mut [0; 4]), Err(Stop::NotReady));
        let some = writer.write(SIZE + 1, false, |_, _| 3);
        assert_eq!(some, Ok(3));
        assert_eq!(reader.read(9, |_, _| 0), Err(Stop::Unreachable));
        assert_eq!(get(&reader, &mut [0; 4]), Ok(3));
    }

    #[test]
    fn the_ends_hear_of_each_other() {
        let (reader, writer) = PipeEnd::pair(SIZE).unwrap();
        assert_eq!(put(&writer, b"last"), Ok(4));
        writer.on_last_handle();
        let mut out = [0; 8];
        assert_eq!(get(&reader, &mut out), Ok(4));
        assert_eq!(get(&reader, &mut out), Err(Stop::Ended));
        // Reading does not wait at the end.
        assert_eq!(raised(&reader), Signals::READABLE | Signals::PEER_CLOSED);
        let (reader, writer) = PipeEnd::pair(SIZE).unwrap();
        assert_eq!(put(&writer, &[0; SIZE]), Ok(SIZE));
        assert_eq!(raised(&writer), Signals::empty());
        reader.on_last_handle();
        assert_eq!(raised(&writer), Signals::WRITABLE | Signals::PEER_CLOSED);
        assert_eq!(put(&writer, b"x"), Err(Stop::Ended));
    }

    #[test]
    fn sizes_are_powers_of_two_within_limits() {
        for (wanted, size) in [
            (0, Some(PIPE_BYTES_DEFAULT)),
            (1, Some(SIZE)),
            (4097, Some(8192)),
            (PIPE_BYTES_MAX as u64, Some(PIPE_BYTES_MAX)),
            (PIPE_BYTES_MAX as u64 + 1, None),
            (u64::MAX, None),
        ] {
            assert_eq!(PipeEnd::ring_bytes(wanted), size, "{wanted}");
        }
    }
}
