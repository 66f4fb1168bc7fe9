//! A small machine: CPUs with their idle threads, and threads with programs.

extern crate std;

use crate::arch::model::cpu::{begin_on, handle_interrupts};
use crate::arch::model::{Explorer, baton, spawn_cpu};
use crate::arch::{PENDING_RESCHEDULE, pending};
use crate::limits::CPUS_MAX;
use crate::sched::idle::{adopt_idle, idle_once};
use crate::sched::{
    Thread, ThreadStart, exit_current, handle_ipi, handle_user_pending, preempt_kernel,
};
use crate::sync::Ref;

/// How often a model of this kind is tried.
pub(crate) const MANY: Explorer = Explorer::Random { schedules: 3_000 };

/// The CPU that the model's first thread is: one that the scheduler does not know.
const OUTSIDE: usize = CPUS_MAX - 1;

extern "C" fn never(_: u64) -> ! {
    unreachable!("an idle thread of a model has its own body")
}

fn preempt() {
    if pending() & PENDING_RESCHEDULE != 0 {
        preempt_kernel();
    }
}

/// Makes a machine of `cpus` CPUs, which begin to schedule.
pub(crate) fn boot(cpus: usize) {
    handle_interrupts(handle_ipi, preempt);
    baton::work_before_programs(handle_user_pending);
    crate::sync::set_parker(crate::sync::Parker {
        current: crate::sched::wait::current_parked,
        park: crate::sched::wait::park,
        now: crate::time::now_ns,
    });
    let idle: std::vec::Vec<_> = (0..cpus)
        .map(|cpu| {
            begin_on(cpu);
            let thread = Thread::new(None, ThreadStart::Idle(never)).unwrap();
            baton::adopt(&thread.context);
            adopt_idle(cpu, thread.clone());
            thread
        })
        .collect();
    begin_on(OUTSIDE);
    for (cpu, _idle) in idle.iter().enumerate() {
        drop(spawn_cpu(cpu, || {
            baton::until_switched_off(|| {
                loop {
                    idle_once();
                }
            });
        }));
    }
    core::mem::forget(idle);
}

/// Makes and starts a thread with this program: what it does each time it goes on, with
/// the number of the time; false: it is done.
pub(crate) fn thread(program: impl FnMut(&Thread, u32) -> bool + 'static) -> Ref<Thread> {
    let thread = prepare(program);
    thread.start();
    thread
}

/// Makes a thread with this program.
pub(crate) fn prepare(mut program: impl FnMut(&Thread, u32) -> bool + 'static) -> Ref<Thread> {
    let thread = Thread::new(None, ThreadStart::Kernel(never, 0)).unwrap();
    let body = thread.clone();
    drop(spawn_cpu(OUTSIDE, move || {
        let mut time = 0;
        baton::until_switched_off(|| {
            baton::run_thread(&body.context, || {
                time += 1;
                if !program(&body, time - 1) {
                    exit_current();
                }
            })
        });
        // As it was on another CPU's stack at last, nobody knows what it holds.
        core::mem::forget((body, program));
    }));
    thread
}

/// Counts threads that are done.
#[derive(Clone)]
pub(crate) struct Countdown(std::rc::Rc<Inside>);

struct Inside {
    left: core::cell::Cell<u32>,
    waiting: shuttle::thread::Thread,
}

/// A countdown from `threads` that the caller waits for.
pub(crate) fn all_end(threads: u32) -> Countdown {
    Countdown(std::rc::Rc::new(Inside {
        left: core::cell::Cell::new(threads),
        waiting: shuttle::thread::current(),
    }))
}

impl Countdown {
    /// One is done.
    pub(crate) fn one(&self) {
        self.0.left.set(self.0.left.get() - 1);
        self.0.waiting.unpark();
    }

    /// Waits until all are done, and switches the machine off; where nothing moves any
    /// more, shuttle says so.
    pub(crate) fn wait(&self) {
        self.wait_only();
        baton::switch_off();
    }

    /// Waits until all are done.
    pub(crate) fn wait_only(&self) {
        while self.0.left.get() > 0 {
            shuttle::thread::park();
        }
    }
}
