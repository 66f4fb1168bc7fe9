//! System calls: from the registers of a program to the objects, and back.
//!
//! One function for each row of the table in `abi`, grouped by object. Each gets the
//! caller and its six argument registers. Checks come in the order handle, kind, rights,
//! arguments, memory; each error has one meaning.
//!
//! A *short* call runs with interrupts masked from entry to return and reaches no user
//! memory; it borrows objects without locking or counting. A call *in registers* has
//! words for its arguments and may go straight to another thread, which gets them; it too
//! runs with interrupts masked, and has a long way for what is rare, with all in its
//! thread's frame. `short_or_long` names both.
//! A call that is *tried* first goes the short way, with what is in memory of its program,
//! and where that does not do, the long one.
//! Every other call runs with interrupts unmasked; one that waits masks them before it
//! puts its thread on a list.
#![forbid(unsafe_code)]

mod call;
mod channel;
mod context;
mod directory;
mod error;
mod event;
mod file;
mod futex;
mod handle;
mod job;
mod memory;
mod pipe;
mod port;
mod process;
mod stream;
mod strict;
mod system;
mod terminal;
mod thread;
mod time;
mod timer;
mod trace;
mod upcall;

use crate::arch::{
    self, DirectHandler, Handover, LongHandler, PENDING_BLOCKED, ShortHandler, ShortResult,
    SyscallTable, Words,
};
use crate::sync::epoch::Masked;
use abi::Error;

use call::{
    channel_call, channel_call_at_once, port_reply_wait, port_reply_wait_at_once, refuse_direct,
};
use channel::{
    channel_create, channel_read, channel_read_at_once, channel_write, channel_write_at_once,
};
use context::{Context, Outcome, Short};
use directory::{
    directory_list, directory_open, directory_remove, directory_rename, directory_stat,
    directory_sync, volume_info,
};
use event::{event_create, event_signal, event_wait};
use file::{file_memory, file_read, file_seek, file_stat, file_sync, file_truncate, file_write};
use futex::{
    futex_lock, futex_unlock, futex_wait, futex_wait_at_once, futex_wake, futex_wake_at_once,
};
use handle::{
    handle_close, handle_duplicate, handle_info, handle_list, handle_revoke, object_wait,
};
use job::{job_create, job_info, job_kill, job_set_limit};
use memory::{
    memory_advise, memory_clone, memory_create, memory_map, memory_protect, memory_resize,
    memory_unmap,
};
use pipe::pipe_create;
use port::{port_add, port_create, port_remove, port_wait};
use process::{
    process_clone, process_exec, process_exit, process_info, process_kill, process_spawn,
};
use stream::{stream_read, stream_read_at_once, stream_write, stream_write_at_once};
use strict::process_restrict;
use system::{entropy_read, log_read, log_write, power_control, system_info};
use terminal::{terminal_control, terminal_info};
use thread::{
    thread_create, thread_exit, thread_number, thread_scheduling, thread_set_scheduling,
    thread_sleep, thread_yield,
};
use time::{clock_read, clock_set, time_now};
use timer::{timer_create, timer_read, timer_set};
use trace::{trace_control, trace_read};
use upcall::{process_interrupt, upcall_return, upcall_set};

pub use job::JOB_RIGHTS;
pub use system::{SystemObject, SystemRole, set_machine_facts};

/// The argument registers.
type Args = [u64; 6];

const ROWS: usize = abi::SYSCALLS.len() + 1;

/// System calls made since boot, on all CPUs.
pub fn calls_made() -> u64 {
    (0..crate::limits::CPUS_MAX)
        .map(arch::calls_made)
        .fold(0, u64::wrapping_add)
}

/// Runs the handler of a short call.
#[inline(always)]
fn run_short(
    arguments: Args,
    handler: impl FnOnce(Short<'_>, Args) -> Result<u64, Error>,
) -> ShortResult {
    Masked::with(|masked| match handler(Short::new(masked), arguments) {
        Ok(value) => ShortResult { error: 0, value },
        Err(error) => ShortResult {
            error: error as u64,
            value: 0,
        },
    })
}

/// Runs the short way of a call that is tried, unless it says that it is not for it.
#[inline(always)]
fn run_tried(
    arguments: Args,
    handler: impl FnOnce(Short<'_>, Args) -> Option<Result<u64, Error>>,
) -> ShortResult {
    Masked::with(|masked| match handler(Short::new(masked), arguments) {
        Some(Ok(value)) => ShortResult { error: 0, value },
        Some(Err(error)) => ShortResult {
            error: error as u64,
            value: 0,
        },
        None => ShortResult::REFUSED,
    })
}

/// Runs any other handler and writes its outcome where the return path looks for it.
fn run_long(arguments: Args, handler: fn(&Context<'_>, Args) -> Outcome) -> u64 {
    arch::irq_enable();
    let thread = crate::sched::current();
    let cx = Context::of(&thread);
    let outcome = handler(&cx, arguments);
    arch::irq_disable();
    match outcome {
        Outcome::Done(values) => {
            cx.set_values(values);
            0
        }
        Outcome::Failed(error, values) => {
            cx.set_values(values);
            error as u64
        }
        Outcome::Blocked => {
            arch::raise_pending(PENDING_BLOCKED);
            0
        }
        Outcome::Replaced => crate::sched::resume_current(),
    }
}

extern "C" fn unknown_call(_: u64, _: u64, _: u64, _: u64, _: u64, _: u64) -> ShortResult {
    ShortResult {
        error: Error::BadSyscall as u64,
        value: 0,
    }
}

/// Where a long call's handler would be, in the row of a short call.
extern "C" fn no_long_call(_: u64, _: u64, _: u64, _: u64, _: u64, _: u64) -> u64 {
    Error::BadSyscall as u64
}

/// Where the handler of a call in registers would be, and where one takes the long way.
extern "C" fn no_direct_call(_: u64, _: u64, _: &Words) -> Handover {
    Handover::NONE
}

const NO_DIRECT: DirectHandler = no_direct_call;

/// Where the short way of a tried call would be.
extern "C" fn no_tried_call(_: u64, _: u64, _: u64, _: u64, _: u64, _: u64) -> ShortResult {
    ShortResult::REFUSED
}

const NO_TRIED: ShortHandler = no_tried_call;

fn null(_short: Short<'_>, _args: Args) -> Result<u64, Error> {
    Ok(0)
}

/// Sorts the calls: hands number and name to the macro for short ones, for those in
/// registers, or for the others.
macro_rules! short_or_long {
    ($number:literal null) => {
        short!($number null);
    };
    ($number:literal thread_yield) => {
        short!($number thread_yield);
    };
    ($number:literal thread_sleep) => {
        short!($number thread_sleep);
    };
    ($number:literal event_signal) => {
        short!($number event_signal);
    };
    ($number:literal event_wait) => {
        short!($number event_wait);
    };
    ($number:literal object_wait) => {
        short!($number object_wait);
    };
    ($number:literal thread_number) => {
        short!($number thread_number);
    };
    ($number:literal time_now) => {
        short!($number time_now);
    };
    ($number:literal clock_read) => {
        short!($number clock_read);
    };
    ($number:literal timer_set) => {
        short!($number timer_set);
    };
    ($number:literal timer_read) => {
        short!($number timer_read);
    };
    ($number:literal channel_call) => {
        direct!($number channel_call channel_call_at_once);
    };
    ($number:literal port_reply_wait) => {
        direct!($number port_reply_wait port_reply_wait_at_once);
    };
    ($number:literal channel_write) => {
        tried!($number channel_write channel_write_at_once);
    };
    ($number:literal channel_read) => {
        tried!($number channel_read channel_read_at_once);
    };
    ($number:literal futex_wait) => {
        tried!($number futex_wait futex_wait_at_once);
    };
    ($number:literal futex_wake) => {
        tried!($number futex_wake futex_wake_at_once);
    };
    ($number:literal stream_read) => {
        tried!($number stream_read stream_read_at_once);
    };
    ($number:literal stream_write) => {
        tried!($number stream_write stream_write_at_once);
    };
    ($number:literal $name:ident) => {
        long!($number $name);
    };
}

/// The row of a call in registers.
macro_rules! direct {
    ($number:literal $name:ident $at_once:ident) => {
        pub(super) mod $name {
            use crate::arch::{DirectHandler, Handover, LongHandler, ShortHandler, Words};

            pub(in crate::syscall) use crate::arch::direct_call as short;
            extern "C" fn long(_: u64, _: u64, _: u64, _: u64, _: u64, _: u64) -> u64 {
                crate::syscall::$name();
                0
            }
            pub(in crate::syscall) const LONG: LongHandler = long;
            extern "C" fn direct(object: u64, token: u64, words: &Words) -> Handover {
                crate::syscall::$at_once(object, token, words)
            }
            pub(in crate::syscall) const DIRECT: DirectHandler = direct;
            pub(in crate::syscall) const STRICT_SHORT: ShortHandler = crate::arch::direct_call;
            extern "C" fn refuse(_: u64, token: u64, _: &Words) -> Handover {
                crate::syscall::refuse_direct($number, token)
            }
            pub(in crate::syscall) const STRICT_DIRECT: DirectHandler = refuse;
            pub(in crate::syscall) use crate::syscall::NO_TRIED as TRIED;
            pub(in crate::syscall) extern "C" fn strict(
                _: u64,
                _: u64,
                _: u64,
                _: u64,
                _: u64,
                _: u64,
            ) -> u64 {
                crate::syscall::strict::run_in_frame($number, crate::syscall::$name);
                0
            }
        }
    };
}

/// The row of a short call.
macro_rules! short {
    ($number:literal $name:ident) => {
        pub(super) mod $name {
            pub(in crate::syscall) extern "C" fn short(
                a: u64,
                b: u64,
                c: u64,
                d: u64,
                e: u64,
                f: u64,
            ) -> crate::arch::ShortResult {
                crate::syscall::run_short([a, b, c, d, e, f], crate::syscall::$name)
            }
            pub(in crate::syscall) const LONG: crate::arch::LongHandler =
                crate::syscall::no_long_call;
            pub(in crate::syscall) use crate::syscall::NO_DIRECT as DIRECT;
            pub(in crate::syscall) use crate::syscall::NO_DIRECT as STRICT_DIRECT;
            pub(in crate::syscall) use crate::syscall::NO_TRIED as TRIED;
            pub(in crate::syscall) const STRICT_SHORT: crate::arch::ShortHandler =
                crate::arch::long_call;
            pub(in crate::syscall) extern "C" fn strict(
                a: u64,
                b: u64,
                c: u64,
                d: u64,
                e: u64,
                f: u64,
            ) -> u64 {
                crate::syscall::strict::run($number, || {
                    crate::syscall::strict::finish_short(short(a, b, c, d, e, f))
                })
            }
        }
    };
}

/// The row of a call that is tried the short way.
macro_rules! tried {
    ($number:literal $name:ident $at_once:ident) => {
        pub(super) mod $name {
            pub(in crate::syscall) use crate::arch::try_call as short;
            extern "C" fn tried(
                a: u64,
                b: u64,
                c: u64,
                d: u64,
                e: u64,
                f: u64,
            ) -> crate::arch::ShortResult {
                crate::syscall::run_tried([a, b, c, d, e, f], crate::syscall::$at_once)
            }
            pub(in crate::syscall) const TRIED: crate::arch::ShortHandler = tried;
            long_entries!($number $name);
        }
    };
}

/// The row of any other call.
macro_rules! long {
    ($number:literal $name:ident) => {
        pub(super) mod $name {
            pub(in crate::syscall) use crate::arch::long_call as short;
            pub(in crate::syscall) use crate::syscall::NO_TRIED as TRIED;
            long_entries!($number $name);
        }
    };
}

/// What the rows of calls with a long way have in common.
macro_rules! long_entries {
    ($number:literal $name:ident) => {
        extern "C" fn long(a: u64, b: u64, c: u64, d: u64, e: u64, f: u64) -> u64 {
            crate::syscall::run_long([a, b, c, d, e, f], crate::syscall::$name)
        }
        pub(in crate::syscall) const LONG: crate::arch::LongHandler = long;
        pub(in crate::syscall) use crate::syscall::NO_DIRECT as DIRECT;
        pub(in crate::syscall) use crate::syscall::NO_DIRECT as STRICT_DIRECT;
        pub(in crate::syscall) const STRICT_SHORT: crate::arch::ShortHandler =
            crate::arch::long_call;
        pub(in crate::syscall) extern "C" fn strict(
            a: u64,
            b: u64,
            c: u64,
            d: u64,
            e: u64,
            f: u64,
        ) -> u64 {
            crate::syscall::strict::run($number, || long(a, b, c, d, e, f))
        }
    };
}

/// Makes the entries of each row of the ABI, and the table of them.
macro_rules! dispatch {
    ($(
        #[doc = $doc:literal]
        $number:literal $variant:ident $name:ident
            ( $($arg:ident : $kind:ident),* ) -> ( $($value:ident),* )
            rights $rights:literal errors [ $($error:ident),* ];
    )+) => {
        mod entry {
            $( short_or_long!($number $name); )+
        }

        const SHORT: [ShortHandler; ROWS] = [ $( entry::$name::short, )+ unknown_call ];
        const LONG: [LongHandler; ROWS] = [ $( entry::$name::LONG, )+ no_long_call ];

        const DIRECT: [DirectHandler; ROWS] = [ $( entry::$name::DIRECT, )+ no_direct_call ];
        const TRIED: [ShortHandler; ROWS] = [ $( entry::$name::TRIED, )+ no_tried_call ];
        // Their numbers are looked at on the long way.
        const STRICT_DIRECT: [DirectHandler; ROWS] =
            [ $( entry::$name::STRICT_DIRECT, )+ no_direct_call ];

        /// The calls, by number.
        pub static TABLE: SyscallTable<ROWS> = SyscallTable {
            short: SHORT,
            long: LONG,
            direct: DIRECT,
            tried: TRIED,
            blocked: crate::sched::call_blocked,
        };

        /// The same for processes that have given something up.
        pub static STRICT_TABLE: SyscallTable<ROWS> = SyscallTable {
            short: [ $( entry::$name::STRICT_SHORT, )+ unknown_call ],
            long: [ $( entry::$name::strict, )+ no_long_call ],
            direct: STRICT_DIRECT,
            tried: [NO_TRIED; ROWS],
            blocked: crate::sched::call_blocked,
        };
    };
}

abi::for_each_syscall!(dispatch);
