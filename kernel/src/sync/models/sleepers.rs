//! Wait queues and sleeping locks.

extern crate std;

use core::cell::RefCell;

use crate::arch::model::cell::Access;
use crate::arch::model::{Explorer, SpawnedCpu, spawn_cpu};
use crate::arch::{cpu_id, spin_hint};
use crate::limits::CPUS_MAX;
use crate::model_test;
use crate::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use crate::sync::{Mutex, Parked, Parker, Ref, WaitQueue, set_parker};

const MANY: Explorer = Explorer::Random { schedules: 20_000 };

/// Stands for the thread that a CPU runs; it parks as the contract of `Parked` says.
struct Sleeper {
    permit: AtomicBool,
}

impl Parked for Sleeper {
    fn unpark(&self) {
        self.permit.store(true, Ordering::Release);
    }
}

std::thread_local! {
    static SLEEPERS: RefCell<[Option<Ref<Sleeper>>; CPUS_MAX]> =
        const { RefCell::new([const { None }; CPUS_MAX]) };
}

fn me() -> Ref<Sleeper> {
    SLEEPERS.with_borrow(|sleepers| sleepers[cpu_id()].clone().unwrap())
}

fn begin() {
    SLEEPERS.with_borrow_mut(|sleepers| {
        for sleeper in sleepers {
            let permit = AtomicBool::new(false);
            core::mem::forget(sleeper.replace(Ref::new(Sleeper { permit }).unwrap()));
        }
    });
    set_parker(Parker {
        current: || Some(me().widen(|sleeper| sleeper as *mut dyn Parked)),
        park: |_| {
            while !me().permit.swap(false, Ordering::Acquire) {
                spin_hint();
            }
            true
        },
        now: || 0,
    });
}

model_test!(
    /// Whoever waits for something that has come goes on.
    wait_queue_wakes, ["queue-look-again", "queue-wake"], MANY,
    || {
        begin();
        let shared = Ref::new((WaitQueue::new(), AtomicU32::new(0))).unwrap();
        let waiter = {
            let shared = shared.clone();
            spawn_cpu(1, move || {
                let (queue, value) = &*shared;
                let seen = queue.wait_until(abi::NEVER, || match value.load(Ordering::Acquire) {
                    0 => None,
                    value => Some(value),
                });
                assert_eq!(seen, Some(1));
            })
        };
        let (queue, value) = &*shared;
        value.store(1, Ordering::Release);
        queue.wake_all();
        waiter.join();
    }
);

model_test!(
    /// The holder of a sleeping lock is alone, and nobody waits for a free one.
    mutex_excludes, ["mutex-take", "mutex-wake", "queue-look-again"], MANY,
    || {
        begin();
        let lock = Ref::new(Mutex::new(Access::new())).unwrap();
        let use_it = |lock: &Mutex<Access>| {
            let access = lock.lock();
            access.enter();
            spin_hint();
            access.leave();
        };
        let others = [1, 2].map(|cpu| {
            let lock = lock.clone();
            spawn_cpu(cpu, move || use_it(&lock))
        });
        use_it(&lock);
        others.into_iter().for_each(SpawnedCpu::join);
    }
);
