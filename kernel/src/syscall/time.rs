//! Clocks.

use abi::{Error, Rights};

use crate::time::{now_ns, set_wall_ns, wall_ns};

use super::Args;
use super::context::{Context, Outcome, Short};
use super::system::{SystemObject, SystemRole};

pub(super) fn time_now(_short: Short<'_>, _args: Args) -> Result<u64, Error> {
    Ok(now_ns())
}

pub(super) fn clock_read(short: Short<'_>, [clock, ..]: Args) -> Result<u64, Error> {
    let thread = short.thread();
    SystemObject::check(thread.handles()?, clock, SystemRole::Clock, Rights::READ)?;
    Ok(wall_ns())
}

pub(super) fn clock_set(cx: &Context, [clock, ns, ..]: Args) -> Outcome {
    let set = || {
        SystemObject::get(cx, clock, SystemRole::Clock, Rights::MANAGE)?;
        if ns < now_ns() {
            return Err(Error::InvalidArgument);
        }
        set_wall_ns(ns);
        Ok(Outcome::OK)
    };
    Outcome::from(set())
}
