//! Ports.

use abi::signal::{PortEvent, PortMode};
use abi::{Error, Handle, NOW, Rights, Syscall};
use zerocopy::IntoBytes;

use crate::arch;
use crate::ipc::Port;
use crate::limits::PORT_EVENTS_MAX;
use crate::sched::{Ending, WaitTarget};
use crate::sync::Ref;
use crate::time::now_ns;

use super::Args;
use super::context::{Context, Outcome};
use super::handle::wanted_signals;

const PORT_RIGHTS: Rights = Rights::DUPLICATE
    .union(Rights::TRANSFER)
    .union(Rights::READ)
    .union(Rights::WRITE)
    .union(Rights::INSPECT)
    .union(Rights::MANAGE);

pub(super) fn port_create(cx: &Context, _args: Args) -> Outcome {
    let create = || {
        let port = Port::new()
            .and_then(Ref::new)
            .map_err(|_| Error::NoMemory)?;
        Ok(Outcome::value(cx.add(port, PORT_RIGHTS)?))
    };
    Outcome::from(create())
}

pub(super) fn port_add(cx: &Context, [port, object, signals, key, mode, _]: Args) -> Outcome {
    let add = || {
        let port = cx.get::<Port>(port, Rights::WRITE)?;
        let object = cx.process.handles().get_any(Handle(object), Rights::WAIT)?;
        let signals = wanted_signals(signals)?;
        let mode = u32::try_from(mode).ok().and_then(PortMode::from_bits);
        let mode = mode.ok_or(Error::InvalidArgument)?;
        port.add(object, signals, mode, key, cx.process.account())?;
        Ok(Outcome::OK)
    };
    Outcome::from(add())
}

pub(super) fn port_remove(cx: &Context, [port, key, ..]: Args) -> Outcome {
    let remove = || {
        cx.get::<Port>(port, Rights::WRITE)?.remove(key)?;
        Ok(Outcome::OK)
    };
    Outcome::from(remove())
}

pub(super) fn port_wait(cx: &Context, args: Args) -> Outcome {
    let [port, events, count, deadline, ..] = args;
    let wait = || {
        let port = cx.get::<Port>(port, Rights::READ)?;
        if count == 0 {
            return Err(Error::InvalidArgument);
        }
        let room = usize::try_from(count)
            .unwrap_or(usize::MAX)
            .min(PORT_EVENTS_MAX);
        loop {
            let mut found = [PortEvent::default(); PORT_EVENTS_MAX];
            let ready = port.collect(found.get_mut(..room).unwrap_or(&mut []));
            if ready > 0 {
                let rows = found.get(..ready).unwrap_or(&[]).as_bytes();
                cx.writer(events, rows.len() as u64)?.copy_from(0, rows)?;
                return Ok(Outcome::value(ready as u64));
            }
            if deadline == NOW || deadline <= now_ns() {
                return Err(Error::TimedOut);
            }
            // What is collected after the wait is written by this call, made again.
            arch::irq_disable();
            cx.thread.set_call(Syscall::PortWait as u64, args);
            let target = WaitTarget::List(port.waiter());
            cx.thread
                .open_wait_ending(target, deadline, Ending::CALL_AGAIN)?;
            if port.enlist(cx.thread) {
                return Ok(Outcome::Blocked);
            }
            if !cx.thread.close_wait() {
                return Ok(Outcome::Blocked);
            }
            arch::irq_enable();
        }
    };
    Outcome::from(wait())
}
