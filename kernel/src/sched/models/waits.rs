//! Frameless waits: who ends one, and whether the thread notices.

extern crate std;

use core::cell::RefCell;
use std::rc::Rc;

use super::machine::all_end;
use super::{MANY, boot, prepare, thread};
use crate::arch::model::{SpawnedCpu, baton, spawn_cpu};
use crate::arch::{irq_disable, irq_enable};
use crate::model_test;
use crate::sched::thread::state;
use crate::sched::{Thread, WaitTarget, block_frameless, current, switch_to, yield_frameless};
use crate::sync::Ref;
use crate::sync::atomic::Ordering;

/// Opens a wait of the running thread and leaves the CPU.
fn wait() -> ! {
    irq_disable();
    if current().open_wait(WaitTarget::None, abi::NEVER).is_err() {
        // Told to end.
        yield_frameless();
    }
    block_frameless()
}

/// Waits until a thread has ended, and switches the machine off. A thread that never does
/// is told by the number of steps.
fn end_of(thread: &Thread) {
    while thread.state.load(Ordering::Relaxed) != state::DEAD {
        shuttle::thread::yield_now();
    }
    baton::switch_off();
}

model_test!(
    /// Two CPUs end the waits of one thread, each wait is ended once, and the thread goes
    /// on with what was written.
    a_wait_is_ended_once, ["wait-claim", "wait-finished", "interrupt-lost"], MANY,
    || {
        boot(2);
        let end = all_end(1);
        let ended = Rc::new(core::cell::Cell::new(0));
        let waiter = {
            let end = end.clone();
            thread(move |me, time| {
                if time == 0 {
                    wait();
                }
                assert_eq!(me.frame().register(0), 0);
                assert_eq!(me.frame().register(1), 7, "the results are not written");
                end.one();
                false
            })
        };
        let enders = [5, 6].map(|cpu| {
            let (waiter, ended) = (waiter.clone(), ended.clone());
            spawn_cpu(cpu, move || {
                // Until it waits; whoever has ended it tries once more.
                let mut tries = 0;
                while tries < 3 || ended.get() == 0 {
                    if waiter.complete_any(None, [7, 0, 0]) {
                        ended.set(ended.get() + 1);
                    }
                    tries += 1;
                    shuttle::thread::yield_now();
                }
            })
        });
        enders.into_iter().for_each(SpawnedCpu::join);
        assert_eq!(ended.get(), 1, "a wait was ended twice");
        end.wait();
    }
);

model_test!(
    /// A thread that is told to end ends, whatever it is at.
    a_killed_thread_ends, ["wait-kill"], MANY,
    || {
        boot(2);
        let victim = thread(move |me, _| {
            irq_disable();
            match current().open_wait(WaitTarget::None, abi::NEVER) {
                Ok(_) => block_frameless(),
                Err(_) => {
                    assert!(me.is_killed());
                    irq_enable();
                    // Who tells it may not have come to the end of that.
                    shuttle::thread::yield_now();
                    true
                }
            }
        });
        let watched = victim.clone();
        drop(spawn_cpu(5, move || victim.kill()));
        end_of(&watched);
    }
);

/// Ends the wait of `other` and goes straight to it, waiting oneself; where it does not
/// wait yet, tries again in another turn.
fn call(other: &Ref<Thread>) -> ! {
    irq_disable();
    let me = current();
    me.frame().set_register(1, 0);
    if me.open_wait(WaitTarget::None, abi::NEVER).is_err() {
        yield_frameless();
    }
    if other.claim_open() {
        other.frame().set_result(0, [1, 0, 0]);
        match other.seize() {
            Some(next) => switch_to(next),
            None => block_frameless(),
        }
    }
    if me.close_wait() {
        // A schedule that prefers this thread would try for ever.
        shuttle::thread::yield_now();
        yield_frameless();
    }
    block_frameless()
}

model_test!(
    /// A client and a server go straight to each other, on whichever CPU they meet; the
    /// server is told to end at last.
    direct_switches_meet, ["wait-finished", "stack-in-use"], MANY,
    || {
        boot(2);
        let end = all_end(1);
        let client: Rc<RefCell<Option<Ref<Thread>>>> = Rc::default();
        let server = {
            let client = client.clone();
            thread(move |me, _| {
                if me.frame().register(1) == 1 {
                    let client = client.borrow().clone();
                    call(&client.unwrap());
                }
                wait();
            })
        };
        let (end_of_client, to) = (end.clone(), server.clone());
        let mut answers = 0;
        let caller = prepare(move |me, _| {
            answers += u32::from(me.frame().register(1) == 1);
            if answers < 3 {
                call(&to);
            }
            end_of_client.one();
            false
        });
        client.replace(Some(caller.clone()));
        caller.start();
        end.wait_only();
        server.kill();
        end_of(&server);
    }
);
