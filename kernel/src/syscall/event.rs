//! Events.

use abi::{Error, Rights, Signals};

use crate::ipc::Event;
use crate::sync::Ref;

use super::Args;
use super::context::{Context, Outcome};
use super::handle::{Taking, wait_for};

const EVENT_RIGHTS: Rights = Rights::DUPLICATE
    .union(Rights::TRANSFER)
    .union(Rights::WAIT)
    .union(Rights::SIGNAL)
    .union(Rights::INSPECT);

pub(super) fn event_create(cx: &Context, _args: Args) -> Outcome {
    let create = || {
        let event = Ref::new(Event::new()).map_err(|_| Error::NoMemory)?;
        Ok(Outcome::value(cx.add(event, EVENT_RIGHTS)?))
    };
    Outcome::from(create())
}

fn user_signals(bits: u64) -> Result<Signals, Error> {
    u32::try_from(bits)
        .ok()
        .and_then(Signals::from_bits)
        .filter(|signals| Signals::USER_ALL.contains(*signals))
        .ok_or(Error::InvalidArgument)
}

pub(super) fn event_signal(cx: &Context, [event, clear, raise, ..]: Args) -> Outcome {
    let signal = || {
        let event = cx.get::<Event>(event, Rights::SIGNAL)?;
        event.update(user_signals(clear)?, user_signals(raise)?);
        Ok(Outcome::OK)
    };
    Outcome::from(signal())
}

pub(super) fn event_wait(cx: &Context, [event, signals, deadline, ..]: Args) -> Outcome {
    let wait = || {
        let event = cx.get::<Event>(event, Rights::WAIT)?;
        let mask = user_signals(signals)?;
        if mask.is_empty() {
            return Err(Error::InvalidArgument);
        }
        wait_for(
            cx,
            event.widen(|event| event),
            mask,
            deadline,
            Taking::Clears,
        )
    };
    Outcome::from(wait())
}
