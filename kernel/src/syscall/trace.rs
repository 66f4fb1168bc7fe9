//! The trace: which events are recorded, and what was.

use abi::trace::{TRACE_EVERYTHING, TraceRecord};
use abi::{Error, Rights};
use zerocopy::IntoBytes;

use crate::process::for_each_process;
use crate::trace::Part;
use crate::{sched, trace, word};

use super::Args;
use super::context::{Context, Outcome};
use super::system::{SystemObject, SystemRole};

/// Records copied to a program at a time.
const RECORDS_AT_ONCE: usize = 32;
const RECORD_BYTES: usize = size_of::<TraceRecord>();

pub(super) fn trace_control(cx: &Context, [system, events, ..]: Args) -> Outcome {
    let control = || {
        SystemObject::get(cx, system, SystemRole::System, Rights::MANAGE)?;
        let events = u32::try_from(events)
            .ok()
            .filter(|events| events & !TRACE_EVERYTHING == 0)
            .ok_or(Error::InvalidArgument)?;
        let cpus = sched::cpus_running() as usize;
        let before = trace::choose(events, cpus).map_err(|_| Error::NoMemory)?;
        if before == 0 && events != 0 {
            // Threads that start from here on see that the trace is on.
            sched::trace_idle_threads();
            for_each_process(|process| {
                (0..)
                    .map_while(|index| process.thread_at(index))
                    .for_each(|thread| sched::trace_thread(&thread));
            });
        }
        Ok(Outcome::value(u64::from(before)))
    };
    Outcome::from(control())
}

pub(super) fn trace_read(
    cx: &Context,
    [system, cpu, position, buffer, length, ..]: Args,
) -> Outcome {
    let read = || {
        SystemObject::get(cx, system, SystemRole::System, Rights::READ)?;
        let cpu = word::index(cpu);
        if cpu >= sched::cpus_running() as usize {
            return Err(Error::InvalidArgument);
        }
        let out = cx.writer(buffer, length)?;
        if out.len() < RECORD_BYTES {
            return Err(Error::BufferTooSmall);
        }
        let (mut next, mut lost, mut done) = (position, 0u64, 0usize);
        loop {
            let mut batch = [TraceRecord::default(); RECORDS_AT_ONCE];
            let room = out.len().saturating_sub(done) / RECORD_BYTES;
            let wanted = room.min(RECORDS_AT_ONCE);
            let (count, part) = read_batch(cpu, next, batch.get_mut(..wanted).unwrap_or(&mut []));
            lost = lost.saturating_add(part.lost);
            next = part.next;
            let bytes = batch.get(..count).unwrap_or(&[]).as_bytes();
            // Behind the end of the room there is no place for no records either.
            if count > 0 {
                out.copy_from(done, bytes)?;
                done = done.saturating_add(bytes.len());
            }
            if count < RECORDS_AT_ONCE {
                if done == 0 {
                    // A bad address is told where there is nothing to write, too.
                    out.copy_from(0, TraceRecord::default().as_bytes())?;
                }
                return Ok(Outcome::Done([done as u64, next, lost]));
            }
        }
    };
    Outcome::from(read())
}

/// Fills places with a CPU's records from a position on; how many, and what became of it.
fn read_batch(cpu: usize, position: u64, places: &mut [TraceRecord]) -> (usize, Part) {
    let mut count = 0usize;
    let part = trace::read(cpu, position, |record| {
        let place = places.get_mut(count);
        let fits = place.is_some();
        if let Some(place) = place {
            *place = record;
            count = count.saturating_add(1);
        }
        fits
    });
    (count, part)
}
