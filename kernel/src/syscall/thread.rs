//! Threads of the caller.

use abi::process::ThreadArgs;
use abi::{Error, NEVER, Rights};

use crate::arch::{self, UserFrame};
use crate::process::Process;
use crate::time::now_ns;

use super::Args;
use super::context::{Context, Outcome, Short};

const THREAD_RIGHTS: Rights = Rights::DUPLICATE
    .union(Rights::TRANSFER)
    .union(Rights::WAIT)
    .union(Rights::INSPECT)
    .union(Rights::MANAGE);

pub(super) fn thread_create(cx: &Context, [args, ..]: Args) -> Outcome {
    let create = || {
        let args: ThreadArgs = cx.read_record(args)?;
        let user = |address: u64| address < abi::USER_END;
        let sound = user(args.entry) && user(args.stack) && args.entry.is_multiple_of(4);
        if !sound || !args.stack.is_multiple_of(16) {
            return Err(Error::InvalidArgument);
        }
        let frame = UserFrame::starting(args.entry, args.stack, args.argument, args.tls);
        let thread = Process::make_thread(&cx.process.to_ref(), frame)?;
        let handle = cx.add(thread.clone(), THREAD_RIGHTS);
        if handle.is_err() {
            // It starts and ends at once: a thread that was entered has to leave itself.
            thread.thread().kill();
        }
        thread.thread().start();
        Ok(Outcome::value(handle?))
    };
    Outcome::from(create())
}

pub(super) fn thread_exit(cx: &Context, _args: Args) -> Outcome {
    cx.thread.kill();
    Outcome::OK
}

pub(super) fn thread_yield(_short: Short<'_>, _args: Args) -> Result<u64, Error> {
    arch::raise_pending(arch::PENDING_RESCHEDULE | arch::PENDING_YIELD);
    Ok(0)
}

pub(super) fn thread_sleep(short: Short<'_>, [deadline, ..]: Args) -> Result<u64, Error> {
    if deadline != NEVER && deadline <= now_ns() {
        return Ok(0);
    }
    short.thread().open_sleep(deadline)?;
    short.blocked()
}
