//! Timers.

use abi::{Error, NEVER, Rights};

use crate::ipc::Timer;
use crate::sync::Ref;
use crate::time::now_ns;

use super::Args;
use super::context::{Context, Outcome, Short};

const TIMER_RIGHTS: Rights = Rights::DUPLICATE
    .union(Rights::TRANSFER)
    .union(Rights::READ)
    .union(Rights::WRITE)
    .union(Rights::WAIT)
    .union(Rights::INSPECT)
    .union(Rights::MANAGE);

pub(super) fn timer_create(cx: &Context, _args: Args) -> Outcome {
    let create = || {
        let timer = Ref::new(Timer::new()).map_err(|_| Error::NoMemory)?;
        Ok(Outcome::value(cx.add(timer, TIMER_RIGHTS)?))
    };
    Outcome::from(create())
}

pub(super) fn timer_set(
    short: Short<'_>,
    [timer, deadline, period_ns, ..]: Args,
) -> Result<u64, Error> {
    let thread = short.thread();
    let timer = short.borrow::<Timer>(thread.handles()?, timer, Rights::WRITE)?;
    // Every so often after a time that never comes means nothing.
    if deadline == NEVER && period_ns != 0 {
        return Err(Error::InvalidArgument);
    }
    let set = timer.to_ref().set(deadline, period_ns, now_ns());
    set.map_err(|_| Error::NoMemory)
}

pub(super) fn timer_read(short: Short<'_>, [timer, ..]: Args) -> Result<u64, Error> {
    let thread = short.thread();
    let timer = short.borrow::<Timer>(thread.handles()?, timer, Rights::READ)?;
    match timer.to_ref().read(now_ns()) {
        Ok(0) => Err(Error::WouldBlock),
        Ok(count) => Ok(count),
        Err(_) => Err(Error::NoMemory),
    }
}
