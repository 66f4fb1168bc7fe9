//! Threads that give CPUs to each other, for models under shuttle.
//!
//! A thread of the kernel is a thread of the model, and runs while it has a CPU. A switch
//! gives the CPU away and waits for another. Where a thread leaves without frames, its
//! frames are unwound, and it begins its next *turn* when it gets a CPU again: what its
//! program does up to and with the next system call.

use core::cell::{Cell, RefCell};

use super::std;
use super::std::boxed::Box;
use super::std::collections::BTreeMap;
use super::std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use super::std::thread_local;
use super::{cpu, planted};
use crate::arch::Context;

/// Where a thread waits for a CPU.
#[derive(Default)]
struct Seat {
    given: Option<usize>,
    runs: bool,
    waiting: Option<shuttle::thread::Thread>,
}

/// Unwinds the frames of a thread that has left its CPU.
struct Left;
/// Unwinds the frames of a thread that has nothing more to wait for.
pub(super) struct SwitchedOff;
/// Unwinds the frames of a thread that goes back to its program.
struct Resumed;

thread_local! {
    static SEATS: RefCell<BTreeMap<usize, Seat>> = const { RefCell::new(BTreeMap::new()) };
    static USER_WORK: Cell<fn()> = const { Cell::new(|| ()) };
}

fn seat<R>(context: &Context, work: impl FnOnce(&mut Seat) -> R) -> R {
    let place = core::ptr::from_ref(context) as usize;
    SEATS.with_borrow_mut(|seats| work(seats.entry(place).or_default()))
}

/// Before a schedule.
pub fn reset() {
    SEATS.with_borrow_mut(BTreeMap::clear);
}

/// Says what is to be done about pending bits on the way back to a program.
pub fn work_before_programs(work: fn()) {
    USER_WORK.set(work);
}

/// This thread of the model runs as `context` from now on, on the CPU that it is.
pub fn adopt(context: &Context) {
    seat(context, |seat| seat.runs = true);
}

fn give(next: &Context, cpu: usize) {
    let waiting = seat(next, |seat| {
        assert!(!seat.runs, "a thread was given a second CPU");
        assert!(
            seat.given.replace(cpu).is_none(),
            "a thread was given two CPUs"
        );
        seat.waiting.take()
    });
    if let Some(thread) = waiting {
        thread.unpark();
    }
}

fn wait_for_cpu(me: &Context) {
    loop {
        let given = seat(me, |seat| {
            let given = seat.given.take();
            seat.runs = given.is_some();
            seat.waiting = given.is_none().then(shuttle::thread::current);
            given
        });
        match given {
            Some(cpu) => return cpu::begin_on(cpu),
            None => {
                if cpu::is_off() {
                    resume_unwind(Box::new(SwitchedOff));
                }
                shuttle::thread::park();
            }
        }
    }
}

/// Ends the schedule: CPUs and threads that wait for something go away.
pub fn switch_off() {
    cpu::switch_off();
    let waiting = SEATS.with_borrow_mut(|seats| {
        let all = seats.values_mut().filter_map(|seat| seat.waiting.take());
        all.collect::<std::vec::Vec<_>>()
    });
    waiting.iter().for_each(shuttle::thread::Thread::unpark);
}

/// Does `work` until the schedule ends.
pub fn until_switched_off(work: impl FnOnce()) {
    match catch_unwind(AssertUnwindSafe(work)) {
        Err(why) if !why.is::<SwitchedOff>() => resume_unwind(why),
        _ => {}
    }
}

fn go_to(previous: &Context, next: &Context) {
    let cpu = cpu::cpu_id();
    cpu::leave();
    seat(previous, |seat| seat.runs = false);
    // As the machine does it, once nothing is on the stack of the one before.
    previous.set_off_cpu();
    give(next, cpu);
}

/// Gives the CPU to `next`; returns when this thread has one again.
pub fn switch(previous: &Context, next: &Context) {
    go_to(previous, next);
    wait_for_cpu(previous);
}

/// Gives the CPU to `next`; the frames are left for good.
pub fn leave(previous: &Context, next: &Context) -> ! {
    if core::ptr::eq(previous, next) {
        resume();
    }
    go_to(previous, next);
    resume_unwind(Box::new(Left))
}

/// Goes back to the program; the frames are left for good.
pub fn resume() -> ! {
    resume_unwind(Box::new(Resumed))
}

/// Whether `work` kept the CPU.
fn keeps_cpu(work: &mut dyn FnMut()) -> bool {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(()) => true,
        Err(why) if why.is::<Resumed>() => true,
        Err(why) if why.is::<Left>() => false,
        Err(why) => resume_unwind(why),
    }
}

/// Lets a thread that has been started run: `turn` is called each time its program goes on.
pub fn run_thread(context: &Context, mut turn: impl FnMut()) -> ! {
    loop {
        wait_for_cpu(context);
        loop {
            cpu::irq_disable();
            if cpu::pending() != 0 {
                if !keeps_cpu(&mut || USER_WORK.get()()) {
                    break;
                }
                continue;
            }
            if !keeps_cpu(&mut || {
                cpu::irq_enable();
                turn();
            }) {
                break;
            }
        }
    }
}

/// Whether a CPU uses the stack of a thread, for the mistake of not asking.
pub fn forgets_stacks() -> bool {
    planted("stack-in-use")
}
