//! Benchmarks from inside: what one operation costs.
//!
//! Every benchmark prints `bench NAME VALUE UNIT`. Where the machine counts
//! instructions (`-icount shift=0`), the counter tells them, 16 to a tick, and the
//! unit is `insn`; one measured pass after a warm-up. Otherwise the unit is `ns`,
//! the best of three passes. [`clock`] finds out which it is.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod calls;
mod calls_between;
mod clock;
mod files;
mod ipc;
mod memory;
mod pipes;
mod process;
mod sleep;
mod tiny_program;

use alloc::string::String;

use viper::args::{Args, Many, Switch, Template, Text};
use viper::{Failure, Outcome, Program, Rc, println};

use clock::Clock;

const TEMPLATE: Template = Template::parse("NAME/M,LIST/S,PEER/K");
const NAME: Many = TEMPLATE.many("NAME");
const LIST: Switch = TEMPLATE.switch("LIST");
const PEER: Text = TEMPLATE.text("PEER");

/// The command `Bench`.
pub const PROGRAM: Program = Program {
    name: "Bench",
    template: TEMPLATE,
    summary: "Measures the system.",
    help: "NAME chooses benchmarks by name or group (syscall, ipc, process, memory, time); without \
           it all run. LIST names them. PEER is for Bench itself: the other side of an \
           exchange between two processes.",
    main,
};

/// One benchmark.
struct Benchmark {
    name: &'static str,
    group: &'static str,
    /// Measures the cost of one operation.
    run: fn(&Clock) -> Result<Cost, Failure>,
}

/// What was measured.
#[derive(Clone, Copy, Debug)]
struct Cost {
    ticks: u64,
    operations: u64,
}

/// Every benchmark, in the order they run.
const BENCHMARKS: &[Benchmark] = &[
    Benchmark {
        name: "loop_overhead",
        group: "syscall",
        run: calls::loop_overhead,
    },
    Benchmark {
        name: "syscall_null_getppid",
        group: "syscall",
        run: calls::null,
    },
    Benchmark {
        name: "clock_gettime_syscall",
        group: "syscall",
        run: calls::clock_read,
    },
    Benchmark {
        name: "open_close_path3",
        group: "syscall",
        run: files::open_close,
    },
    Benchmark {
        name: "stat_path3",
        group: "syscall",
        run: files::stat,
    },
    Benchmark {
        name: "dup_close",
        group: "syscall",
        run: calls::duplicate_close,
    },
    Benchmark {
        name: "event_signal",
        group: "ipc",
        run: calls::event_signal,
    },
    Benchmark {
        name: "event_wait_pending",
        group: "ipc",
        run: calls::event_wait_pending,
    },
    Benchmark {
        name: "channel_call_rt_0w",
        group: "ipc",
        run: calls_between::call_words_0,
    },
    Benchmark {
        name: "channel_call_rt_6w",
        group: "ipc",
        run: calls_between::call_words_6,
    },
    Benchmark {
        name: "channel_call_handle_rt",
        group: "ipc",
        run: calls_between::call_handle,
    },
    Benchmark {
        name: "event_switch_rt",
        group: "ipc",
        run: calls_between::event_switch,
    },
    Benchmark {
        name: "channel_rt_64B",
        group: "ipc",
        run: ipc::channel_round_trip,
    },
    Benchmark {
        name: "pipe_rt_1B",
        group: "ipc",
        run: pipes::round_trip::<1>,
    },
    Benchmark {
        name: "pipe_rt_4K",
        group: "ipc",
        run: pipes::round_trip::<4096>,
    },
    Benchmark {
        name: "futex_rt_thread",
        group: "ipc",
        run: ipc::futex_round_trip,
    },
    Benchmark {
        name: "futex_rt_process",
        group: "ipc",
        run: calls_between::futex_between,
    },
    Benchmark {
        name: "futex_wake_none",
        group: "ipc",
        run: calls::futex_wake_none,
    },
    Benchmark {
        name: "yield_alone",
        group: "ipc",
        run: calls::yield_alone,
    },
    Benchmark {
        name: "thread_create_join",
        group: "process",
        run: process::thread_create_join,
    },
    Benchmark {
        name: "spawn_wait",
        group: "process",
        run: process::spawn_wait,
    },
    Benchmark {
        name: "fork_exit_wait",
        group: "process",
        run: process::fork_exit_wait,
    },
    Benchmark {
        name: "fork_exec_wait",
        group: "process",
        run: process::fork_exec_wait,
    },
    Benchmark {
        name: "fault_anon_write",
        group: "memory",
        run: memory::fault_write,
    },
    Benchmark {
        name: "fault_cow",
        group: "memory",
        run: memory::fault_copied,
    },
    Benchmark {
        name: "mmap_munmap_4k",
        group: "memory",
        run: memory::map_unmap,
    },
    Benchmark {
        name: "timer_late_min",
        group: "time",
        run: sleep::late_min,
    },
    Benchmark {
        name: "timer_late_p50",
        group: "time",
        run: sleep::late_p50,
    },
    Benchmark {
        name: "timer_late_p99",
        group: "time",
        run: sleep::late_p99,
    },
    Benchmark {
        name: "timer_late_max",
        group: "time",
        run: sleep::late_max,
    },
];

fn main(args: &Args) -> Outcome {
    if let Some(peer) = args.get(PEER) {
        return ipc::serve(peer);
    }
    if args.get(LIST) {
        BENCHMARKS
            .iter()
            .for_each(|bench| println!("{:<8} {}", bench.group, bench.name));
        return Ok(Rc::OK);
    }
    let words = args.get(NAME);
    let is = |word: &String, name: &str| word.eq_ignore_ascii_case(name);
    for word in words {
        if !BENCHMARKS
            .iter()
            .any(|bench| is(word, bench.name) || is(word, bench.group))
        {
            let text = alloc::format!("there is no benchmark or group {word}; LIST shows all");
            return Err(Failure::new(text));
        }
    }
    let is_chosen = |bench: &&Benchmark| {
        words.is_empty()
            || words
                .iter()
                .any(|word| is(word, bench.name) || is(word, bench.group))
    };
    let clock = Clock::find_out();
    for bench in BENCHMARKS.iter().filter(is_chosen) {
        let cost = (bench.run)(&clock)?;
        println!(
            "bench {} {} {}",
            bench.name,
            clock.per_operation(cost),
            clock.unit()
        );
    }
    Ok(Rc::OK)
}
