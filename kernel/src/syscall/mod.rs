//! System calls: from the registers of a program to the objects, and back.
//!
//! One function for each row of the table in `abi`, grouped by object. Each gets the
//! caller and its six argument registers. Checks come in the order handle, kind, rights,
//! arguments, memory; each error has one meaning.
//!
//! Handlers run with interrupts unmasked unless they are named in [`is_short`]: those do
//! little, and those that wait mask them before they put themselves on a list.
#![forbid(unsafe_code)]

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
mod port;
mod process;
mod stream;
mod system;
mod terminal;
mod thread;
mod time;

use crate::arch::{self, SyscallTable};
use crate::sync::atomic::{AtomicU64, Ordering};

use channel::{channel_create, channel_read, channel_write};
use context::{Context, Outcome};
use directory::{
    directory_list, directory_open, directory_remove, directory_rename, directory_stat,
    directory_sync, volume_info,
};
use event::{event_create, event_signal, event_wait};
use file::{file_memory, file_read, file_seek, file_stat, file_sync, file_truncate, file_write};
use futex::{futex_wait, futex_wake};
use handle::{handle_close, handle_duplicate, handle_info, handle_list, object_wait};
use job::{job_create, job_info, job_kill, job_set_limit};
use memory::{memory_create, memory_map, memory_protect, memory_unmap};
use port::{port_add, port_create, port_remove, port_wait};
use process::{process_exit, process_info, process_kill, process_spawn};
use stream::{stream_read, stream_write};
use system::{entropy_read, log_read, log_write, power_control, system_info};
use terminal::{terminal_control, terminal_info};
use thread::{thread_create, thread_exit, thread_sleep, thread_yield};
use time::{clock_read, clock_set, time_now};

pub use job::JOB_RIGHTS;
pub use system::{SystemObject, SystemRole, set_machine_facts};

/// The argument registers.
type Args = [u64; 6];

const ROWS: usize = abi::SYSCALLS.len() + 1;

static CALLS: AtomicU64 = AtomicU64::new(0);

/// System calls made since boot, but for the short ones.
pub fn calls_made() -> u64 {
    CALLS.load(Ordering::Relaxed)
}

/// Calls that run with interrupts masked from entry to return.
const fn is_short(number: usize) -> bool {
    use abi::Syscall as S;
    const SHORT: [S; 9] = [
        S::Null,
        S::ObjectWait,
        S::ThreadYield,
        S::ThreadSleep,
        S::EventCreate,
        S::EventSignal,
        S::EventWait,
        S::TimeNow,
        S::ClockRead,
    ];
    let mut index = 0;
    while index < SHORT.len() {
        #[cfg_attr(
            not(test),
            expect(
                clippy::indexing_slicing,
                reason = "a constant function has no iterators"
            )
        )]
        let short = SHORT[index] as usize;
        if short == number {
            return true;
        }
        index = index.saturating_add(1);
    }
    false
}

/// Runs a handler and writes its outcome where the return path looks for it.
fn run(number: usize, args: Args, handler: fn(&Context, Args) -> Outcome) -> u64 {
    let cx = Context::current();
    let outcome = if is_short(number) {
        handler(&cx, args)
    } else {
        CALLS.fetch_add(1, Ordering::Relaxed);
        arch::irq_enable();
        let outcome = handler(&cx, args);
        arch::irq_disable();
        outcome
    };
    match outcome {
        Outcome::Done(values) => {
            cx.set_values(values);
            0
        }
        Outcome::Failed(error, values) => {
            cx.set_values(values);
            error as u64
        }
        Outcome::Blocked => SyscallTable::<ROWS>::BLOCKED,
    }
}

extern "C" fn unknown_call(_: u64, _: u64, _: u64, _: u64, _: u64, _: u64) -> u64 {
    abi::Error::BadSyscall as u64
}

fn null(_cx: &Context, _args: Args) -> Outcome {
    Outcome::OK
}

/// Makes one entry function for each row of the ABI, and the table of them.
macro_rules! dispatch {
    ($(
        #[doc = $doc:literal]
        $number:literal $variant:ident $name:ident
            ( $($arg:ident : $kind:ident),* ) -> ( $($value:ident),* )
            rights $rights:literal errors [ $($error:ident),* ];
    )+) => {
        mod entry {
            $(
                pub(super) extern "C" fn $name(
                    a: u64, b: u64, c: u64, d: u64, e: u64, f: u64,
                ) -> u64 {
                    super::run($number, [a, b, c, d, e, f], super::$name)
                }
            )+
        }

        /// The entry of each call, by number.
        pub static TABLE: SyscallTable<ROWS> = SyscallTable {
            count: abi::SYSCALLS.len() as u64,
            rows: [ $( entry::$name, )+ unknown_call ],
        };
    };
}

abi::for_each_syscall!(dispatch);
