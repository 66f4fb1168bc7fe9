//! Handles in general, and waiting for any object.

use abi::handle::HandleInfo;
use abi::{Error, Handle, NEVER, NOW, Rights, Signals};
use zerocopy::IntoBytes;

use crate::cap::{Capability, KernelObject, Observer};
use crate::process::{Process, revoke};
use crate::sched::{Ending, Thread, WaitTarget};
use crate::sync::Borrowed;
use crate::time::now_ns;

use super::Args;
use super::context::{Context, Outcome, Short};

pub(super) fn handle_close(cx: &Context, [handle, ..]: Args) -> Outcome {
    match cx.process.handles().close(Handle(handle)) {
        Ok(()) => Outcome::OK,
        Err(error) => Error::from(error).into(),
    }
}

pub(super) fn handle_duplicate(cx: &Context, [handle, rights, ..]: Args) -> Outcome {
    let duplicate = || {
        let table = cx.process.handles();
        let copy = table.with(Handle(handle), |capability| {
            if !capability.rights().contains(Rights::DUPLICATE) {
                return Err(Error::AccessDenied);
            }
            let wanted = u32::try_from(rights).ok().and_then(Rights::from_bits);
            let wanted = wanted.ok_or(Error::InvalidArgument)?;
            if !capability.rights().contains(wanted) {
                return Err(Error::AccessDenied);
            }
            Ok(capability.derive(wanted, cx.process.account())?)
        })??;
        Ok(Outcome::value(cx.add_capability(copy)?))
    };
    Outcome::from(duplicate())
}

pub(super) fn handle_info(cx: &Context, [handle, info, ..]: Args) -> Outcome {
    let inform = || {
        let row = cx
            .process
            .handles()
            .with(Handle(handle), |capability| row(Handle(handle), capability))?;
        cx.write_record(info, &row)?;
        Ok(Outcome::OK)
    };
    Outcome::from(inform())
}

fn row(handle: Handle, capability: &Capability) -> HandleInfo {
    let derivation = capability.derivation();
    HandleInfo {
        handle,
        object: capability.object().base().id(),
        kind: capability.object().kind() as u32,
        rights: capability.rights().bits(),
        derivation: derivation.map_or(0, |derivation| derivation.id()),
        parent: derivation.map_or(0, |derivation| derivation.parent_id()),
    }
}

pub(super) fn handle_revoke(cx: &Context, [handle, ..]: Args) -> Outcome {
    let take_back = || {
        let derivation = cx.process.handles().with(Handle(handle), |capability| {
            if !capability.rights().contains(Rights::MANAGE) {
                return Err(Error::AccessDenied);
            }
            Ok(capability.derivation().cloned())
        })??;
        if let Some(derivation) = derivation {
            revoke(&derivation);
        }
        Ok(Outcome::OK)
    };
    Outcome::from(take_back())
}

/// Rows gathered at a time, away from the table's lock.
const LIST_BATCH: usize = 32;
const ROW_BYTES: usize = size_of::<HandleInfo>();

pub(super) fn handle_list(cx: &Context, [process, rows, bytes, ..]: Args) -> Outcome {
    let list = || {
        let process = cx.get::<Process>(process, Rights::INSPECT)?;
        let out = cx.writer(rows, bytes)?;
        let room = out.len() / ROW_BYTES;
        let mut sent = 0;
        loop {
            let mut batch = [HandleInfo::default(); LIST_BATCH];
            let (mut seen, mut count) = (0usize, 0usize);
            process.handles().for_each(|handle, capability| {
                if seen >= sent
                    && let Some(place) = batch.get_mut(count)
                {
                    *place = row(handle, capability);
                    count = count.saturating_add(1);
                }
                seen = seen.saturating_add(1);
            });
            let fits = count.min(room.saturating_sub(sent));
            let bytes = batch.get(..fits).unwrap_or(&[]).as_bytes();
            // Behind the end of the room there is no place for no rows either.
            if fits > 0 {
                out.copy_from(sent.saturating_mul(ROW_BYTES), bytes)?;
            }
            sent = sent.saturating_add(count);
            if count < LIST_BATCH {
                return Ok(Outcome::value(seen as u64));
            }
        }
    };
    Outcome::from(list())
}

/// The signals a caller asks for; at least one, none unknown.
pub(super) fn wanted_signals(bits: u64) -> Result<Signals, Error> {
    u32::try_from(bits)
        .ok()
        .and_then(Signals::from_bits)
        .filter(|signals| !signals.is_empty())
        .ok_or(Error::InvalidArgument)
}

pub(super) fn object_wait(
    short: Short<'_>,
    [handle, signals, deadline, ..]: Args,
) -> Result<u64, Error> {
    let thread = short.thread();
    let object = thread.handles()?.get_any(Handle(handle), Rights::WAIT)?;
    let mask = wanted_signals(signals)?;
    let raised = object.base().signals().raised();
    if raised.intersects(mask) {
        return Ok(u64::from(raised.bits()));
    }
    wait_for(short, &object.borrow(), mask, deadline, Taking::Leaves)
}

/// Whether a wait clears the signals it ends with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Taking {
    Leaves,
    Clears,
}

/// How a wait for signals has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    /// The thread waits; somebody else writes the results.
    Waits,
    /// It does not: a signal was raised meanwhile.
    Raised,
}

/// Makes the running thread wait for signals of an object that were not raised a moment
/// ago. Interrupts are masked.
#[inline(always)]
pub(super) fn begin_wait(
    thread: &Borrowed<'_, Thread>,
    object: &Borrowed<'_, dyn KernelObject>,
    mask: Signals,
    deadline: u64,
    ending: Ending,
) -> Result<Waiting, Error> {
    let target = WaitTarget::Object(object.to_ref());
    let key = thread.open_wait_ending(target, deadline, ending)?;
    let observer = thread.widen(|thread| thread as *mut dyn Observer);
    let signals = object.base().signals();
    let seen = signals.observe_once(mask, key, &observer, || thread.waits_with(key));
    if seen.is_ok_and(|raised| raised.is_empty()) || !thread.close_wait() {
        return Ok(Waiting::Waits);
    }
    seen.map_err(|_| Error::NoMemory)?;
    Ok(Waiting::Raised)
}

/// As [`begin_wait`]; what was raised meanwhile is the result. Kept out of its callers,
/// which mostly find a signal raised and need no frame.
#[inline(never)]
pub(super) fn wait_for(
    short: Short<'_>,
    object: &Borrowed<'_, dyn KernelObject>,
    mask: Signals,
    deadline: u64,
    taking: Taking,
) -> Result<u64, Error> {
    if deadline != NEVER && (deadline == NOW || deadline <= now_ns()) {
        return Err(Error::TimedOut);
    }
    let ending = match taking {
        Taking::Leaves => Ending::RESULTS,
        Taking::Clears => Ending::TAKEN_SIGNALS,
    };
    if begin_wait(&short.thread(), object, mask, deadline, ending)? == Waiting::Waits {
        return short.blocked();
    }
    let signals = object.base().signals();
    let raised = match taking {
        Taking::Leaves => signals.raised(),
        Taking::Clears => signals.take(mask),
    };
    Ok(u64::from(raised.bits()))
}
