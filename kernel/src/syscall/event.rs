//! Events.

use abi::{Error, Rights, Signals};

use crate::ipc::Event;
use crate::sync::Ref;
use crate::word;

use super::Args;
use super::context::{Context, Outcome, Short};
use super::handle::{Taking, wait_for};

const EVENT_RIGHTS: Rights = Rights::DUPLICATE
    .union(Rights::TRANSFER)
    .union(Rights::WAIT)
    .union(Rights::SIGNAL)
    .union(Rights::INSPECT)
    .union(Rights::MANAGE);

pub(super) fn event_create(cx: &Context, _args: Args) -> Outcome {
    let create = || {
        let event = Ref::new(Event::new()).map_err(|_| Error::NoMemory)?;
        Ok(Outcome::value(cx.add(event, EVENT_RIGHTS)?))
    };
    Outcome::from(create())
}

fn user_signals(bits: u64) -> Result<Signals, Error> {
    if bits & !u64::from(Signals::USER_ALL.bits()) != 0 {
        return Err(Error::InvalidArgument);
    }
    Ok(Signals::from_bits_truncate(word::low_half(bits)))
}

pub(super) fn event_signal(
    short: Short<'_>,
    [event, clear, raise, ..]: Args,
) -> Result<u64, Error> {
    let thread = short.thread();
    let event = short.borrow::<Event>(thread.handles()?, event, Rights::SIGNAL)?;
    event.update(user_signals(clear)?, user_signals(raise)?);
    Ok(0)
}

pub(super) fn event_wait(
    short: Short<'_>,
    [event, signals, deadline, ..]: Args,
) -> Result<u64, Error> {
    let thread = short.thread();
    let event = short.borrow::<Event>(thread.handles()?, event, Rights::WAIT)?;
    let mask = user_signals(signals)?;
    if mask.is_empty() {
        return Err(Error::InvalidArgument);
    }
    let taken = event.take(mask);
    if !taken.is_empty() {
        return Ok(u64::from(taken.bits()));
    }
    wait_for(
        short,
        &event.widen(|event| event),
        mask,
        deadline,
        Taking::Clears,
    )
}
