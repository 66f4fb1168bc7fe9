//! Clocks.

use abi::{Error, Rights};

use crate::time::{now_ns, set_wall_ns, wall_ns};

use super::Args;
use super::context::{Context, Outcome};
use super::system::{SystemObject, SystemRole};

pub(super) fn time_now(_cx: &Context, _args: Args) -> Outcome {
    Outcome::value(now_ns())
}

pub(super) fn clock_read(cx: &Context, [clock, ..]: Args) -> Outcome {
    match SystemObject::get(cx, clock, SystemRole::Clock, Rights::READ) {
        Ok(()) => Outcome::value(wall_ns()),
        Err(error) => error.into(),
    }
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
